// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Silos;

/// <summary>Something that happened at a silo: a verified message, the result of an effect, or the passing of a deadline.</summary>
/// <remarks>Each event is a journal line, on disk before any of its effects is carried out.</remarks>
/// <param name="At">When, by the silo's clock.</param>
[JsonPolymorphic(TypeDiscriminatorPropertyName = "event")]
[JsonDerivedType(typeof(OfferReceived), "offer_received")]
[JsonDerivedType(typeof(StartReceived), "start_received")]
[JsonDerivedType(typeof(TrainingFinished), "training_finished")]
[JsonDerivedType(typeof(TrainingFailed), "training_failed")]
[JsonDerivedType(typeof(RoundWitnessed), "round_witnessed")]
[JsonDerivedType(typeof(RoundMisrecorded), "round_misrecorded")]
[JsonDerivedType(typeof(UpdateUploaded), "update_uploaded")]
[JsonDerivedType(typeof(UploadRefused), "upload_refused")]
[JsonDerivedType(typeof(ResultReceived), "result_received")]
[JsonDerivedType(typeof(AbandonedReceived), "abandoned_received")]
[JsonDerivedType(typeof(EndedReceived), "ended_received")]
[JsonDerivedType(typeof(EvaluationFinished), "evaluation_finished")]
[JsonDerivedType(typeof(SiloDeadlineReached), "deadline_reached")]
[JsonDerivedType(typeof(LogRefused), "log_refused")]
[JsonDerivedType(typeof(LogResumed), "log_resumed")]
[JsonDerivedType(typeof(AgentRestarted), "agent_restarted")]
[JsonDerivedType(typeof(JournalOlder), "journal_older")]
[JsonDerivedType(typeof(RosterFollowed), "roster_followed")]
[JsonDerivedType(typeof(EpochCalled), "epoch_called")]
[JsonDerivedType(typeof(EpochKeysMade), "epoch_keys_made")]
[JsonDerivedType(typeof(ListReceived), "list_received")]
[JsonDerivedType(typeof(SharesDealt), "shares_dealt")]
[JsonDerivedType(typeof(SharesAccepted), "shares_accepted")]
[JsonDerivedType(typeof(SharesRefused), "shares_refused")]
[JsonDerivedType(typeof(EpochExpired), "epoch_expired")]
[JsonDerivedType(typeof(UpdateMasked), "update_masked")]
[JsonDerivedType(typeof(U3Shown), "u3_shown")]
[JsonDerivedType(typeof(AgreementShown), "agreement_shown")]
[JsonDerivedType(typeof(VersionReceived), "version_received")]
[JsonDerivedType(typeof(Misbehaved), "misbehaved")]
[JsonDerivedType(typeof(UploadAgainReceived), "upload_again_received")]
[JsonDerivedType(typeof(PlanDecided), "plan_decided")]
public abstract record SiloEvent(DateTimeOffset At);

/// <summary>A plan was offered, and the silo's policy has decided.</summary>
/// <param name="At">When.</param>
/// <param name="Offer">The verified offer.</param>
/// <param name="Idx">This silo's index in the roster that the offer names.</param>
/// <param name="Refusal">Why the policy refuses; a code, or null when it approves.</param>
/// <param name="IsSecure">Whether the plan says that the coordinator sees sums only.</param>
/// <param name="MayRepeat">Whether rule J10 asks for no Burned bodies: public data, or a privacy claim, under which each mask hides fresh noise that is charged.</param>
/// <param name="IsPrivate">Whether the plan has a privacy claim, for which the silo's ledger holds a reserve.</param>
/// <param name="Asks">Whether the policy leaves what it does not refuse to the administrator.</param>
public sealed record OfferReceived(DateTimeOffset At, PlanOfferBody Offer, int Idx, string? Refusal, bool IsSecure = false, bool MayRepeat = false, bool IsPrivate = false, bool Asks = false) : SiloEvent(At);

/// <summary>The administrator has decided about a plan, or another policy that leaves nothing to decide.</summary>
/// <param name="At">When the agent took the decision.</param>
/// <param name="Job">The run.</param>
/// <param name="Refusal">Why the silo takes no part: the administrator's code, the policy's or the budget's; null when it does.</param>
/// <param name="MayRepeat">As in <see cref="OfferReceived"/>.</param>
/// <param name="IsByAdministrator">Whether the log has the administrator's own entry of this answer.</param>
public sealed record PlanDecided(DateTimeOffset At, RunId Job, string? Refusal, bool MayRepeat, bool IsByAdministrator) : SiloEvent(At);

