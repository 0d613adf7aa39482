// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Rounds;

/// <summary>Something that a run asks its host to do. Carrying one out twice has the same result as once.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "effect")]
[JsonDerivedType(typeof(PrepareInitialModel), "prepare_initial_model")]
[JsonDerivedType(typeof(SendOffer), "send_offer")]
[JsonDerivedType(typeof(SendStart), "send_start")]
[JsonDerivedType(typeof(SendResult), "send_result")]
[JsonDerivedType(typeof(SendAbandoned), "send_abandoned")]
[JsonDerivedType(typeof(SendEnded), "send_ended")]
[JsonDerivedType(typeof(VerifyUpdate), "verify_update")]
[JsonDerivedType(typeof(AggregateRound), "aggregate_round")]
[JsonDerivedType(typeof(PublishVersion), "publish_version")]
[JsonDerivedType(typeof(MoveChannel), "move_channel")]
[JsonDerivedType(typeof(RecordRound), "record_round")]
[JsonDerivedType(typeof(KeepFigures), "keep_figures")]
[JsonDerivedType(typeof(RequestSlot), "request_slot")]
[JsonDerivedType(typeof(SendSecureStart), "send_secure_start")]
[JsonDerivedType(typeof(IngestMasked), "ingest_masked")]
[JsonDerivedType(typeof(SendU3), "send_u3_list")]
[JsonDerivedType(typeof(SendAgreement), "send_agreement")]
[JsonDerivedType(typeof(OpenSum), "open_sum")]
[JsonDerivedType(typeof(SendSecureResult), "send_secure_result")]
[JsonDerivedType(typeof(AskAgain), "ask_again")]
public abstract record RunEffect;

/// <summary>Make version 0 from the plan and publish it. Answers with <see cref="InitialModelReady"/> or <see cref="InitialModelFailed"/>.</summary>
public sealed record PrepareInitialModel : RunEffect;

/// <summary>Offer the plan.</summary>
/// <param name="To">The silos.</param>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendOffer(ImmutableArray<SiloId> To, PlanOfferBody Body) : RunEffect;

/// <summary>Open a round.</summary>
/// <param name="To">The cohort.</param>
/// <param name="Body">The body to sign and send.</param>
/// <param name="Previous">The result that made the round's model; travels too, so that a silo that missed it can follow the chain. Null for version 0.</param>
public sealed record SendStart(ImmutableArray<SiloId> To, PlainStartBody Body, PlainResultBody? Previous) : RunEffect;

/// <summary>Tell everyone in the run that a round is committed.</summary>
/// <param name="To">The silos.</param>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendResult(ImmutableArray<SiloId> To, PlainResultBody Body) : RunEffect;

/// <summary>Tell the cohort that a round is given up.</summary>
/// <param name="To">The silos.</param>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendAbandoned(ImmutableArray<SiloId> To, PlainAbandonedBody Body) : RunEffect;

/// <summary>Tell everyone in the run that it is over.</summary>
/// <param name="To">The silos.</param>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendEnded(ImmutableArray<SiloId> To, RunEndedBody Body) : RunEffect;

/// <summary>Read an announced update to its end and check it. Answers with <see cref="UpdateVerified"/> or <see cref="UpdateRejected"/>.</summary>
/// <param name="Silo">Whose.</param>
/// <param name="Idx">The silo's index in the round's start.</param>
/// <param name="Round">The round.</param>
/// <param name="Rid">The round's id.</param>
/// <param name="Exchanged">The factors that the update holds: <c>a</c>, <c>b</c> or <c>both</c>.</param>
/// <param name="Update">What was announced.</param>
public sealed record VerifyUpdate(SiloId Silo, int Idx, int Round, Sha256Digest Rid, string Exchanged, UpdateReference Update) : RunEffect;

/// <summary>One summand of the mean.</summary>
/// <param name="Silo">Whose.</param>
/// <param name="Idx">The silo's index in the round's start.</param>
/// <param name="Update">Its verified update.</param>
public sealed record Summand(SiloId Silo, int Idx, UpdateReference Update);

/// <summary>Compute the weighted mean and the new version's bytes. Answers with <see cref="AggregateReady"/> or <see cref="AggregateFailed"/>.</summary>
/// <param name="Round">The round.</param>
/// <param name="Rid">The round's id.</param>
/// <param name="Exchanged">The factors that travel: <c>a</c>, <c>b</c> or <c>both</c>.</param>
/// <param name="Model">The version that the round started from.</param>
/// <param name="Summands">Exactly the updates of the mean, ascending by index, which is the order of the sum.</param>
public sealed record AggregateRound(int Round, Sha256Digest Rid, string Exchanged, ModelReference Model, ImmutableArray<Summand> Summands) : RunEffect;

/// <summary>Publish the new version under its number. Answers with <see cref="VersionPublished"/>.</summary>
/// <param name="Round">The round that made it.</param>
/// <param name="Rid">The round's id.</param>
/// <param name="Previous">The version it follows.</param>
/// <param name="Version">The new version.</param>
/// <param name="AggregateSha256">The aggregate that made it.</param>
/// <param name="Contributors">The silos in the mean, ascending by index.</param>
public sealed record PublishVersion(
    int Round,
    Sha256Digest Rid,
    ModelReference Previous,
    ModelReference Version,
    Sha256Digest AggregateSha256,
    ImmutableArray<SiloId> Contributors) : RunEffect;

