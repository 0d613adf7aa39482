// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>Fewer silos than the quorum contributed.</summary>
    public static ErrorCode QuorumNotMet { get; } = new(
        "quorum_not_met",
        ExitCode.Failed,
        "fewer silos than the plan's quorum could contribute",
        "look at each silo's reason with 'fedcloud run show', then submit again or lower participation.quorum");

    /// <summary>A silo gave no answer before the deadline.</summary>
    public static ErrorCode DeadlineMissed { get; } = new(
        "deadline_missed",
        ExitCode.Failed,
        "no answer arrived before the deadline",
        "check that the silo's agent is running, or raise participation.round_deadline");

    /// <summary>The mean update is longer than the plan allows.</summary>
    public static ErrorCode GateFailed { get; } = new(
        "gate_failed",
        ExitCode.Failed,
        "the L2 norm of the aggregate is above the plan's aggregate_norm_max",
        "look for a silo whose data or training went wrong before raising the limit");

    /// <summary>An operator cancelled the run.</summary>
    public static ErrorCode RunCancelled { get; } = new(
        "run_cancelled",
        ExitCode.Failed,
        "the run was cancelled by an operator",
        "submit it again when it should go on");

    /// <summary>The silo left the roster.</summary>
    public static ErrorCode SiloRevoked { get; } = new(
        "silo_revoked",
        ExitCode.Refused,
        "the silo is no longer a member of the federation",
        "ask the operator for a new invitation");

    /// <summary>The declared weight is outside the plan's bounds.</summary>
    public static ErrorCode WeightOutOfRange { get; } = new(
        "weight_out_of_range",
        ExitCode.Refused,
        "the declared weight is below 1 or the plan's weight_min, above its weight_max, or not 1 with uniform weighting",
        "correct the declared count in the silo's policy");

    /// <summary>An update has another length than the round's.</summary>
    public static ErrorCode UpdateLengthMismatch { get; } = new(
        "update_length_mismatch",
        ExitCode.VerificationFailed,
        "an update's length differs from the length that plan and base model imply",
        "check that silo and coordinator run the same version");

    /// <summary>The log did not show a round in time.</summary>
    public static ErrorCode RoundNotLogged { get; } = new(
        "round_not_logged",
        ExitCode.Failed,
        "no checkpoint with enough witness lines covered the start of a round before its deadline, so the update stayed at the silo",
        "check that the log is written and that enough silos run; 'fedcloud audit show' lists checkpoints and lines");

    /// <summary>The log says something else of a round than its start does.</summary>
    public static ErrorCode RoundMisrecorded { get; } = new(
        "round_misrecorded",
        ExitCode.VerificationFailed,
        "the log's entry of a round names another model, plan or deadline than the start that the silo got",
        "keep the silo's journal as evidence; ask the operator");

    /// <summary>A start names a model outside the chain of committed versions.</summary>
    public static ErrorCode ModelNotInChain { get; } = new(
        "model_not_in_chain",
        ExitCode.VerificationFailed,
        "a round starts from a model that is neither version 0 nor the newest committed result",
        "do not train on it; ask the operator what happened");

    /// <summary>Two different starts claim one round.</summary>
    public static ErrorCode RoundConflict { get; } = new(
        "round_conflict",
        ExitCode.VerificationFailed,
        "the coordinator signed two different starts or results for one round",
        "stop the run and compare both messages with the other silos");

    /// <summary>A round number did not rise.</summary>
    public static ErrorCode RoundNotRising { get; } = new(
        "round_not_rising",
        ExitCode.VerificationFailed,
        "a start names a round that is not above every earlier round of the run",
        "stop the run; the coordinator may have been rolled back");

    /// <summary>A start names another configuration than the approved one.</summary>
    public static ErrorCode PlanNotApproved { get; } = new(
        "plan_not_approved",
        ExitCode.Refused,
        "the run's configuration is not the one that this silo approved",
        "approve the plan first, or submit the approved one");

    /// <summary>A result names an update of ours that we did not send.</summary>
    public static ErrorCode ResultNotMine { get; } = new(
        "result_not_mine",
        ExitCode.VerificationFailed,
        "a result lists an update under this silo's index that this silo did not send",
        "stop the run and check who holds this silo's identity key");

    /// <summary>The update could not be uploaded.</summary>
    public static ErrorCode UploadFailed { get; } = new(
        "upload_failed",
        ExitCode.Unreachable,
        "the update could not be uploaded under any of the offered names",
        "check the network and the storage credential, then wait for the next round");

    /// <summary>An announced upload is not there.</summary>
    public static ErrorCode UpdateMissing { get; } = new(
        "update_missing",
        ExitCode.Failed,
        "an announced upload does not exist",
        "wait for the silo to send it again");

    /// <summary>An announced upload names a blob outside the silo's own names for the round.</summary>
    public static ErrorCode UploadNameRefused { get; } = new(
        "upload_name_refused",
        ExitCode.VerificationFailed,
        "an announced upload lies outside the names that the round offered to this silo",
        "check the silo's version; a forged frame looks the same");
}
