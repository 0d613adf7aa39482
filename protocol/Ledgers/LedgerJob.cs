// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Ledgers;

/// <summary>Where a job stands in a ledger.</summary>
public enum LedgerJobStatus
{
    /// <summary>It has never had a reserve.</summary>
    Refused,

    /// <summary>It has one, and rounds may be charged.</summary>
    Reserved,

    /// <summary>Its reserve counts as spent in full; it goes on only with a new one (rule L11).</summary>
    Barred,

    /// <summary>It is over, and what it did not use is returned.</summary>
    Settled,
}

/// <summary>What identifies a charge within a job (rule L8).</summary>
/// <param name="Round">The round.</param>
/// <param name="NoiseId">The noise.</param>
public readonly record struct LedgerChargeKey(long Round, Sha256Digest NoiseId);

/// <summary>One mechanism of a job.</summary>
public sealed record LedgerReserve
{
    /// <summary>What a charge costs.</summary>
    public required LedgerTerms Terms { get; init; }

    /// <summary>How many reserves the mechanism has had.</summary>
    public required long Reserves { get; init; }

    /// <summary>The most rounds of the present reserve.</summary>
    public required long Rounds { get; init; }

    /// <summary>Rounds of the present reserve that are spent: charged, or counted after a discontinuous start.</summary>
    public long Used { get; init; }

    /// <summary>Rounds that are spent for good, over all reserves of the mechanism.</summary>
    public long SpentRounds { get; init; }

    /// <summary>Rounds that the present reserve still holds.</summary>
    public long Left => Rounds - Used;

    /// <summary>What is spent.</summary>
    public LedgerRdp Spent => SpentRounds == 0 ? LedgerRdp.Zero : Terms.Rdp.Times(SpentRounds);
}

/// <summary>One job in a ledger.</summary>
public sealed record LedgerJob
{
    /// <summary>Where it stands.</summary>
    public LedgerJobStatus Status { get; init; } = LedgerJobStatus.Refused;

    /// <summary>The digest of its plan; null before its first reserve.</summary>
    public Sha256Digest? ConfigSha256 { get; init; }

    /// <summary>The administrator's signature that approves its present reserve; null where there is none.</summary>
    public string? ApprovalSig { get; init; }

    /// <summary>How many reserves it has had.</summary>
    public long Reserves { get; init; }

    /// <summary>How many mechanisms its reserve has.</summary>
    public long Mechanisms { get; init; }

    /// <summary>The mechanisms.</summary>
    public ImmutableSortedDictionary<LedgerMechanism, LedgerReserve> ByMechanism { get; init; } = ImmutableSortedDictionary<LedgerMechanism, LedgerReserve>.Empty;

    /// <summary>The charges, over all its reserves.</summary>
    public ImmutableDictionary<LedgerChargeKey, LedgerMechanism> Charges { get; init; } = ImmutableDictionary<LedgerChargeKey, LedgerMechanism>.Empty;

    /// <summary>The codes that it was refused with, oldest first.</summary>
    public ImmutableArray<string> Refusals { get; init; } = [];

    /// <summary>Whether every mechanism of the present reserve has its line.</summary>
    public bool IsComplete => Mechanisms > 0 && ByMechanism.Count == Mechanisms && ByMechanism.Values.All(reserve => reserve.Reserves == Reserves);

    /// <summary>Whether the log shows a reserve of this job that this ledger does not know: nothing is spent until it does (rule L11).</summary>
    public bool IsUnresolved => WasRefused(ErrorCodes.LedgerGap.Name);

    /// <summary>What is spent for good.</summary>
    public LedgerRdp Spent => ByMechanism.Values.Aggregate(LedgerRdp.Zero, (sum, reserve) => sum.Plus(reserve.Spent));

    /// <summary>What its reserve still holds.</summary>
    public LedgerRdp Reserved => Status == LedgerJobStatus.Settled
        ? LedgerRdp.Zero
        : ByMechanism.Values.Where(reserve => reserve.Left > 0).Aggregate(LedgerRdp.Zero, (sum, reserve) => sum.Plus(reserve.Terms.Rdp.Times(reserve.Left)));

    /// <summary>Whether the job was refused with a code before.</summary>
    public bool WasRefused(string code) => Refusals.Contains(code, StringComparer.Ordinal);
}
