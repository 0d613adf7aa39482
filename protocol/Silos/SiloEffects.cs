// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Silos;

/// <summary>Something that the silo's machine asks its agent to do. Carrying one out twice has the same result as once.</summary>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "effect")]
[JsonDerivedType(typeof(SendAnswer), "send_answer")]
[JsonDerivedType(typeof(FetchBaseModel), "fetch_base_model")]
[JsonDerivedType(typeof(Train), "train")]
[JsonDerivedType(typeof(StopTraining), "stop_training")]
[JsonDerivedType(typeof(AwaitWitnesses), "await_witnesses")]
[JsonDerivedType(typeof(UploadUpdate), "upload_update")]
[JsonDerivedType(typeof(SendUpdate), "send_update")]
[JsonDerivedType(typeof(SendDecline), "send_decline")]
[JsonDerivedType(typeof(EvaluateModel), "evaluate_model")]
[JsonDerivedType(typeof(SendMetrics), "send_metrics")]
[JsonDerivedType(typeof(ForgetRound), "forget_round")]
[JsonDerivedType(typeof(SettleBudget), "settle_budget")]
[JsonDerivedType(typeof(RaiseAlarm), "raise_alarm")]
[JsonDerivedType(typeof(ReportEpochs), "report_epochs")]
[JsonDerivedType(typeof(MakeEpochKeys), "make_epoch_keys")]
[JsonDerivedType(typeof(SendAdvertise), "send_advertise")]
[JsonDerivedType(typeof(DealShares), "deal_shares")]
[JsonDerivedType(typeof(SendShares), "send_shares")]
[JsonDerivedType(typeof(SendAcknowledgement), "send_acknowledgement")]
[JsonDerivedType(typeof(SendComplaint), "send_complaint")]
[JsonDerivedType(typeof(EraseSlot), "erase_slot")]
[JsonDerivedType(typeof(EraseEpoch), "erase_epoch")]
[JsonDerivedType(typeof(MaskUpdate), "mask_update")]
[JsonDerivedType(typeof(UploadMasked), "upload_masked")]
[JsonDerivedType(typeof(SendMasked), "send_masked")]
[JsonDerivedType(typeof(SendConsistency), "send_consistency")]
[JsonDerivedType(typeof(SendUnmask), "send_unmask")]
[JsonDerivedType(typeof(SendBurned), "send_burned")]
public abstract record SiloEffect;

/// <summary>Answer an offer.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendAnswer(PlanAnswerBody Body) : SiloEffect;

/// <summary>Fetch and check the base model, so that the first round need not wait for it. Has no result: a round that finds it missing fetches it itself.</summary>
/// <param name="Job">The run.</param>
public sealed record FetchBaseModel(RunId Job) : SiloEffect;

/// <summary>Fetch and check the model, then run the trainer. Answers with <see cref="TrainingFinished"/> or <see cref="TrainingFailed"/>.</summary>
/// <param name="Rid">The round.</param>
/// <param name="Start">The start.</param>
/// <param name="InitialModel">Version 0, which the agent recomputes when the round starts from it.</param>
public sealed record Train(Sha256Digest Rid, RoundOpening Start, Sha256Digest InitialModel) : SiloEffect;

/// <summary>Stop the trainer of a round that no longer counts.</summary>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
public sealed record StopTraining(RunId Job, Sha256Digest Rid) : SiloEffect;

/// <summary>Watch the log until a checkpoint with enough witness lines covers the round's start. Answers with <see cref="RoundWitnessed"/> or <see cref="RoundMisrecorded"/>; until then it stays pending.</summary>
/// <param name="Rid">The round.</param>
/// <param name="Start">The start that the entry must repeat.</param>
public sealed record AwaitWitnesses(Sha256Digest Rid, RoundOpening Start) : SiloEffect;

/// <summary>Encrypt the update with a fresh data key and upload it. Answers with <see cref="UpdateUploaded"/>, <see cref="UploadRefused"/>, or <see cref="TrainingFailed"/> when the file is gone.</summary>
/// <param name="Rid">The round.</param>
/// <param name="Update">The announcement that will follow.</param>
/// <param name="Attempt">The attempt; names the blob.</param>
public sealed record UploadUpdate(Sha256Digest Rid, PlainUpdateBody Update, int Attempt) : SiloEffect;

/// <summary>Announce the upload.</summary>
/// <param name="Body">The body to sign and send.</param>
/// <param name="Attempt">The attempt whose blob holds the envelope.</param>
/// <param name="Metrics">The figures to send along; null when there are none.</param>
public sealed record SendUpdate(PlainUpdateBody Body, int Attempt, MetricsBody? Metrics) : SiloEffect;

/// <summary>Decline the round.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendDecline(PlainDeclineBody Body) : SiloEffect;

/// <summary>Evaluate the final model. Answers with <see cref="EvaluationFinished"/>.</summary>
/// <param name="Job">The run.</param>
/// <param name="Model">The model.</param>
/// <param name="Round">The round number that the figures are filed under.</param>
public sealed record EvaluateModel(RunId Job, ModelReference Model, int Round) : SiloEffect;

/// <summary>Send figures that plan and policy disclose, or none.</summary>
/// <param name="Body">The body to sign and send.</param>
public sealed record SendMetrics(MetricsBody Body) : SiloEffect;

/// <summary>Delete the job folders of a run's rounds up to this one: nobody will ask for them again.</summary>
/// <param name="Job">The run.</param>
/// <param name="Round">The round.</param>
public sealed record ForgetRound(RunId Job, int Round) : SiloEffect;

/// <summary>Give back to the data set's privacy budget what the run reserved and was not charged.</summary>
/// <param name="Job">The run.</param>
public sealed record SettleBudget(RunId Job) : SiloEffect;

/// <summary>Tell the administrator and the log that the coordinator broke the protocol.</summary>
/// <param name="Job">The run; null when it is about the log itself.</param>
/// <param name="Code">What it did; a code.</param>
/// <param name="Evidence">The hashes of the bodies that show it.</param>
public sealed record RaiseAlarm(RunId? Job, string Code, ImmutableArray<Sha256Digest> Evidence) : SiloEffect;

/// <summary>What a step of the silo leads to.</summary>
/// <param name="State">The new state.</param>
/// <param name="Effects">What the agent is asked to do, in order.</param>
/// <param name="Ignored">Why the event had no effect; null when it had one.</param>
public sealed record SiloStep(SiloState State, ImmutableArray<SiloEffect> Effects, string? Ignored = null);

/// <summary>A deadline that the agent must report with <see cref="SiloDeadlineReached"/>.</summary>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="At">When.</param>
public sealed record SiloDeadline(RunId Job, Sha256Digest Rid, DateTimeOffset At);
