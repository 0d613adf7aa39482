// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Tests.Durable;

/// <content>The steps and who takes them.</content>
public sealed partial class DurableTestHost
{
    /// <summary>Everything that may happen next at this time.</summary>
    public IReadOnlyList<DurableStep> Steps() =>
    [
        .. _mail,
        .. _timers.Where(step => step.Timer.FireAt <= Now.UtcDateTime),
        .. _instances.Values.Where(instance => instance.CanRun).Select(instance => new DurableStep.RunEpisode(instance.InstanceId)),
        .. _work,
    ];

    /// <summary>Takes a step that <see cref="Steps"/> named.</summary>
    public async Task TakeAsync(DurableStep step, StepFault fault = StepFault.None)
    {
        _violations.Throw();
        switch (step)
        {
            case DurableStep.Deliver mail:
                Deliver(mail, fault);
                break;
            case DurableStep.RunActivity work:
                await RunActivity(work, fault);
                break;
            case DurableStep.FireTimer timer:
                Tell(timer.InstanceId, timer.Generation, new TimerFired(timer.Timer.Id), fault);
                if (fault != StepFault.Crash)
                {
                    _timers.Remove(timer);
                }

                break;
            case DurableStep.RunEpisode episode:
                RunEpisode(_instances[episode.InstanceId], fault);
                break;
        }
    }

    /// <summary>Takes steps in their plain order until none is left at this time.</summary>
    public async Task RunUntilIdleAsync(int maxSteps = 10_000)
    {
        for (int taken = 0; Steps() is [var next, ..]; taken++)
        {
            RequireProgress(taken, maxSteps, "in order");
            await TakeAsync(next);
        }

        _violations.Throw();
    }

    /// <summary>Lets time pass, timer by timer, and takes the steps that each brings.</summary>
    public async Task AdvanceAsync(TimeSpan time)
    {
        DateTimeOffset until = Now + time;
        await RunUntilIdleAsync();
        while (NextTimer() is { } next && next <= until)
        {
            Now = next;
            await RunUntilIdleAsync();
        }

        Now = until;
    }

    /// <summary>Takes steps and lets time pass until only events from outside could bring more.</summary>
    public async Task RunToEndAsync()
    {
        await RunUntilIdleAsync();
        while (NextTimer() is { } next)
        {
            Now = next;
            await RunUntilIdleAsync();
        }
    }

    /// <summary>Lets a seeded scheduler take the steps, with faults, until only events from outside could bring more.</summary>
    public async Task DriveAsync(DurableFaults faults, int maxSteps = 10_000)
    {
        for (int taken = 0; ; taken++)
        {
            RequireProgress(taken, maxSteps, $"with seed {faults.Seed}");
            IReadOnlyList<DurableStep> steps = Steps();
            DateTimeOffset? timer = NextTimer();
            if (steps.Count == 0 && timer is null)
            {
                break;
            }

            if (timer > Now && (steps.Count == 0 || faults.IsLate()))
            {
                Now = timer.Value;
                continue;
            }

            await TakeAsync(faults.Choose(steps), faults.ChooseFault());
        }

        _violations.Throw();
    }

    private DateTimeOffset? NextTimer() => _timers.Count == 0 ? null : Later(new DateTimeOffset(_timers.Min(step => step.Timer.FireAt), TimeSpan.Zero));

    private DateTimeOffset Later(DateTimeOffset time) => time > Now ? time : Now;

    private static void RequireProgress(int taken, int maxSteps, string how)
    {
        if (taken >= maxSteps)
        {
            throw new InvalidOperationException($"{maxSteps} steps {how} and no end");
        }
    }

    private void Deliver(DurableStep.Deliver mail, StepFault fault)
    {
        // A sender that dies before it knows, and a duplicate, are the same to the receiver: the message is still on its way.
        if (fault == StepFault.None)
        {
            _mail.Remove(mail);
        }

        if (_instances.TryGetValue(mail.InstanceId, out DurableInstance? instance) && !instance.IsFinished)
        {
            instance.Inbox.Add(mail.Message);
        }
    }