/// <summary>A round was opened.</summary>
/// <param name="At">When.</param>
/// <param name="Start">The verified start.</param>
/// <param name="Rid">The round's identity.</param>
/// <param name="Idx">This silo's index in the roster that the start names.</param>
/// <param name="Previous">The version that the verified result beside it names; null for version 0.</param>
/// <param name="Refusal">Why the policy refuses the round now (hours, data); a code, or null.</param>
/// <param name="Burned">Under secure aggregation: the members that burned earlier rounds, by round, from their verified bodies.</param>
/// <param name="MayRepeat">Whether rule J10 asks for no Burned bodies: public data, or a privacy claim, under which each mask hides fresh noise that is charged.</param>
public sealed record StartReceived(
    DateTimeOffset At,
    RoundOpening Start,
    Sha256Digest Rid,
    int Idx,
    CommittedVersion? Previous,
    string? Refusal,
    ImmutableSortedDictionary<string, ImmutableArray<int>>? Burned = null,
    bool MayRepeat = false) : SiloEvent(At);

/// <summary>The trainer wrote an update.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="UpdateSha256">The update file's hash.</param>
/// <param name="UpdateLen">Its length in bytes.</param>
/// <param name="Weight">The declared weight.</param>
/// <param name="Metrics">What plan and policy disclose.</param>
public sealed record TrainingFinished(
    DateTimeOffset At,
    RunId Job,
    Sha256Digest Rid,
    Sha256Digest UpdateSha256,
    long UpdateLen,
    long Weight,
    ImmutableSortedDictionary<string, string> Metrics) : SiloEvent(At);

/// <summary>No update came of the round: the model, the data or the trainer failed.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="Reason">Why; a code that does not depend on record values.</param>
public sealed record TrainingFailed(DateTimeOffset At, RunId Job, Sha256Digest Rid, string Reason) : SiloEvent(At);

/// <summary>A checkpoint with enough witness lines covers the round's start.</summary>
/// <param name="At">When it was seen.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="Size">The checkpoint's size.</param>
public sealed record RoundWitnessed(DateTimeOffset At, RunId Job, Sha256Digest Rid, long Size) : SiloEvent(At);

/// <summary>The log's entry of the round names other values than the start that this silo has.</summary>
/// <param name="At">When it was seen.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="Entry">The entry's identity.</param>
public sealed record RoundMisrecorded(DateTimeOffset At, RunId Job, Sha256Digest Rid, Sha256Digest Entry) : SiloEvent(At);

/// <summary>The envelope is up.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="Attempt">The attempt whose name was used.</param>
public sealed record UpdateUploaded(DateTimeOffset At, RunId Job, Sha256Digest Rid, int Attempt) : SiloEvent(At);

/// <summary>The name of an attempt is taken or refused: a crash after an upload leaves it behind.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
/// <param name="Attempt">The attempt.</param>
public sealed record UploadRefused(DateTimeOffset At, RunId Job, Sha256Digest Rid, int Attempt) : SiloEvent(At);

/// <summary>The coordinator cannot open an upload any more: the version of the wrapping key has ended.</summary>
/// <param name="At">When.</param>
/// <param name="Again">The verified body.</param>
public sealed record UploadAgainReceived(DateTimeOffset At, UploadAgainBody Again) : SiloEvent(At);

/// <summary>A round was committed.</summary>
/// <param name="At">When.</param>
/// <param name="Result">The verified result.</param>
public sealed record ResultReceived(DateTimeOffset At, PlainResultBody Result) : SiloEvent(At);

/// <summary>A round was given up.</summary>
/// <param name="At">When.</param>
/// <param name="Abandoned">The verified body.</param>
public sealed record AbandonedReceived(DateTimeOffset At, PlainAbandonedBody Abandoned) : SiloEvent(At);

/// <summary>A run is over.</summary>
/// <param name="At">When.</param>
/// <param name="Ended">The verified body.</param>
/// <param name="EvaluationWanted">Whether plan and policy let an evaluation of the final model leave the silo.</param>
public sealed record EndedReceived(DateTimeOffset At, RunEndedBody Ended, bool EvaluationWanted) : SiloEvent(At);

/// <summary>The final model was evaluated, or could not be.</summary>
/// <param name="At">When.</param>
/// <param name="Job">The run.</param>
/// <param name="Round">The round number that the figures are filed under.</param>
/// <param name="Metrics">What plan and policy disclose; empty when nothing or when it failed.</param>
public sealed record EvaluationFinished(DateTimeOffset At, RunId Job, int Round, ImmutableSortedDictionary<string, string> Metrics) : SiloEvent(At);

/// <summary>The deadline of a round has passed.</summary>
/// <param name="At">When it was noticed.</param>
/// <param name="Job">The run.</param>
/// <param name="Rid">The round.</param>
public sealed record SiloDeadlineReached(DateTimeOffset At, RunId Job, Sha256Digest Rid) : SiloEvent(At);

/// <summary>The witness refused what the log shows: another history, or an older one.</summary>
/// <param name="At">When.</param>
/// <param name="Code">Why; a code.</param>
/// <param name="Evidence">The hashes of the notes that show it.</param>
public sealed record LogRefused(DateTimeOffset At, string Code, ImmutableArray<Sha256Digest> Evidence) : SiloEvent(At);

/// <summary>The administrator lets the silo follow the log again.</summary>
/// <param name="At">When.</param>
public sealed record LogResumed(DateTimeOffset At) : SiloEvent(At);
