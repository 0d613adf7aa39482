// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Ledgers;

namespace FedCloud.SiloAgent.Audit;

/// <summary>Where an entry of this start of the agent is in the log, and what the clock said when it was written.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Clock">The clock, which the entry's own time may be ahead of: times of entries never go back.</param>
public sealed record ClockReading(long Index, DateTimeOffset Clock);

/// <summary>The log's time from the newest entries of the other parties.</summary>
public static class LogTimes
{
    private static readonly string Coordinator = new ActorKey(EntryActor.Coordinator, EntryActor.Coordinator).ToString();

    /// <summary>The time.</summary>
    /// <param name="parties">The newest entry of each other party; null for none.</param>
    /// <param name="own">The newest entry of this start in the log; null for none.</param>
    public static LogTime Of(ImmutableSortedDictionary<string, PartyPlace>? parties, ClockReading? own)
    {
        DateTimeOffset[] newest = [.. (parties?.Values ?? []).Select(party => party.At).OrderDescending()];
        PartyPlace[] behind = [.. (parties?.Values ?? []).Where(party => party.Index > own?.Index)];

        // Another silo's entries may have waited for days; the coordinator's are written when they are handed in.
        bool isAnswered = parties?.GetValueOrDefault(Coordinator) is { } coordinator && coordinator.Index > own?.Index;
        return new LogTime(newest.Length > 1 ? newest[1] : null, own?.Clock, isAnswered ? behind.Max(party => party.At) : null);
    }
}
