// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.DurableTask;
using Microsoft.Extensions.Logging;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>The context that orchestrator code sees, after the isolated worker's.</summary>
internal sealed class ReplayContext(Replay replay, DurableTestOptions options) : TaskOrchestrationContext
{
    // The namespace of the Durable Task Framework's name-based ids.
    private static readonly Guid Namespace = new("9e952958-5e33-4daf-827f-2fa12937b875");

    private readonly Dictionary<string, Stack<IWait>> _waits = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, Queue<EventRaised>> _buffer = new(StringComparer.OrdinalIgnoreCase);
    private int _guids;

    /// <summary>A wait of the newest of a name comes first, as the worker has it.</summary>
    private interface IWait
    {
        Type Type { get; }
        bool IsOpen { get; }

        void Complete(string? json);
    }

    public string? CustomStatus { get; private set; }

    public bool IsWaiting => _waits.Values.Any(waits => waits.Any(wait => wait.IsOpen));

    public override TaskName Name => replay.Started.Name;
    public override string InstanceId => replay.Started.InstanceId;
    public override ParentOrchestrationInstance? Parent => null;
    public override DateTime CurrentUtcDateTime => replay.Now;
    public override bool IsReplaying => replay.IsReplaying;
    public override string Version => replay.Started.Version;

    protected override ILoggerFactory LoggerFactory => options.Loggers;

    public override T? GetInput<T>()
        where T : default
    {
        replay.Require();
        return replay.Payloads.Read<T>(replay.Started.Input);
    }

    public override async Task<TResult> CallActivityAsync<TResult>(TaskName name, object? input = null, TaskOptions? options = null)
    {
        replay.Require();
        if (input is TaskOptions && options is null)
        {
            throw new ArgumentException("options were given as the activity's input", nameof(input));
        }

        return options?.Retry switch
        {
            { Policy: { } policy } => await WithPolicy(policy, Call),
            { Handler: { } handler } => await WithHandler(handler, Call),
            _ => await Call(),
        };

        async Task<TResult> Call()
        {
            string? json = replay.Write(input);
            string version = options?.Version?.Version ?? Version;
            int id = replay.Act(id => new TaskScheduled(id, name.Name, version, json));
            return replay.Payloads.Read<TResult>(await replay.Await(id, name.Name))!;
        }
    }

    public override async Task CreateTimer(DateTime fireAt, CancellationToken cancellationToken)
    {
        replay.Require();
        DateTime due = fireAt.ToUniversalTime();
        while (due - CurrentUtcDateTime > options.MaximumTimerInterval && !cancellationToken.IsCancellationRequested)
        {
            await Timer(CurrentUtcDateTime + options.MaximumTimerInterval, cancellationToken);
        }

        await Timer(due, cancellationToken);
    }

    public override Task<T> WaitForExternalEvent<T>(string eventName, CancellationToken cancellationToken = default)
    {
        replay.Require();
        Stack<IWait> waits = _waits.TryGetValue(eventName, out Stack<IWait>? found) ? found : _waits[eventName] = new();
        if (waits.TryPeek(out IWait? newest) && newest.Type != typeof(T))
        {
            throw new ArgumentException($"Events of one name have one type: {newest.Type} was awaited, now {typeof(T)}.", nameof(eventName));
        }

        Wait<T> wait = new(replay.Payloads);
        waits.Push(wait);
        if (_buffer.TryGetValue(eventName, out Queue<EventRaised>? buffered) && buffered.TryDequeue(out EventRaised? first))
        {
            Raise(first);
        }

        cancellationToken.Register(() => wait.Source.TrySetCanceled(cancellationToken));
        return wait.Source.Task;
    }

    public void Raise(EventRaised raised)
    {
        Stack<IWait>? waits = _waits.GetValueOrDefault(raised.Name);
        while (!options.CancelledWaitsTakeEvents && waits is { Count: > 0 } && !waits.Peek().IsOpen)
        {
            waits.Pop();
        }

        if (waits is { Count: > 0 })
        {
            waits.Pop().Complete(raised.Input);
            return;
        }

        Queue<EventRaised> buffered = _buffer.TryGetValue(raised.Name, out Queue<EventRaised>? found) ? found : _buffer[raised.Name] = new();
        buffered.Enqueue(raised);
    }

