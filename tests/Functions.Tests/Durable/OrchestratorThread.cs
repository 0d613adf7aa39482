// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>
/// The one thread on which an episode's code runs. Continuations of durable tasks run in place, as in the Durable Task Framework;
/// anything that reaches the code from another thread is an error of the orchestrator, remembered until somebody looks.
/// </summary>
internal sealed class OrchestratorThread : SynchronizationContext
{
    private static readonly AsyncLocal<OrchestratorThread?> Flow = new(change =>
    {
        if (change is { ThreadContextChanged: true, CurrentValue: { } owner })
        {
            owner.Enter("work was started on another thread");
        }
    });

    private readonly int _thread = Environment.CurrentManagedThreadId;
    private readonly Action<Exception> _report;
    private bool _over;

    public OrchestratorThread(Action<Exception> report) => _report = report;

    public override SynchronizationContext CreateCopy() => this;

    public override void Post(SendOrPostCallback d, object? state)
    {
        if (Enter("a continuation came from another thread"))
        {
            d(state);
        }
    }

    public override void Send(SendOrPostCallback d, object? state) => Post(d, state);

    public void Run(Action episode)
    {
        SynchronizationContext? before = Current;
        SetSynchronizationContext(this);
        Flow.Value = this;
        try
        {
            episode();
        }
        finally
        {
            Flow.Value = null;
            SetSynchronizationContext(before);
            _over = true;
        }
    }

    /// <summary>Called by every member of the context.</summary>
    public void Require()
    {
        if (!Enter("the context was used on another thread"))
        {
            throw new InvalidOperationException("Orchestrator code may run on its own thread only.");
        }
    }

    private bool Enter(string what)
    {
        if (Environment.CurrentManagedThreadId == _thread && !_over)
        {
            return true;
        }

        _report(new IllegalAwaitException($"{what}: orchestrators may await durable tasks only, without ConfigureAwait(false)"));
        return false;
    }
}
