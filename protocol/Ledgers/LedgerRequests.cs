// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Ledgers;

/// <summary>What a job asks a ledger for.</summary>
public sealed record ReserveRequest
{
    /// <summary>The job.</summary>
    public required RunId Job { get; init; }

    /// <summary>The digest of its plan.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>What a round costs, one for each mechanism.</summary>
    public required ImmutableArray<LedgerTerms> Terms { get; init; }

    /// <summary>The most rounds.</summary>
    public required long MaxRounds { get; init; }

    /// <summary>The administrator's signature of the approval, or of the policy that approves; base64.</summary>
    public required string ApprovalSig { get; init; }
}

/// <summary>One round of one mechanism that is to be paid for.</summary>
/// <param name="Job">The job.</param>
/// <param name="Mechanism">The mechanism.</param>
/// <param name="Round">The round.</param>
/// <param name="NoiseId">What identifies the noise: the same noised bytes have the same id, new noise has another.</param>
public sealed record ChargeRequest(RunId Job, LedgerMechanism Mechanism, long Round, Sha256Digest NoiseId);

/// <summary>A job whose reserve the log shows, and no settlement.</summary>
/// <param name="Job">The job.</param>
/// <param name="Reserves">How many reserves of it the log shows: 1, and one more for each that followed a discontinuous start.</param>
/// <param name="Recomputed">What it reserved, recomputed from its plan, for a ledger that does not know it; null where that is impossible.</param>
public sealed record LoggedReserve(RunId Job, long Reserves, ReserveRequest? Recomputed);