    public override void SendEvent(string instanceId, string eventName, object payload)
    {
        replay.Require();
        string? json = replay.Write(payload);
        replay.Act(id => new EventSent(id, instanceId, eventName, json));
    }

    public override void SetCustomStatus(object? customStatus)
    {
        replay.Require();
        CustomStatus = replay.Write(customStatus, isStatus: true);
    }

    public override Task<TResult> CallSubOrchestratorAsync<TResult>(TaskName orchestratorName, object? input = null, TaskOptions? options = null) =>
        throw new NotSupportedException("This backend has no orchestrations within orchestrations.");

    public override void ContinueAsNew(object? newInput = null, bool preserveUnprocessedEvents = true) =>
        ContinueAsNew(new ContinueAsNewOptions { NewInput = newInput, PreserveUnprocessedEvents = preserveUnprocessedEvents });

    public override void ContinueAsNew(ContinueAsNewOptions options)
    {
        replay.Require();
        replay.Anew = new ContinuedAnew(replay.Write(options.NewInput), options.NewVersion);
        if (!options.PreserveUnprocessedEvents)
        {
            return;
        }

        foreach (EventRaised left in _buffer.Values.SelectMany(events => events))
        {
            replay.Act(id => new EventSent(id, InstanceId, left.Name, left.Input));
        }

        _buffer.Clear();
    }

    // RFC 4122, section 4.3, version 5, of the instance, the time and a counter.
    public override Guid NewGuid()
    {
        replay.Require();
        string name = string.Join('_', InstanceId, CurrentUtcDateTime.ToString("o", CultureInfo.InvariantCulture), _guids++.ToString(CultureInfo.InvariantCulture));
#pragma warning disable CA5350 // version 5 is SHA-1; nothing depends on its strength
        byte[] hash = SHA1.HashData([.. Namespace.ToByteArray(bigEndian: true), .. Encoding.UTF8.GetBytes(name)]);
#pragma warning restore CA5350
        hash[6] = (byte)((hash[6] & 0x0f) | 0x50);
        hash[8] = (byte)((hash[8] & 0x3f) | 0x80);
        return new Guid(hash.AsSpan(0, 16), bigEndian: true);
    }

    private Task<string?> Timer(DateTime due, CancellationToken cancellation) =>
        replay.Await(replay.Act(id => new TimerCreated(id, due)), "timer", cancellation);

    // The framework's way: a timer between attempts, and one of no length after the last.
    private async Task<T> WithPolicy<T>(RetryPolicy policy, Func<Task<T>> call)
    {
        DateTime first = CurrentUtcDateTime;
        for (int attempt = 0; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (TaskFailedException) when (attempt + 1 < policy.MaxNumberOfAttempts && (policy.RetryTimeout == Timeout.InfiniteTimeSpan || CurrentUtcDateTime < first + policy.RetryTimeout))
            {
                double delay = policy.FirstRetryInterval.TotalMilliseconds * Math.Pow(policy.BackoffCoefficient, attempt);
                bool isCapped = policy.MaxRetryInterval != Timeout.InfiniteTimeSpan && delay >= policy.MaxRetryInterval.TotalMilliseconds;
                await Timer(CurrentUtcDateTime + (isCapped ? policy.MaxRetryInterval : TimeSpan.FromMilliseconds(delay)), CancellationToken.None);
            }
            catch (TaskFailedException) when (attempt + 1 == policy.MaxNumberOfAttempts)
            {
                await Timer(CurrentUtcDateTime, CancellationToken.None);
                throw;
            }
        }
    }

    private async Task<T> WithHandler<T>(AsyncRetryHandler handler, Func<Task<T>> call)
    {
        DateTime first = CurrentUtcDateTime;
        for (int attempt = 1; ; attempt++)
        {
            try
            {
                return await call();
            }
            catch (TaskFailedException error)
            {
                if (!await handler(new RetryContext(this, attempt, error.FailureDetails, CurrentUtcDateTime - first, CancellationToken.None)))
                {
                    throw;
                }
            }
        }
    }

    private sealed class Wait<T>(Payloads payloads) : IWait
    {
        public TaskCompletionSource<T> Source { get; } = new();
        public Type Type => typeof(T);
        public bool IsOpen => !Source.Task.IsCompleted;

        public void Complete(string? json) => Source.TrySetResult(payloads.Read<T>(json)!);
    }
}
