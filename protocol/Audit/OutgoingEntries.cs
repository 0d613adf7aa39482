// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit;

/// <summary>An actor's own entries on their way into the log (audit-log, A8): journaled with their number before they are signed, and kept until they are in a checkpoint.</summary>
/// <remarks>The first entry of a log is its first roster. What happened before waits for it without a number.</remarks>
public sealed record OutgoingEntries
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The number of the next entry.</summary>
    public required long NextSeq { get; init; }

    /// <summary>Whether the log has, or gets from here, its first roster.</summary>
    public required bool HasRoster { get; init; }

    /// <summary>The last effect whose entries were taken, by source.</summary>
    public ImmutableSortedDictionary<string, long> Taken { get; init; } = ImmutableSortedDictionary.Create<string, long>(StringComparer.Ordinal);

    /// <summary>The time of the last entry: a clock that goes back does not take the entries with it.</summary>
    public DateTimeOffset LastAt { get; init; }

    /// <summary>What waits for the first roster, and enters the log at its time.</summary>
    public ImmutableArray<EntryDraft> Deferred { get; init; } = [];

    /// <summary>Unsigned entries with their numbers, oldest first, that no checkpoint holds yet.</summary>
    public ImmutableArray<LogEntry> Pending { get; init; } = [];

    /// <summary>The queue of an actor without a journal: it goes on from what the log has of it.</summary>
    /// <param name="highest">The actor's highest number in the log; 0 for none.</param>
    /// <param name="logSize">The log's number of entries.</param>
    public static OutgoingEntries Resume(long highest, long logSize) => new() { NextSeq = highest + 1, HasRoster = logSize > 0 };

    /// <summary>Takes the entries of an effect; a second time it changes nothing.</summary>
    /// <param name="source">Whose effects are numbered; null for entries that cannot come twice.</param>
    /// <param name="effect">The effect's number in its source.</param>
    /// <param name="drafts">The entries.</param>
    /// <param name="federation">The federation.</param>
    /// <param name="actor">The actor, under its key in use.</param>
    /// <param name="at">The actor's time.</param>
    public OutgoingEntries Take(string? source, long effect, ImmutableArray<EntryDraft> drafts, FederationId federation, EntryActor actor, DateTimeOffset at)
    {
        if (source is not null && Taken.GetValueOrDefault(source) >= effect)
        {
            return this;
        }

        OutgoingEntries queue = this with { Taken = source is null ? Taken : Taken.SetItem(source, effect), LastAt = at > LastAt ? at : LastAt };
        foreach (EntryDraft draft in drafts)
        {
            queue = queue.Take(draft, federation, actor);
        }

        return queue;
    }

    /// <summary>Forgets entries that a checkpoint holds.</summary>
    /// <param name="highest">The actor's highest number in the log.</param>
    public OutgoingEntries Confirm(long highest) =>
        Pending is [{ } first, ..] && first.Seq <= highest ? this with { Pending = [.. Pending.SkipWhile(entry => entry.Seq <= highest)] } : this;

    private OutgoingEntries Take(EntryDraft next, FederationId federation, EntryActor actor)
    {
        if (!HasRoster && !string.Equals(next.Type, EntryTypes.Roster, StringComparison.Ordinal))
        {
            return this with { Deferred = Deferred.Add(next) };
        }

        ImmutableArray<EntryDraft> drafts = [next, .. Deferred];
        return this with
        {
            HasRoster = true,
            Deferred = [],
            NextSeq = NextSeq + drafts.Length,
            Pending = [.. Pending, .. drafts.Select((draft, i) => draft.ToEntry(federation, actor, NextSeq + i, LastAt))],
        };
    }
}
