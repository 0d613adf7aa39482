// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Rounds;

/// <summary>Something that happened to a run: a verified message, a deadline, an operator's request, or the result of an effect.</summary>
/// <remarks>Signatures, digests and indexes are checked before an event exists; a machine never sees an unverified fact.</remarks>
/// <param name="At">When, by the coordinator's clock.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(InitialModelReady), "initial_model_ready")]
[JsonDerivedType(typeof(InitialModelFailed), "initial_model_failed")]
[JsonDerivedType(typeof(PlanAnswered), "plan_answered")]
[JsonDerivedType(typeof(UpdateAnnounced), "update_announced")]
[JsonDerivedType(typeof(UpdateVerified), "update_verified")]
[JsonDerivedType(typeof(UpdateRejected), "update_rejected")]
[JsonDerivedType(typeof(RoundDeclined), "round_declined")]
[JsonDerivedType(typeof(MetricsReported), "metrics_reported")]
[JsonDerivedType(typeof(AggregateReady), "aggregate_ready")]
[JsonDerivedType(typeof(AggregateFailed), "aggregate_failed")]
[JsonDerivedType(typeof(VersionPublished), "version_published")]
[JsonDerivedType(typeof(ChannelMoved), "channel_moved")]
[JsonDerivedType(typeof(DeadlineReached), "deadline_reached")]
[JsonDerivedType(typeof(CancelRequested), "cancel_requested")]
[JsonDerivedType(typeof(RosterChanged), "roster_changed")]
[JsonDerivedType(typeof(SlotGranted), "slot_granted")]
[JsonDerivedType(typeof(ConsistencyReceived), "consistency_received")]
[JsonDerivedType(typeof(UnmaskReceived), "unmask_received")]
[JsonDerivedType(typeof(BurnedReceived), "burned_received")]
[JsonDerivedType(typeof(SumNeedsMore), "sum_needs_more")]
[JsonDerivedType(typeof(SumFailed), "sum_failed")]
public abstract record RunEvent(DateTimeOffset At);

/// <summary>Version 0 exists: A from the seed, B zero.</summary>
/// <param name="At">When.</param>
/// <param name="ModelSha256">The SHA-256 of its bytes.</param>
/// <param name="UpdateLengths">The exact length of an update for each set of exchanged factors.</param>
/// <param name="UpdateCoordinates">Its coordinates.</param>
public sealed record InitialModelReady(DateTimeOffset At, Sha256Digest ModelSha256, FactorSizes UpdateLengths, FactorSizes UpdateCoordinates) : RunEvent(At);

/// <summary>Version 0 cannot be made: the base model is missing, corrupt, or does not fit the plan.</summary>
/// <param name="At">When.</param>
/// <param name="Reason">Why; a code.</param>
public sealed record InitialModelFailed(DateTimeOffset At, string Reason) : RunEvent(At);

/// <summary>A silo answered the offer.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Who.</param>
/// <param name="Approved">Whether it takes part.</param>
/// <param name="Reason">Why not; a code, empty when approved.</param>
public sealed record PlanAnswered(DateTimeOffset At, SiloId Silo, bool Approved, string Reason) : RunEvent(At);

/// <summary>A silo announced an update.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Who.</param>
/// <param name="Rid">The round that the signed body names.</param>
/// <param name="Update">What was announced and where it lies.</param>
public sealed record UpdateAnnounced(DateTimeOffset At, SiloId Silo, Sha256Digest Rid, UpdateReference Update) : RunEvent(At);

/// <summary>An announced update was read to its end: right digest, length, names, shapes, and finite.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Whose.</param>
/// <param name="Rid">The round.</param>
/// <param name="Update">Which announcement was checked.</param>
public sealed record UpdateVerified(DateTimeOffset At, SiloId Silo, Sha256Digest Rid, UpdateReference Update) : RunEvent(At);

/// <summary>An announced update is unusable.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Whose.</param>
/// <param name="Rid">The round.</param>
/// <param name="Update">Which announcement was checked.</param>
/// <param name="Reason">Why; a code.</param>
public sealed record UpdateRejected(DateTimeOffset At, SiloId Silo, Sha256Digest Rid, UpdateReference Update, string Reason) : RunEvent(At);

/// <summary>A silo takes no part in the round.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Who.</param>
/// <param name="Rid">The round.</param>
/// <param name="Reason">Why; a code.</param>
public sealed record RoundDeclined(DateTimeOffset At, SiloId Silo, Sha256Digest Rid, string Reason) : RunEvent(At);

