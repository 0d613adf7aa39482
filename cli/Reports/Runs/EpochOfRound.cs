// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>The epoch of a round under secure aggregation: the one whose parameters give the round's rid.</summary>
/// <param name="Open">The entry that opened it.</param>
/// <param name="Ready">The entry that made its slots usable, with the hash of U2.</param>
/// <param name="Members">U2, whose hash is the logged one; empty where the evidence has no signed bodies of the round.</param>
internal sealed record EpochOfRound(LoggedRecord Open, LoggedRecord Ready, ImmutableArray<int> Members)
{
    /// <summary>Finds it by computing the rid again.</summary>
    /// <param name="epochs">The log's entries of epochs.</param>
    /// <param name="start">The round's start.</param>
    /// <param name="sum">The round's signed bodies; null where the evidence has none.</param>
    public static EpochOfRound? Find(ImmutableArray<LoggedRecord> epochs, LoggedRecord start, RoundEvidence? sum)
    {
        if (start.Integer("slot") >= Fcsa1.MaxSlots)
        {
            return null;
        }

        foreach (LoggedRecord ready in epochs.Where(record => record.Is(EntryTypes.EpochReady) && record.Index < start.Index))
        {
            Sha256Digest sid = ready.Subject("sid");
            LoggedRecord? open = epochs.FirstOrDefault(record => record.Is(EntryTypes.EpochOpen) && record.Subject("sid") == sid);
            if (open is not null && RidIn(sid, ready.Subject("u2"), start) == start.Subject("rid"))
            {
                return new(open, ready, U2(sid, ready.Subject("u2"), sum));
            }
        }

        return null;
    }

    private static Sha256Digest RidIn(Sha256Digest sid, Sha256Digest u2, LoggedRecord start) => Derivations.Rid(
        sid,
        (int)start.Integer("slot"),
        start.Entry.Round ?? 0,
        start.Subject("model"),
        start.Subject("config"),
        start.Integer("d"),
        Ring.OfBits((int)start.Integer("k")),
        u2);

    private static ImmutableArray<int> U2(Sha256Digest sid, Sha256Digest logged, RoundEvidence? sum)
    {
        ImmutableArray<int> members = [.. (sum?.Acks ?? []).Select(ack => SecureAggregationBody.Parse<ShareAckBody>(ack.Payload).Idx).Order()];
        return members.Length > 0 && Derivations.CohortHash(sid, members) == logged ? members : [];
    }
}
