// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Ledgers;

/// <summary>A ledger after some of its entries: the fold of <see cref="Apply(LedgerEntry)"/> over them.</summary>
/// <remarks>
/// Applying checks the chain and that each entry is a step that the rules allow. It does not ask the filter again: its bracket is a
/// binary64 value, in whose last digit another machine's mathematics may differ, and a ledger must open on every machine.
/// </remarks>
public sealed record LedgerState
{
    /// <summary>The data set's commitment.</summary>
    public required Sha256Digest Commitment { get; init; }

    /// <summary>The number of the last entry; 0 for none.</summary>
    public long Seq { get; init; }

    /// <summary>The hash of the last entry; 64 zeros for none.</summary>
    public Sha256Digest Head { get; init; } = Sha256Digest.Zero;

    /// <summary>The limit in force; null before the first.</summary>
    public LedgerLimit? Limit { get; init; }

    /// <summary>The administrator's signature of the limit in force.</summary>
    public string? LimitSig { get; init; }

    /// <summary>The jobs.</summary>
    public ImmutableSortedDictionary<RunId, LedgerJob> Jobs { get; init; } = ImmutableSortedDictionary<RunId, LedgerJob>.Empty;

    /// <summary>What is spent for good, over the ledger's lifetime.</summary>
    public LedgerRdp Spent => Jobs.Values.Aggregate(LedgerRdp.Zero, (sum, job) => sum.Plus(job.Spent));

    /// <summary>What jobs hold in reserve.</summary>
    public LedgerRdp Reserved => Jobs.Values.Aggregate(LedgerRdp.Zero, (sum, job) => sum.Plus(job.Reserved));

    /// <summary>Charges over the ledger's lifetime.</summary>
    public long Charges => Jobs.Values.Sum(job => (long)job.Charges.Count);

    /// <summary>Whether a reserve is missing that the log shows: nothing is reserved or charged until it is recomputed (rule L11).</summary>
    public bool IsClosed => Jobs.Values.Any(job => job.IsUnresolved);

    /// <summary>The eps_max that what is spent and reserved needs; null without a limit, or where no order has a bound.</summary>
    public decimal? RequiredEpsilon => Limit is null ? null : LedgerFilter.RequiredEpsilon(Spent.Plus(Reserved), (double)Limit.DeltaMax);

    /// <summary>A ledger without entries.</summary>
    public static LedgerState Empty(Sha256Digest commitment) => new() { Commitment = commitment };

    /// <summary>The state after one more entry.</summary>
    /// <exception cref="FedCloudException"><c>ledger_gap</c>: it does not continue the chain; <c>ledger_broken</c>: the rules do not allow it; <c>ledger_entry_malformed</c>.</exception>
    public LedgerState Apply(LedgerEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        if (entry.Seq != Seq + 1 || entry.PrevHash != Head || entry.DatasetCommitment != Commitment)
        {
            throw new FedCloudException(ErrorCodes.LedgerGap, $"expected entry {Seq + 1} of this data set after the head {Head.Hex[..12]}, found entry {entry.Seq} after {entry.PrevHash.Hex[..12]} or of another data set");
        }

        Sha256Digest head = entry.Hash();
        return LedgerFold.Take(this, entry) with { Seq = entry.Seq, Head = head };
    }

    /// <summary>The state after more entries.</summary>
    /// <exception cref="FedCloudException"><c>ledger_gap</c>, <c>ledger_broken</c> or <c>ledger_entry_malformed</c>.</exception>
    public LedgerState Apply(IEnumerable<LedgerEntry> entries) => entries.Aggregate(this, (state, entry) => state.Apply(entry));
}
