// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A line of a ledger does not have its form.</summary>
    public static ErrorCode LedgerEntryMalformed { get; } = new(
        "ledger_entry_malformed",
        ExitCode.VerificationFailed,
        "an entry of a privacy ledger lacks a member of its type, has one that its type does not know, or a value out of range",
        "check that the ledger was written by this version; docs/ledger.md lists the members");

    /// <summary>A ledger's file does not verify.</summary>
    public static ErrorCode LedgerBroken { get; } = new(
        "ledger_broken",
        ExitCode.VerificationFailed,
        "the file of a privacy ledger was changed, cut or damaged, or holds a step that the rules do not allow",
        "do not edit or delete it, and start no private job; put the newest backup of the folder 'ledgers' in its place: reserves that the log shows then count as spent");

    /// <summary>A ledger's file is gone.</summary>
    public static ErrorCode LedgerMissing { get; } = new(
        "ledger_missing",
        ExitCode.VerificationFailed,
        "a part of a privacy ledger is gone while another is there, and a deleted ledger is no fresh budget",
        "put the newest backup of the folder 'ledgers' in its place: reserves that the log shows then count as spent");

    /// <summary>Another process holds a ledger.</summary>
    public static ErrorCode LedgerLocked { get; } = new(
        "ledger_locked",
        ExitCode.NotSetUp,
        "another process holds the privacy ledger",
        "stop the other agent first; one data set has one ledger and one agent");

    /// <summary>A ledger has no limit.</summary>
    public static ErrorCode LimitMissing { get; } = new(
        "limit_missing",
        ExitCode.Refused,
        "the data set has no limit that its administrator signed, so nothing can be spent",
        "write the limit into the silo's policy and sign it with 'fedcloud-silo policy sign'");

    /// <summary>The limit does not admit a job.</summary>
    public static ErrorCode BudgetExhausted { get; } = new(
        "budget_exhausted",
        ExitCode.Refused,
        "the limit of the data set does not admit what the job would spend on top of what is spent and reserved",
        "'fedcloud-silo budget' shows the epsilon that is needed; lower the plan's epsilon, or let the administrator sign a higher limit");

    /// <summary>A job's unit is weaker than the limit's.</summary>
    public static ErrorCode UnitWeaker { get; } = new(
        "unit_weaker",
        ExitCode.Refused,
        "a job protects a weaker unit than the limit of the data set is for: a record is less than a person, a person less than a silo",
        "use a plan with the limit's unit; a limit for another unit cannot follow what was spent");

    /// <summary>A job's delta is above the limit's.</summary>
    public static ErrorCode DeltaAboveLimit { get; } = new(
        "delta_above_limit",
        ExitCode.Refused,
        "the delta of a job is above the largest that the limit of the data set allows",
        "lower the plan's delta, or let the administrator sign another limit");

    /// <summary>A job asks again with other values.</summary>
    public static ErrorCode ReserveChanged { get; } = new(
        "reserve_changed",
        ExitCode.Refused,
        "a job asks for a reserve with other values than it was given before",
        "another value is another job: start one with its own name");

    /// <summary>A charge without a reserve.</summary>
    public static ErrorCode ReserveMissing { get; } = new(
        "reserve_missing",
        ExitCode.Refused,
        "a round was to be charged to a job that has no complete reserve",
        "nothing leaves the silo; the job must be offered and reserved first");

    /// <summary>A reserve's rounds are used up.</summary>
    public static ErrorCode ReserveUsedUp { get; } = new(
        "reserve_used_up",
        ExitCode.Refused,
        "every round of the job's reserve is charged",
        "the job is over for this silo; start another");

    /// <summary>A reserve counted as spent.</summary>
    public static ErrorCode ReserveBarred { get; } = new(
        "reserve_barred",
        ExitCode.Refused,
        "the job's reserve counts as spent in full, because the agent could not show that its start continues the one before",
        "the job goes on only with a new reserve, if the limit still admits one");

    /// <summary>A settled job.</summary>
    public static ErrorCode ReserveSettled { get; } = new(
        "reserve_settled",
        ExitCode.Refused,
        "the job is settled, and its unused reserve is returned",
        "start another job");

    /// <summary>One noise for two mechanisms.</summary>
    public static ErrorCode ChargeConflict { get; } = new(
        "charge_conflict",
        ExitCode.Refused,
        "a round was to be charged for noise that another mechanism was charged for in the same round",
        "nothing leaves the silo; report it with the job's plan");

    /// <summary>The clock is more than a day off.</summary>
    public static ErrorCode ClockOff { get; } = new(
        "clock_off",
        ExitCode.Refused,
        "the silo's clock is more than 24 h off the times that others signed into the audit log, so its privacy ledger reserves and charges nothing",
        "set the clock by NTP and start the agent again; its terminal shows both times");

    /// <summary>Data sets that share records need one ledger.</summary>
    public static ErrorCode BudgetGroupRequired { get; } = new(
        "budget_group_required",
        ExitCode.Refused,
        "the training file shares records with a data set that has a ledger of its own",
        "give both the same budget_group in the policy, so that they share one budget");
}
