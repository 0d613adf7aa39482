// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>One orchestration in the backend: what is durable of it.</summary>
public sealed class DurableInstance(string name, string instanceId, DateTimeOffset created)
{
    public string Name { get; } = name;
    public string InstanceId { get; } = instanceId;
    public DateTimeOffset CreatedAt { get; } = created;
    public DateTimeOffset LastUpdatedAt { get; internal set; } = created;
    public int Generation { get; internal set; }
    public OrchestrationRuntimeStatus Status
    {
        get => IsSuspended && field is OrchestrationRuntimeStatus.Pending or OrchestrationRuntimeStatus.Running ? OrchestrationRuntimeStatus.Suspended : field;
        internal set;
    }
    = OrchestrationRuntimeStatus.Pending;

    public string? Input { get; internal set; }
    public string? Output { get; internal set; }
    public string? CustomStatus { get; internal set; }
    public HistoryFailure? Failure { get; internal set; }

    /// <summary>The current generation's history.</summary>
    public DurableHistory History { get; internal set; } = DurableHistory.Empty;

    /// <summary>Histories of generations that ended by beginning anew, oldest first.</summary>
    public IReadOnlyList<DurableHistory> Past => Ended;

    public bool IsFinished => Status is OrchestrationRuntimeStatus.Completed or OrchestrationRuntimeStatus.Failed or OrchestrationRuntimeStatus.Terminated;

    /// <summary>Whether an episode may be next: there is something to tell, and nobody holds it back.</summary>
    internal bool CanRun => !IsFinished && (IsSuspended ? Inbox.Exists(item => item is ExecutionTerminated) : Inbox.Count > 0);

    internal List<DurableHistory> Ended { get; } = [];
    internal List<HistoryEvent> Inbox { get; } = [];
    internal bool IsSuspended { get; set; }
}
