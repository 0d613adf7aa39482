// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Protocol.Epochs;

/// <summary>Something that happened to the epochs: a verified message, a deadline, a request, or the result of an effect.</summary>
/// <param name="At">When, by the coordinator's clock.</param>
public abstract record EpochEvent(DateTimeOffset At);

/// <summary>A round needs a slot.</summary>
/// <param name="At">When.</param>
/// <param name="Request">Which round.</param>
public sealed record SlotRequested(DateTimeOffset At, SlotRequest Request) : EpochEvent(At);

/// <summary>E1 of a silo is stored: signature, epoch, keys are right, and no key is another's.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Idx">The silo.</param>
/// <param name="Identity">The body's identity.</param>
public sealed record Advertised(DateTimeOffset At, Sha256Digest Sid, int Idx, Sha256Digest Identity) : EpochEvent(At);

/// <summary>E2 is out.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="L1">The hash of the list.</param>
public sealed record ListSent(DateTimeOffset At, Sha256Digest Sid, Sha256Digest L1) : EpochEvent(At);

/// <summary>E3 of a silo is stored: signature, list, hashes and lengths are right.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Idx">The silo.</param>
/// <param name="Identity">The body's identity.</param>
public sealed record Shared(DateTimeOffset At, Sha256Digest Sid, int Idx, Sha256Digest Identity) : EpochEvent(At);

/// <summary>E5 of a silo is stored: signature, list and cohort are right.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Idx">The silo.</param>
/// <param name="Identity">The body's identity.</param>
public sealed record Acknowledged(DateTimeOffset At, Sha256Digest Sid, int Idx, Sha256Digest Identity) : EpochEvent(At);

/// <summary>A silo refuses the shares of another.</summary>
/// <param name="At">When.</param>
/// <param name="Sid">The epoch.</param>
/// <param name="Idx">The silo that complains.</param>
/// <param name="Against">The dealer.</param>
/// <param name="Reason">Why; a code.</param>
/// <param name="Identity">The body's identity.</param>
public sealed record Complained(DateTimeOffset At, Sha256Digest Sid, int Idx, int Against, string Reason, Sha256Digest Identity) : EpochEvent(At);

/// <summary>A silo says which epochs it can serve.</summary>
/// <param name="At">When.</param>
/// <param name="Idx">The silo.</param>
/// <param name="Sids">The epochs.</param>
public sealed record EpochsReported(DateTimeOffset At, int Idx, ImmutableArray<Sha256Digest> Sids) : EpochEvent(At);

/// <summary>A deadline of <see cref="EpochMachine.NextDeadline"/> has passed.</summary>
/// <param name="At">When it was noticed.</param>
/// <param name="Sid">The epoch.</param>
public sealed record EpochDeadlineReached(DateTimeOffset At, Sha256Digest Sid) : EpochEvent(At);

/// <summary>The federation has a new roster.</summary>
/// <param name="At">When.</param>
/// <param name="Roster">The roster.</param>
public sealed record EpochRosterChanged(DateTimeOffset At, RosterView Roster) : EpochEvent(At);

/// <summary>Something that the epochs ask their host to do. Carrying one out twice has the same result as once.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "effect")]
[JsonDerivedType(typeof(CallEpoch), "call_epoch")]
[JsonDerivedType(typeof(SendList), "send_list")]
[JsonDerivedType(typeof(DeliverShares), "deliver_shares")]
[JsonDerivedType(typeof(OpenSlots), "open_slots")]
[JsonDerivedType(typeof(AbandonEpoch), "abandon_epoch")]
[JsonDerivedType(typeof(GrantSlot), "grant_slot")]
public abstract record EpochEffect;

/// <summary>Ask silos for E1.</summary>
/// <param name="To">Their indexes.</param>
/// <param name="Body">The body to sign and send.</param>
public sealed record CallEpoch(ImmutableArray<int> To, EpochCallBody Body) : EpochEffect;

/// <summary>Check and send E2, and log the epoch. Answers with <see cref="ListSent"/>.</summary>
/// <param name="Sid">The epoch.</param>
/// <param name="Number">Its number.</param>
/// <param name="U1">E1 by index.</param>
public sealed record SendList(Sha256Digest Sid, long Number, ImmutableSortedDictionary<int, Sha256Digest> U1) : EpochEffect;

/// <summary>Send E4 to every member of U2.</summary>
/// <param name="Sid">The epoch.</param>
/// <param name="Number">Its number.</param>
/// <param name="U2">E3 by index.</param>
public sealed record DeliverShares(Sha256Digest Sid, long Number, ImmutableSortedDictionary<int, Sha256Digest> U2) : EpochEffect;

/// <summary>Log that the slots are usable.</summary>
/// <param name="Sid">The epoch.</param>
/// <param name="U2Sha256">The hash of U2.</param>
public sealed record OpenSlots(Sha256Digest Sid, Sha256Digest U2Sha256) : EpochEffect;

/// <summary>Log that an epoch is given up, and an alarm where a silo complained.</summary>
/// <param name="Sid">The epoch.</param>
/// <param name="U2Sha256">The hash of U2; null before E4.</param>
/// <param name="Reason">Why; a code.</param>
/// <param name="Complaint">The complaint's identity; null for none.</param>
public sealed record AbandonEpoch(Sha256Digest Sid, Sha256Digest? U2Sha256, string Reason, Sha256Digest? Complaint) : EpochEffect;

/// <summary>Tell a run which slot its round has.</summary>
/// <param name="Grant">The slot.</param>
public sealed record GrantSlot(SlotGrant Grant) : EpochEffect;

/// <summary>What a step of the epochs leads to.</summary>
/// <param name="State">The new state.</param>
/// <param name="Effects">What the host is asked to do, in order.</param>
/// <param name="Ignored">Why the event had no effect; null when it had one.</param>
public sealed record EpochStep(EpochsState State, ImmutableArray<EpochEffect> Effects, string? Ignored = null);

/// <summary>The next moment at which the epochs want to hear of the time.</summary>
/// <param name="Sid">Returned in <see cref="EpochDeadlineReached"/>.</param>
/// <param name="At">When.</param>
public sealed record EpochDeadline(Sha256Digest Sid, DateTimeOffset At);