/// <summary>A silo disclosed evaluation figures.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Who.</param>
/// <param name="Round">The round that starts from the evaluated model.</param>
/// <param name="Values">Name to value.</param>
/// <param name="Signed">The message that says so, with the silo's signature.</param>
public sealed record MetricsReported(DateTimeOffset At, SiloId Silo, int Round, ImmutableSortedDictionary<string, string> Values, DsseEnvelope Signed) : RunEvent(At);

/// <summary>The mean and the new version's bytes are stored, not yet visible under a number.</summary>
/// <param name="At">When.</param>
/// <param name="Rid">The round.</param>
/// <param name="Aggregate">The result.</param>
public sealed record AggregateReady(DateTimeOffset At, Sha256Digest Rid, AggregateReference Aggregate) : RunEvent(At);

/// <summary>The mean could not be computed because one silo's stored update is gone or no longer matches.</summary>
/// <param name="At">When.</param>
/// <param name="Rid">The round.</param>
/// <param name="Silo">Whose update.</param>
/// <param name="Reason">Why; a code.</param>
public sealed record AggregateFailed(DateTimeOffset At, Sha256Digest Rid, SiloId Silo, string Reason) : RunEvent(At);

/// <summary>The new version lies under its number.</summary>
/// <param name="At">When.</param>
/// <param name="Version">The number.</param>
public sealed record VersionPublished(DateTimeOffset At, int Version) : RunEvent(At);

/// <summary>The channel pointer names the version.</summary>
/// <param name="At">When.</param>
/// <param name="Version">The number.</param>
public sealed record ChannelMoved(DateTimeOffset At, int Version) : RunEvent(At);

/// <summary>A deadline of <see cref="RunMachine.NextDeadline"/> has passed.</summary>
/// <param name="At">When it was noticed; not before the deadline.</param>
/// <param name="Key">The deadline's key.</param>
public sealed record DeadlineReached(DateTimeOffset At, string Key) : RunEvent(At);

/// <summary>An operator ends the run.</summary>
/// <param name="At">When.</param>
public sealed record CancelRequested(DateTimeOffset At) : RunEvent(At);

/// <summary>The federation has a new roster.</summary>
/// <param name="At">When.</param>
/// <param name="Roster">The new roster as far as a run needs it.</param>
public sealed record RosterChanged(DateTimeOffset At, RosterView Roster) : RunEvent(At);

/// <summary>An epoch has a slot for the round.</summary>
/// <param name="At">When.</param>
/// <param name="Grant">The slot.</param>
public sealed record SlotGranted(DateTimeOffset At, SlotGrant Grant) : RunEvent(At);

/// <summary>A silo agreed to open a list (R4); its body is stored.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Who.</param>
/// <param name="Rid">The round.</param>
/// <param name="U3Sha256">The list.</param>
/// <param name="Identity">The body's identity.</param>
public sealed record ConsistencyReceived(DateTimeOffset At, SiloId Silo, Sha256Digest Rid, Sha256Digest U3Sha256, Sha256Digest Identity) : RunEvent(At);

/// <summary>A silo says that its shares are up (R6). What they are worth is seen when the sum is opened.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Whose upload it is.</param>
/// <param name="Rid">The round.</param>
/// <param name="Unmask">Where they lie.</param>
public sealed record UnmaskReceived(DateTimeOffset At, SiloId Silo, Sha256Digest Rid, UnmaskReference Unmask) : RunEvent(At);

/// <summary>A silo burned its slot of a round; its body is stored.</summary>
/// <param name="At">When.</param>
/// <param name="Silo">Who.</param>
/// <param name="Idx">Its index in the round's epoch.</param>
/// <param name="Rid">The round.</param>
/// <param name="Identity">The body's identity.</param>
public sealed record BurnedReceived(DateTimeOffset At, SiloId Silo, int Idx, Sha256Digest Rid, Sha256Digest Identity) : RunEvent(At);

/// <summary>The shares so far do not open the sum; some of them are no use.</summary>
/// <param name="At">When.</param>
/// <param name="Rid">The round.</param>
/// <param name="Faulty">Responders whose shares are no use, by index, and why; codes.</param>
public sealed record SumNeedsMore(DateTimeOffset At, Sha256Digest Rid, ImmutableSortedDictionary<int, string> Faulty) : RunEvent(At);

/// <summary>The sum is opened and no good: secrets that are not those advertised, or a sum that no honest silos can have given.</summary>
/// <param name="At">When.</param>
/// <param name="Rid">The round.</param>
/// <param name="Reason">Why; a code.</param>
/// <param name="Faulty">Silos that are to blame, by index, and why; empty where nobody can tell.</param>
public sealed record SumFailed(DateTimeOffset At, Sha256Digest Rid, string Reason, ImmutableSortedDictionary<int, string> Faulty) : RunEvent(At);
