// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Protocol.Epochs;

/// <summary>Where an epoch stands at the coordinator.</summary>
public enum EpochPhase
{
    /// <summary>Silos advertise keys (E1).</summary>
    Advertising,

    /// <summary>The list is out (E2); silos deal shares (E3).</summary>
    Sharing,

    /// <summary>Shares are delivered (E4); silos acknowledge (E5).</summary>
    Acknowledging,

    /// <summary>Every member of U2 acknowledged: the slots are usable.</summary>
    Ready,
}

/// <summary>One epoch. Of bodies it holds identities; the bodies lie in the coordinator's storage.</summary>
public sealed record EpochState
{
    /// <summary>Its number.</summary>
    public required long Number { get; init; }

    /// <summary>Its identity.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>Its slots, B.</summary>
    public required int Slots { get; init; }

    /// <summary>Where it stands.</summary>
    public required EpochPhase Phase { get; init; }

    /// <summary>When it was called.</summary>
    public required DateTimeOffset CalledAt { get; init; }

    /// <summary>When the coordinator stops waiting in this phase.</summary>
    public required DateTimeOffset Deadline { get; init; }

    /// <summary>The indexes that were called.</summary>
    public required ImmutableSortedSet<int> Called { get; init; }

    /// <summary>E1 by index.</summary>
    public ImmutableSortedDictionary<int, Sha256Digest> Advertised { get; init; } = ImmutableSortedDictionary<int, Sha256Digest>.Empty;

    /// <summary>The hash of the list of U1; null before E2.</summary>
    public Sha256Digest? L1 { get; init; }

    /// <summary>E3 by index.</summary>
    public ImmutableSortedDictionary<int, Sha256Digest> Shared { get; init; } = ImmutableSortedDictionary<int, Sha256Digest>.Empty;

    /// <summary>The hash of U2; null before E4.</summary>
    public Sha256Digest? U2Sha256 { get; init; }

    /// <summary>E5 by index.</summary>
    public ImmutableSortedDictionary<int, Sha256Digest> Acknowledged { get; init; } = ImmutableSortedDictionary<int, Sha256Digest>.Empty;

    /// <summary>The hash of all acknowledgements; null before the epoch is ready.</summary>
    public Sha256Digest? AckSha256 { get; init; }

    /// <summary>The next free slot.</summary>
    public int NextSlot { get; init; }

    /// <summary>The silos that lost their secrets of this epoch, by a restart that was not continuous; before E2, those that said that they have no keys of it.</summary>
    public ImmutableSortedSet<int> Lost { get; init; } = [];

    /// <summary>U2, ascending; empty before E4.</summary>
    public ImmutableArray<int> Cohort() => U2Sha256 is null ? [] : [.. Shared.Keys];
}

/// <summary>A round that waits for a slot.</summary>
/// <param name="Job">The run.</param>
/// <param name="Round">The round.</param>
/// <param name="Attempt">The attempt at the round, from 1.</param>
/// <param name="Quorum">How many silos must hold the slot; never less than t.</param>
public sealed record SlotRequest(RunId Job, int Round, int Attempt, int Quorum = 0);

/// <summary>A slot that a round got.</summary>
public sealed record SlotGrant
{
    /// <summary>Who asked.</summary>
    public required SlotRequest Request { get; init; }

    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The slot.</summary>
    public required int Slot { get; init; }

    /// <summary>The roster's size.</summary>
    public required int N { get; init; }

    /// <summary>The roster of the epoch.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>U2, ascending.</summary>
    public required ImmutableArray<int> Cohort { get; init; }

    /// <summary>The hash of U2.</summary>
    public required Sha256Digest U2Sha256 { get; init; }

    /// <summary>The hash of the acknowledgements.</summary>
    public required Sha256Digest AckSha256 { get; init; }

    /// <summary>The members of U2 that cannot take part in this epoch any more.</summary>
    public required ImmutableArray<int> Lost { get; init; }

    /// <summary>When the epoch ends at the latest.</summary>
    public required DateTimeOffset EndsAt { get; init; }
}

/// <summary>The federation's epochs: the current one, the next one that is opened ahead, and who waits for slots.</summary>
public sealed record EpochsState
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>Slots of each epoch, B.</summary>
    public required int Slots { get; init; }

    /// <summary>Seconds that a step of an epoch may take.</summary>
    public required int StepTimeout { get; init; }

    /// <summary>The roster; null before version 1.</summary>
    public RosterView? Roster { get; init; }

    /// <summary>The last epoch number used.</summary>
    public long LastNumber { get; init; }

    /// <summary>The epoch whose slots are given out; null when there is none.</summary>
    public EpochState? Current { get; init; }

    /// <summary>The epoch that opens; null when none does.</summary>
    public EpochState? Next { get; init; }

    /// <summary>Rounds that wait, oldest first.</summary>
    public ImmutableArray<SlotRequest> Requests { get; init; } = [];

    /// <summary>The newest request that was granted for each run, so that a repeated one gets the same answer.</summary>
    public ImmutableSortedDictionary<RunId, SlotGrant> Granted { get; init; } = ImmutableSortedDictionary<RunId, SlotGrant>.Empty;

    /// <summary>Indexes that the next epoch leaves out, since they stalled the last one.</summary>
    public ImmutableSortedSet<int> LeftOut { get; init; } = [];

    /// <summary>Whether a member that is no use in the current epoch is ready for the next one.</summary>
    public bool Wanted { get; init; }

    /// <summary>Before this no epoch is called, since one was just given up; null when nothing holds it back.</summary>
    public DateTimeOffset? PausedUntil { get; init; }
}
