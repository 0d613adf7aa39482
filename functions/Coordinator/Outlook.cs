// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Coordinator;

/// <summary>What is next for an actor: what a host that schedules by itself needs to know of a document, and all it may know.</summary>
public sealed record Outlook
{
    /// <summary>What is to be carried out now, in any order and at the same time; what follows is due after that.</summary>
    public ImmutableArray<DueEffect> Due { get; init; } = [];

    /// <summary>When to look again though nothing has happened; null for never.</summary>
    public DateTimeOffset? Deadline { get; init; }

    /// <summary>Which part of its story the actor is in; it never goes back.</summary>
    public long Chapter { get; init; }

    /// <summary>Whether all is done, for good.</summary>
    public bool IsOver { get; init; }
}

/// <summary>An effect that is due.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Parts">How many parts of it can be computed beforehand, each by itself; 0 where it is carried out in one piece.</param>
public sealed record DueEffect(long Id, int Parts = 0);
