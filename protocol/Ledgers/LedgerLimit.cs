// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Ledgers;

/// <summary>The most that may ever be spent on a data set, as its administrator signed it (rule L4).</summary>
public sealed record LedgerLimit
{
    /// <summary>eps_max of the filter, not a plan's epsilon: see <c>LedgerFilter.RequiredEpsilon</c>.</summary>
    public required decimal EpsMax { get; init; }

    /// <summary>delta_max of the filter, and the largest delta of a job.</summary>
    public required decimal DeltaMax { get; init; }

    /// <summary>What a job has to protect: no less, and no other.</summary>
    public required PrivacyUnit Unit { get; init; }

    /// <summary>The time that it is over. An entry without the member, which all have, means the lifetime.</summary>
    public LedgerPeriod Period { get; init; } = LedgerPeriod.Lifetime;

    /// <summary>The declared number of records; it stays in the silo.</summary>
    public required long Records { get; init; }

    /// <summary>The SHA-256 of the training file. An attribute: another file inherits what is spent (rule L2).</summary>
    public required Sha256Digest ManifestSha256 { get; init; }
}
