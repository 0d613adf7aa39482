// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Protocol.Identity;

namespace FedCloud.Functions.Orchestrations;

/// <summary>What an orchestration hands to its activities: names and numbers, nothing else.</summary>
public sealed record ActorCall
{
    /// <summary>The kind of the actor.</summary>
    public required ActorKind Kind { get; init; }

    /// <summary>The run; null for the others.</summary>
    public string? Job { get; init; }

    /// <summary>The part of its story that the orchestration is in.</summary>
    public long Chapter { get; init; }

    /// <summary>The effect's number; 0 for none.</summary>
    public long Effect { get; init; }

    /// <summary>The part of the effect; null for the whole.</summary>
    public int? Part { get; init; }

    /// <summary>The call for an actor.</summary>
    public static ActorCall Of(ActorName actor)
    {
        ArgumentNullException.ThrowIfNull(actor);
        return new ActorCall { Kind = actor.Kind, Job = actor.Job?.Value };
    }

    /// <summary>The actor.</summary>
    public ActorName ToActor() => new(Kind, Job is null ? null : RunId.Parse(Job));
}
