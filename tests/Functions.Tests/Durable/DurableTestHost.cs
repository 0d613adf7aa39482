// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>
/// A Durable backend in memory that runs orchestrators by replay only: every episode begins the code anew over the whole history, compares, and is replayed once more
/// before it is believed. Nothing happens by itself: a test takes steps, or lets a scheduler take them.
/// </summary>
/// <remarks>Wrong where it is simpler than the services: no orchestrations within orchestrations, no entities, suspension holds the inbox back instead of being in the history.</remarks>
public sealed partial class DurableTestHost : IDisposable
{
    private readonly Dictionary<string, OrchestratorCode> _orchestrators = new(StringComparer.OrdinalIgnoreCase);
    private readonly Dictionary<string, Func<string?, Task<string?>>> _activities = new(StringComparer.OrdinalIgnoreCase);
    private readonly SortedDictionary<string, DurableInstance> _instances = new(StringComparer.Ordinal);
    private readonly List<DurableStep.Deliver> _mail = [];
    private readonly List<DurableStep.RunActivity> _work = [];
    private readonly List<DurableStep.FireTimer> _timers = [];
    private readonly Violations _violations = new();
    private int _mails;
    private int _ids;

    public DurableTestHost(DurableTestOptions? options = null)
    {
        Options = options ?? new DurableTestOptions();
        Payloads = new Payloads(Options);
        Now = Options.Start;
        Client = new TestDurableTaskClient(this);
    }

    public DurableTestOptions Options { get; }
    public DateTimeOffset Now { get; private set; }
    public DurableTaskClient Client { get; }
    public IReadOnlyCollection<DurableInstance> Instances => _instances.Values;

    /// <summary>Episodes that were run, replays for comparison not counted.</summary>
    public int Episodes { get; private set; }

    internal Payloads Payloads { get; }

    public DurableTestHost AddOrchestrator(string name, Func<TaskOrchestrationContext, Task> code) => Add(name, async context =>
    {
        await code(context);
        return null;
    });

    public DurableTestHost AddOrchestrator<TOutput>(string name, Func<TaskOrchestrationContext, Task<TOutput>> code) => Add(name, async context => Write(await code(context)));

    public DurableTestHost AddOrchestrator<TInput, TOutput>(string name, TaskOrchestrator<TInput, TOutput> orchestrator) =>
        Add(name, async context => Write(await orchestrator.RunAsync(context, context.GetInput<TInput>()!)));

    public DurableTestHost AddActivity(string name, Func<string?, Task<string?>> activity)
    {
        _activities.Add(name, activity);
        return this;
    }

    public DurableTestHost AddActivity<TInput, TOutput>(string name, Func<TInput, Task<TOutput>> activity) =>
        AddActivity(name, async input => Payloads.Serialize(await activity(Payloads.Read<TInput>(input)!)));

    public DurableInstance Instance(string instanceId) => _instances[instanceId];

    /// <summary>Puts an orchestration of an older release into the backend: its history goes on where it stopped.</summary>
    public DurableInstance Load(DurableHistory history)
    {
        ExecutionStarted started = history.Events.OfType<ExecutionStarted>().First();
        DurableInstance instance = new(started.Name, started.InstanceId, Now) { Generation = started.Generation, Input = started.Input, History = history, Status = OrchestrationRuntimeStatus.Running };
        _instances.Add(instance.InstanceId, instance);
        _work.AddRange(history.OpenTasks.Select(task => new DurableStep.RunActivity(instance.InstanceId, instance.Generation, task)));
        _timers.AddRange(history.OpenTimers.Select(timer => new DurableStep.FireTimer(instance.InstanceId, instance.Generation, timer)));
        return instance;
    }

    /// <summary>Compares a stored history with the orchestrator that is registered under its name.</summary>
    public void Verify(DurableHistory history)
    {
        Replay.Verify(_orchestrators[history.Events.OfType<ExecutionStarted>().First().Name], history, Options);
    }

    /// <summary>Fails the test if orchestrator code did something forbidden that was seen too late for its episode.</summary>
    public void Dispose() => _violations.ThrowUntold();

    /// <summary>Lets it be so late, for a test that has a clock of its own.</summary>
    public void Pass(DateTimeOffset now) => Now = now > Now ? now : Now;

    internal DurableInstance? Find(string instanceId) => _instances.GetValueOrDefault(instanceId);

    internal string Start(string name, string? input, string? instanceId, string? version)
    {
        string id = instanceId ?? $"instance-{++_ids:d4}";
        if (_instances.TryGetValue(id, out DurableInstance? existing) && !existing.IsFinished)
        {
            throw new InvalidOperationException($"an orchestration with the id {id} runs already");
        }

        Payloads.Check(input);
        DurableInstance instance = new(name, id, Now) { Input = input };
        instance.Inbox.Add(new ExecutionStarted(name, id, 0, version ?? Options.DefaultVersion, input));
        Forget(id);
        _instances[id] = instance;
        return id;
    }

    /// <summary>Sends a message on its way; one for nobody is dropped, as the services do.</summary>
    internal void Send(string instanceId, HistoryEvent message) => _mail.Add(new DurableStep.Deliver(instanceId, _mails++, message));

    /// <summary>Holds an orchestration's inbox back, or no longer. Its end by termination is not held back.</summary>
    internal void Suspend(string instanceId, bool isSuspended)
    {
        if (Find(instanceId) is { IsFinished: false } instance)
        {
            instance.IsSuspended = isSuspended;
        }
    }

    internal bool Purge(string instanceId)
    {
        bool isGone = _instances.TryGetValue(instanceId, out DurableInstance? instance) && instance.IsFinished && _instances.Remove(instanceId);
        if (isGone)
        {
            Forget(instanceId);
        }

        return isGone;
    }

    private DurableTestHost Add(string name, OrchestratorCode code)
    {
        _orchestrators.Add(name, code);
        return this;
    }

    private string? Write(object? value)
    {
        try
        {
            return Payloads.Serialize(value);
        }
        catch (PayloadTooLongException error)
        {
            _violations.Report(error);
            throw;
        }
    }

    // Work of an earlier orchestration of the same id gives its results to nobody.
    private void Forget(string instanceId)
    {
        _work.RemoveAll(step => string.Equals(step.InstanceId, instanceId, StringComparison.Ordinal));
        _timers.RemoveAll(step => string.Equals(step.InstanceId, instanceId, StringComparison.Ordinal));
    }
}