    private async Task RunActivity(DurableStep.RunActivity work, StepFault fault)
    {
        HistoryEvent message;
        try
        {
            message = new TaskCompleted(work.Task.Id, await _activities[work.Task.Name](work.Task.Input));
            Payloads.Check(((TaskCompleted)message).Result);
        }
        catch (Exception error) when (error is not PayloadTooLongException && _activities.ContainsKey(work.Task.Name))
        {
            message = new TaskFailed(work.Task.Id, HistoryFailure.From(error));
        }

        if (fault == StepFault.Crash)
        {
            return;
        }

        _work.Remove(work);
        Tell(work.InstanceId, work.Generation, message, fault);
    }

    private void Tell(string instanceId, int generation, HistoryEvent message, StepFault fault)
    {
        if (fault != StepFault.Crash && _instances.TryGetValue(instanceId, out DurableInstance? instance) && instance.Generation == generation && !instance.IsFinished)
        {
            instance.Inbox.AddRange(Enumerable.Repeat(message, fault == StepFault.Duplicate ? 2 : 1));
        }
    }

    private void RunEpisode(DurableInstance instance, StepFault fault)
    {
        OrchestratorCode code = _orchestrators.GetValueOrDefault(instance.Name) ?? throw new InvalidOperationException($"no orchestrator is named {instance.Name}");
        HistoryEvent[] told = [new OrchestratorStarted(Now.UtcDateTime), .. instance.Inbox];
        EpisodeOutcome outcome = Replay.Run(code, instance.History.Events, told, Options, _violations);
        if (fault == StepFault.Crash)
        {
            return;
        }

        Episodes++;
        bool isTerminated = outcome.End is ExecutionTerminated;
        IEnumerable<HistoryEvent> done = isTerminated ? [] : outcome.End is null ? outcome.Actions : outcome.Actions.Append(outcome.End);
        DurableHistory history = DurableHistory.Parse(instance.History.Append(told).Append(done).ToJson());
        string? status = Replay.Run(code, history.Events, [], Options, _violations).CustomStatus;
        if (!string.Equals(status, outcome.CustomStatus, StringComparison.Ordinal))
        {
            throw new NonDeterminismException($"status {outcome.CustomStatus}", $"status {status}");
        }

        Record(instance, history, outcome);
    }

    private void Record(DurableInstance instance, DurableHistory history, EpisodeOutcome outcome)
    {
        instance.Inbox.Clear();
        instance.History = history;
        instance.LastUpdatedAt = Now;
        instance.CustomStatus = outcome.CustomStatus;
        instance.Status = OrchestrationRuntimeStatus.Running;
        foreach (HistoryEvent action in outcome.End is ExecutionTerminated ? [] : outcome.Actions)
        {
            Carry(instance, action);
        }

        switch (outcome.End)
        {
            case ExecutionCompleted completed:
                (instance.Status, instance.Output) = (OrchestrationRuntimeStatus.Completed, completed.Result);
                break;
            case ExecutionFailed failed:
                (instance.Status, instance.Failure) = (OrchestrationRuntimeStatus.Failed, failed.Failure);
                break;
            case ExecutionTerminated terminated:
                (instance.Status, instance.Output) = (OrchestrationRuntimeStatus.Terminated, terminated.Output);
                break;
            case ContinuedAnew anew:
                BeginAnew(instance, anew, outcome);
                break;
        }
    }

    private void Carry(DurableInstance instance, HistoryEvent action)
    {
        switch (action)
        {
            case TaskScheduled task:
                _work.Add(new DurableStep.RunActivity(instance.InstanceId, instance.Generation, task));
                break;
            case TimerCreated timer:
                _timers.Add(new DurableStep.FireTimer(instance.InstanceId, instance.Generation, timer));
                break;
            case EventSent sent:
                Send(sent.InstanceId, new EventRaised(sent.Name, sent.Input));
                break;
        }
    }

    private static void BeginAnew(DurableInstance instance, ContinuedAnew anew, EpisodeOutcome outcome)
    {
        ExecutionStarted started = instance.History.Events.OfType<ExecutionStarted>().First();
        instance.Ended.Add(instance.History);
        instance.History = DurableHistory.Empty;
        instance.Generation++;
        instance.Input = anew.Input;
        instance.Inbox.Add(started with { Generation = instance.Generation, Input = anew.Input, Version = anew.Version ?? started.Version });
        instance.Inbox.AddRange(outcome.Carried);
    }
}