/// <summary>Point the channel at the version. Answers with <see cref="ChannelMoved"/>.</summary>
/// <param name="Version">The version.</param>
public sealed record MoveChannel(ModelReference Version) : RunEffect;

/// <summary>Keep the record of a finished round.</summary>
/// <param name="Record">The record.</param>
public sealed record RecordRound(RoundRecord Record) : RunEffect;

/// <summary>Keep the message by which a silo disclosed evaluation figures: with it an outsider can check what reports say of them.</summary>
/// <param name="Silo">Whose.</param>
/// <param name="Round">The round that starts from the evaluated model.</param>
/// <param name="Signed">The message.</param>
public sealed record KeepFigures(SiloId Silo, int Round, DsseEnvelope Signed) : RunEffect;

/// <summary>Ask the epochs for a slot. <see cref="SlotGranted"/> comes when there is one.</summary>
/// <param name="Request">The round.</param>
public sealed record RequestSlot(SlotRequest Request) : RunEffect;

/// <summary>Open a round under secure aggregation (R1).</summary>
/// <param name="To">The members of U2 that approved the plan.</param>
/// <param name="Body">The body to sign and send.</param>
/// <param name="Opening">The round.</param>
/// <param name="Previous">The version that the round starts from; null for version 0.</param>
/// <param name="Burned">Burned slots of earlier rounds from the same model, whose bodies travel too (rule J10).</param>
public sealed record SendSecureStart(ImmutableArray<SiloId> To, RoundStartBody Body, RoundOpening Opening, VersionBody? Previous, ImmutableArray<BurnedSlot> Burned) : RunEffect;

/// <summary>Take a masked vector in (R2): decrypt, check, store. Answers with <see cref="UpdateVerified"/> or <see cref="UpdateRejected"/>.</summary>
/// <param name="Silo">Whose.</param>
/// <param name="Idx">Its index in the epoch.</param>
/// <param name="Round">The round's number.</param>
/// <param name="Rid">The round.</param>
/// <param name="Update">What was announced.</param>
public sealed record IngestMasked(SiloId Silo, int Idx, int Round, Sha256Digest Rid, UpdateReference Update) : RunEffect;

/// <summary>Show the list of masked vectors to its members (R3).</summary>
/// <param name="To">The members that have not agreed.</param>
/// <param name="Round">The round's number.</param>
/// <param name="Body">The list to sign and send.</param>
/// <param name="Masked">The announcement of each member, which travels too.</param>
public sealed record SendU3(ImmutableArray<SiloId> To, int Round, U3ListBody Body, ImmutableSortedDictionary<int, MaskedReference> Masked) : RunEffect;

/// <summary>Show that enough members agreed (R5).</summary>
/// <param name="To">The members that have not revealed shares.</param>
/// <param name="Round">The round's number.</param>
/// <param name="Rid">The round.</param>
/// <param name="Agreed">The bodies of the members that agreed.</param>
public sealed record SendAgreement(ImmutableArray<SiloId> To, int Round, Sha256Digest Rid, ImmutableSortedDictionary<int, Sha256Digest> Agreed) : RunEffect;

/// <summary>Put the secrets together, take the masks off the sum, check it, and compute the new version (R7). Answers with <see cref="AggregateReady"/>, <see cref="SumNeedsMore"/> or <see cref="SumFailed"/>.</summary>
/// <param name="Rid">The round.</param>
/// <param name="Opening">The round's terms.</param>
/// <param name="List">The list.</param>
/// <param name="Masked">The announcement of each member.</param>
/// <param name="Answered">Where the members' shares lie.</param>
public sealed record OpenSum(
    Sha256Digest Rid,
    RoundOpening Opening,
    U3ListBody List,
    ImmutableSortedDictionary<int, MaskedReference> Masked,
    ImmutableSortedDictionary<SiloId, RevealedAnswer> Answered) : RunEffect;

/// <summary>Tell everyone in the run that a round under secure aggregation is committed.</summary>
/// <param name="To">The silos.</param>
/// <param name="Round">The round's number.</param>
/// <param name="Body">The result to sign and send.</param>
/// <param name="Version">The version that it made; signed and sent too.</param>
public sealed record SendSecureResult(ImmutableArray<SiloId> To, int Round, ResultBody Body, VersionBody Version) : RunEffect;

/// <summary>The body by which a member burned its slot of a round.</summary>
/// <param name="Round">The round's number.</param>
/// <param name="Rid">The round.</param>
/// <param name="Idx">The member.</param>
/// <param name="Identity">The body's identity.</param>
public sealed record BurnedSlot(int Round, Sha256Digest Rid, int Idx, Sha256Digest Identity);

/// <summary>A member's shares of a sum.</summary>
/// <param name="Idx">The member.</param>
/// <param name="Unmask">Where they lie.</param>
public sealed record RevealedAnswer(int Idx, UnmaskReference Unmask);

/// <summary>Ask a silo to encrypt an upload again: its key version has ended.</summary>
/// <param name="To">The silo.</param>
/// <param name="Body">The body to sign and send.</param>
public sealed record AskAgain(SiloId To, UploadAgainBody Body) : RunEffect;
