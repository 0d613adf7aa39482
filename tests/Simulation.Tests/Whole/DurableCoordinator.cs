// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Api;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Keys;
using FedCloud.Functions.Tests.Durable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The coordinator as two processes on one storage, set going by orchestrations. A turn is one message, some steps of the orchestrations, and now and then the watch.</summary>
internal sealed class DurableCoordinator : ISimulatedCoordinator
{
    private const int MessagesATurn = 32;
    private const int StepsATurn = 64;
    private const double Fault = 0.02;
    private static readonly TimeSpan WatchEvery = TimeSpan.FromMinutes(1);

    private readonly Func<SharedCoordinator> _make;
    private readonly SharedCoordinator[] _processes;
    private readonly DurableBackend _backend;
    private readonly IMailbox _mailbox;
    private readonly SimulatedTime _time;
    private readonly Random _random;
    private readonly bool _isCalm;
    private DateTimeOffset _watched;
    private IReadOnlyList<RunState> _runs = [];

    public DurableCoordinator(Func<SharedCoordinator> make, DurableBackend backend, IMailbox mailbox, SimulatedTime time, Random random, bool isCalm)
    {
        _make = make;
        _processes = [make(), make()];
        _backend = backend;
        _mailbox = mailbox;
        _time = time;
        _random = random;
        _isCalm = isCalm;
        backend.Worker = this;
    }

    public VerificationKey? MessageKey => First.Work.MessageKey;

    public FederationState Federation { get; private set; } = null!;

    public FederationDesk Members => First.Work.Members;

    public WrappingKeyDesk Keys => First.Work.Keys;

    public IEnumerable<RunState> Runs => _runs;

    private SharedCoordinator First => _processes[0];

    public async Task StartAsync()
    {
        await First.StartAsync(CancellationToken.None);
        await RefreshAsync();
    }

    /// <summary>What the other process has changed.</summary>
    public async Task RefreshAsync()
    {
        await First.StartAsync(CancellationToken.None);
        Federation = await First.Work.FederationAsync(CancellationToken.None);
        _runs = await First.Work.RunsAsync(CancellationToken.None);
    }

    public async Task<bool> TurnAsync(CancellationToken cancellation)
    {
        _backend.Host.Pass(_time.Now);
        if (_time.Now - _watched >= WatchEvery)
        {
            _watched = _time.Now;
            await DoAsync(process => process.WatchAsync(cancellation));
        }

        foreach (ReceivedMessage message in await _mailbox.ReceiveAsync(MessagesATurn, cancellation))
        {
            _backend.Worked = true;
            ErrorCode? answer = null;
            await DoAsync(async process => answer = await process.TakeAsync(message.Id, message.Body, cancellation));
            await (answer is { } refused
                ? _mailbox.DeadLetterAsync(message, refused.Name, cancellation)
                : _mailbox.CompleteAsync(message, cancellation));
        }

        for (int taken = 0; taken < StepsATurn && _backend.Host.Steps() is { Count: > 0 } steps; taken++)
        {
            await _backend.Host.TakeAsync(steps[_random.Next(steps.Count)], NextFault());
        }

        await RefreshAsync();
        return _backend.TakeWorked();
    }

    public Task<RunState> SubmitAsync(RunConfig config, CancellationToken cancellation) => First.Work.SubmitAsync(config, cancellation);

    public Task<string?> CancelAsync(RunId job, CancellationToken cancellation) => First.Work.CancelAsync(job, cancellation);

    public Task<RunDetail> DetailAsync(RunId job, CancellationToken cancellation) => First.Work.DetailAsync(job, cancellation);

    public ValueTask DisposeAsync()
    {
        _backend.Worker = null;
        foreach (SharedCoordinator process in _processes)
        {
            process.Dispose();
        }

        return ValueTask.CompletedTask;
    }

    /// <summary>One of the processes does something. Where it crashes over it, another takes its place.</summary>
    public async Task DoAsync(Func<SharedCoordinator, Task> work)
    {
        int process = _random.Next(_processes.Length);
        try
        {
            await work(_processes[process]);
        }
        catch (SimulatedCrashException)
        {
            _processes[process].Dispose();
            _processes[process] = _make();
            throw;
        }
    }

    private StepFault NextFault()
    {
        double draw = _isCalm ? 1 : _random.NextDouble();
        return draw < Fault ? StepFault.Crash : draw < 2 * Fault ? StepFault.Duplicate : StepFault.None;
    }
}
