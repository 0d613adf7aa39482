// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Silos;

/// <summary>Where a silo stands in an epoch (secure-aggregation, section 6). An epoch that is closed or abandoned is not held any more.</summary>
public enum SiloEpochPhase
{
    /// <summary>The coordinator called; keys are made.</summary>
    New,

    /// <summary>The keys are journaled and advertised (E1).</summary>
    Advertised,

    /// <summary>The shares for one list are journaled and dealt (E3).</summary>
    Shared,

    /// <summary>The shares of all of U2 are held and acknowledged (E5): slots may be used.</summary>
    Acknowledged,
}

/// <summary>Where a silo stands in a slot that is not free. A slot without a record is free.</summary>
public enum SiloSlotPhase
{
    /// <summary>One round has the slot.</summary>
    Armed,

    /// <summary>Its masked vector is made.</summary>
    Masked,

    /// <summary>The silo agreed to open one list.</summary>
    Consistent,

    /// <summary>The silo revealed its shares for that list.</summary>
    Revealed,

    /// <summary>The sum is known. Final; the secrets are erased.</summary>
    Done,

    /// <summary>The slot serves nobody any more. Final; the secrets are erased.</summary>
    Burned,
}

/// <summary>A slot at the silo.</summary>
public sealed record SiloSlot
{
    /// <summary>Where it stands.</summary>
    public required SiloSlotPhase Phase { get; init; }

    /// <summary>The one round that has it (rule J3).</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The round.</summary>
    public required RoundOpening Start { get; init; }

    /// <summary>R2; the same body whenever it is sent again.</summary>
    public MaskedBody? Masked { get; init; }

    /// <summary>The one list that the silo opens (rule J4).</summary>
    public Sha256Digest? U3Sha256 { get; init; }

    /// <summary>Whether the slot's secrets may still be needed.</summary>
    [JsonIgnore]
    public bool IsInUse => Phase is SiloSlotPhase.Armed or SiloSlotPhase.Masked or SiloSlotPhase.Consistent or SiloSlotPhase.Revealed;
}

/// <summary>An epoch at the silo. Its secrets are not in it.</summary>
public sealed record SiloEpoch
{
    /// <summary>The parameters, recomputed from the silo's own roster.</summary>
    public required EpochParams Parameters { get; init; }

    /// <summary>The epoch's identity.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The silo's index in the epoch's roster.</summary>
    public required int Idx { get; init; }

    /// <summary>Where the silo stands.</summary>
    public required SiloEpochPhase Phase { get; init; }

    /// <summary>When it was called.</summary>
    public required DateTimeOffset CalledAt { get; init; }

    /// <summary>E1; the same body whenever it is sent again.</summary>
    public AdvertiseBody? Advertise { get; init; }

    /// <summary>The one list that the silo answers.</summary>
    public Sha256Digest? L1 { get; init; }

    /// <summary>E3; the same body whenever it is sent again.</summary>
    public SharesBody? Shares { get; init; }

    /// <summary>U2, ascending; empty before E5.</summary>
    public ImmutableArray<int> Cohort { get; init; } = [];

    /// <summary>E5; the same body whenever it is sent again.</summary>
    public ShareAckBody? Acknowledgement { get; init; }

    /// <summary>The slots that are not free.</summary>
    public ImmutableSortedDictionary<int, SiloSlot> Slots { get; init; } = ImmutableSortedDictionary<int, SiloSlot>.Empty;

    /// <summary>Whether the epoch takes no more rounds, since a newer one or a new roster took over, and ends with the last slot in use.</summary>
    public bool IsClosing { get; init; }
}

/// <summary>A slot that was masked from a model, which a later round from that model has to know burned (rule J10).</summary>
/// <param name="Rid">The round.</param>
/// <param name="Job">Its run.</param>
/// <param name="Round">Its number.</param>
/// <param name="RosterSha256">The roster of its epoch, by which indexes count.</param>
/// <param name="Cohort">Its U2.</param>
/// <param name="Needed">How many members of it must have burned the slot.</param>
public sealed record MaskedFrom(Sha256Digest Rid, RunId Job, int Round, Sha256Digest RosterSha256, ImmutableArray<int> Cohort, int Needed);
