// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>What the log says about one round attempt, a rid.</summary>
internal sealed class RoundRecord
{
    // Rings of secure aggregation have 16, 24 or 32 bits; plain mode counts bytes.
    private const long SmallestRing = 16;

    public required Sha256Digest Rid { get; init; }

    public required RunId Job { get; init; }

    public required int Round { get; init; }

    public required long Start { get; init; }

    public required Roster Roster { get; init; }

    public required Sha256Digest Model { get; init; }

    public required Sha256Digest Config { get; init; }

    public required long Slot { get; init; }

    public required long D { get; init; }

    public required long K { get; init; }

    /// <summary>The identity of the masked body that the log names, by silo index.</summary>
    public Dictionary<long, Sha256Digest> Masked { get; } = [];

    /// <summary>Silo indexes that burned their slot.</summary>
    public HashSet<long> Burned { get; } = [];

    public Sha256Digest? U3 { get; set; }

    public long Count { get; set; }

    /// <summary>The entry of the round's result.</summary>
    public LoggedEntry? Result { get; set; }

    /// <summary>Whether the result was recomputed from the silos' vectors, and what U3 has to do with U2 and the plan's quorum.</summary>
    public bool IsSumRecomputed { get; set; }

    /// <summary>Whether the result's new model was recomputed from that sum.</summary>
    public bool IsModelRecomputed { get; set; }

    public bool HasFailed { get; set; }

    /// <summary>Whether an update of the round names a ledger head, as those of plans with privacy do.</summary>
    public bool IsPrivate { get; set; }

    public bool IsPlain => K < SmallestRing;

    /// <summary>The silo with that index in the round's roster, or null.</summary>
    public string? SiloAt(long idx) => idx >= 1 && idx <= Roster.N ? Roster.Members[(int)idx - 1].SiloId.Value : null;
}
