// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>
/// One line of an orchestration's history, after the Durable Task Framework's. What the orchestrator did (TaskScheduled, TimerCreated, EventSent and the ends)
/// is compared with what it does in a replay; everything else is what it was told.
/// </summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(OrchestratorStarted), nameof(OrchestratorStarted))]
[JsonDerivedType(typeof(ExecutionStarted), nameof(ExecutionStarted))]
[JsonDerivedType(typeof(TaskScheduled), nameof(TaskScheduled))]
[JsonDerivedType(typeof(TaskCompleted), nameof(TaskCompleted))]
[JsonDerivedType(typeof(TaskFailed), nameof(TaskFailed))]
[JsonDerivedType(typeof(TimerCreated), nameof(TimerCreated))]
[JsonDerivedType(typeof(TimerFired), nameof(TimerFired))]
[JsonDerivedType(typeof(EventRaised), nameof(EventRaised))]
[JsonDerivedType(typeof(EventSent), nameof(EventSent))]
[JsonDerivedType(typeof(ContinuedAnew), nameof(ContinuedAnew))]
[JsonDerivedType(typeof(ExecutionCompleted), nameof(ExecutionCompleted))]
[JsonDerivedType(typeof(ExecutionFailed), nameof(ExecutionFailed))]
[JsonDerivedType(typeof(ExecutionTerminated), nameof(ExecutionTerminated))]
public abstract record HistoryEvent
{
    /// <summary>The number of an action, by which its history and its replay meet.</summary>
    internal virtual int? ActionId => null;

    /// <summary>Whether nothing may follow.</summary>
    internal virtual bool IsEnd => false;
}

/// <summary>An episode began; orchestrator code sees this time.</summary>
public sealed record OrchestratorStarted(DateTime Timestamp) : HistoryEvent;

/// <summary>The orchestration began, or began anew.</summary>
public sealed record ExecutionStarted(string Name, string InstanceId, int Generation, string Version, string? Input) : HistoryEvent;

/// <summary>The orchestrator called an activity.</summary>
public sealed record TaskScheduled(int Id, string Name, string Version, string? Input) : HistoryEvent
{
    internal override int? ActionId => Id;
}

/// <summary>An activity gave its result.</summary>
public sealed record TaskCompleted(int TaskId, string? Result) : HistoryEvent;

/// <summary>An activity threw.</summary>
public sealed record TaskFailed(int TaskId, HistoryFailure Failure) : HistoryEvent;

/// <summary>The orchestrator set a timer.</summary>
public sealed record TimerCreated(int Id, DateTime FireAt) : HistoryEvent
{
    internal override int? ActionId => Id;
}

/// <summary>A timer's time came.</summary>
public sealed record TimerFired(int TimerId) : HistoryEvent;

/// <summary>An event came from outside or from another orchestration.</summary>
public sealed record EventRaised(string Name, string? Input) : HistoryEvent;

/// <summary>The orchestrator sent an event to an orchestration.</summary>
public sealed record EventSent(int Id, string InstanceId, string Name, string? Input) : HistoryEvent
{
    internal override int? ActionId => Id;
}

/// <summary>The orchestrator began anew; this history ends.</summary>
public sealed record ContinuedAnew(string? Input, string? Version) : HistoryEvent
{
    internal override bool IsEnd => true;
}

/// <summary>The orchestrator returned.</summary>
public sealed record ExecutionCompleted(string? Result) : HistoryEvent
{
    internal override bool IsEnd => true;
}

/// <summary>The orchestrator threw.</summary>
public sealed record ExecutionFailed(HistoryFailure Failure) : HistoryEvent
{
    internal override bool IsEnd => true;
}

/// <summary>Somebody ended the orchestration.</summary>
public sealed record ExecutionTerminated(string? Output) : HistoryEvent
{
    internal override bool IsEnd => true;
}
