// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

/// <content>Codes of epochs, slots and the rules of a silo's journal under secure aggregation.</content>
public static partial class ErrorCodes
{
    /// <summary>Members of an epoch did not answer in time.</summary>
    public static ErrorCode EpochStalled { get; } = new(
        "epoch_stalled",
        ExitCode.Failed,
        "members of an epoch did not send their shares or acknowledgements in time",
        "look at the named silos; the next epoch leaves them out");

    /// <summary>The roster changed under an open epoch or round.</summary>
    public static ErrorCode RosterChanged { get; } = new(
        "roster_changed",
        ExitCode.Failed,
        "the roster changed, which ends the epochs and rounds of the roster before",
        "nothing; a later round goes on under the new roster");

    /// <summary>No slot came in time.</summary>
    public static ErrorCode EpochUnavailable { get; } = new(
        "epoch_unavailable",
        ExitCode.Failed,
        "no epoch of enough silos became ready before the round's deadline",
        "start the agents that are missing: at least t of the roster must be there");

    /// <summary>A round names an epoch that the silo does not hold.</summary>
    public static ErrorCode EpochUnknown { get; } = new(
        "epoch_unknown",
        ExitCode.Failed,
        "the round is of an epoch that this silo does not hold, or holds no more",
        "nothing; the silo takes part from the next epoch on");

    /// <summary>Two epochs under one number, or two lists of one epoch.</summary>
    public static ErrorCode EpochConflict { get; } = new(
        "epoch_conflict",
        ExitCode.Refused,
        "the coordinator named two epochs of one number, or two lists of one epoch",
        "keep the alarm's evidence and ask the federation's members");

    /// <summary>A second round for one slot (rule J3).</summary>
    public static ErrorCode SlotConflict { get; } = new(
        "slot_conflict",
        ExitCode.Refused,
        "the coordinator asked for a second round in a slot, which would reveal the masks",
        "keep the alarm's evidence and ask the federation's members");

    /// <summary>A second list for one round (rule J4).</summary>
    public static ErrorCode U3Conflict { get; } = new(
        "u3_conflict",
        ExitCode.Refused,
        "the coordinator showed two different lists of one round",
        "keep the alarm's evidence and ask the federation's members");

    /// <summary>A second opening of one round (rule J9).</summary>
    public static ErrorCode RoundOpened { get; } = new(
        "round_opened",
        ExitCode.Refused,
        "this silo has agreed to open a sum of this round before, and opens no second one",
        "keep the alarm's evidence and ask the federation's members");

    /// <summary>A later round from a model that was masked from before (rule J10).</summary>
    public static ErrorCode BurnedTooFew { get; } = new(
        "burned_too_few",
        ExitCode.Refused,
        "an earlier round was masked from the same model, and too few silos have burned it to be sure that its sum stays closed",
        "start from another model (for a new run: another lora.init_seed)");

    /// <summary>Fewer than t silos helped to open a sum.</summary>
    public static ErrorCode UnmaskingStalled { get; } = new(
        "unmasking_stalled",
        ExitCode.Failed,
        "fewer silos than the threshold agreed to the round's list, or revealed their shares of it",
        "start the agents that are missing; without them the run cannot go on from this model");
}
