// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Something that may happen next, and which the scheduler of a test chooses among.</summary>
public abstract record DurableStep(string InstanceId)
{
    /// <summary>An event on its way reaches the orchestration's inbox.</summary>
    public sealed record Deliver(string InstanceId, int Mail, HistoryEvent Message) : DurableStep(InstanceId);

    /// <summary>A scheduled activity runs and its result reaches the inbox.</summary>
    public sealed record RunActivity(string InstanceId, int Generation, TaskScheduled Task) : DurableStep(InstanceId);

    /// <summary>A timer that is due fires.</summary>
    public sealed record FireTimer(string InstanceId, int Generation, TimerCreated Timer) : DurableStep(InstanceId);

    /// <summary>The orchestrator's code replays and sees what is in the inbox.</summary>
    public sealed record RunEpisode(string InstanceId) : DurableStep(InstanceId);
}
