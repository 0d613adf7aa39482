// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A policy cannot be used.</summary>
    public static ErrorCode PolicyMalformed { get; } = new(
        "policy_malformed",
        ExitCode.Unusable,
        "a silo's policy has an unknown, missing or mistyped field, or a value out of range",
        "correct the named field; docs/silo-policy.md describes all of them");

    /// <summary>The silo's policy is absent or not signed by its administrator.</summary>
    public static ErrorCode PolicySignature { get; } = new(
        "policy_signature",
        ExitCode.VerificationFailed,
        "the silo's policy is absent, or not signed by the administrator's key",
        "sign it with 'fedcloud-silo policy sign'");

    /// <summary>The silo's policy does not allow something.</summary>
    public static ErrorCode PolicyRefused { get; } = new(
        "policy_refused",
        ExitCode.Refused,
        "the silo's policy does not allow what the plan asks for",
        "change the plan, or ask the silo's administrator to change the policy");

    /// <summary>The plan's purpose is none that the policy lists.</summary>
    public static ErrorCode PurposeRefused { get; } = new(
        "purpose_refused",
        ExitCode.Refused,
        "the plan's purpose is none of those that the silo's policy lists",
        "state the purpose word for word, or ask the silo's administrator to add it to the policy");

    /// <summary>The administrator decided against a plan.</summary>
    public static ErrorCode AdministratorRefused { get; } = new(
        "administrator_refused",
        ExitCode.Refused,
        "the silo's administrator refused the plan",
        "ask the administrator what would have to change, and submit another plan");

    /// <summary>A plan is answered once.</summary>
    public static ErrorCode PlanAnswered { get; } = new(
        "plan_answered",
        ExitCode.Refused,
        "the plan has been answered, and an answer is final",
        "ask the operator to submit the plan as a new run, where the answer should be another one");

    /// <summary>A run that is over takes no answer.</summary>
    public static ErrorCode RunOver { get; } = new(
        "run_over",
        ExitCode.Refused,
        "the run is over",
        "wait for the next run; 'fedcloud-silo plan show' lists what waits for an answer");

    /// <summary>The data set is not listed as public.</summary>
    public static ErrorCode DataNotPublic { get; } = new(
        "data_not_public",
        ExitCode.Refused,
        "the plan treats data as public that the silo's policy does not list as public",
        "write data: private");

    /// <summary>The silo is not set up.</summary>
    public static ErrorCode SiloNotSetUp { get; } = new(
        "silo_not_set_up",
        ExitCode.NotSetUp,
        "the silo's home folder holds no invitation or keys",
        "run 'fedcloud-silo init --invitation FILE --home DIR'");

    /// <summary>The journal is broken.</summary>
    public static ErrorCode JournalBroken { get; } = new(
        "journal_broken",
        ExitCode.VerificationFailed,
        "a line of the silo's journal does not continue the chain of the lines before it",
        "do not start the agent on it; restore the folder, or join anew with fresh keys");

    /// <summary>Another agent runs on the same home.</summary>
    public static ErrorCode JournalLocked { get; } = new(
        "journal_locked",
        ExitCode.NotSetUp,
        "another agent runs on the same home folder",
        "stop it first");

    /// <summary>There is no refusal of the log to resolve.</summary>
    public static ErrorCode LogNotRefused { get; } = new(
        "log_not_refused",
        ExitCode.Unusable,
        "the silo was to follow the log again, and has never stopped",
        "nothing is to be done; look at what the agent prints");

    /// <summary>The clock is off.</summary>
    public static ErrorCode ClockSkew { get; } = new(
        "clock_skew",
        ExitCode.Refused,
        "this machine's clock and the coordinator's differ by more than the limit",
        "set the clock by NTP");
}
