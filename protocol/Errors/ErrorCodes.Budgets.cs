// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>The administrator's pace leaves no room for a plan.</summary>
    public static ErrorCode BudgetYearExhausted { get; } = new(
        "budget_year_exhausted",
        ExitCode.Refused,
        "with this plan, 365 days would cost more epsilon than the silo's policy sets for a year",
        "wait until older rounds are a year old, lower the plan's epsilon or rounds, or ask the silo's administrator");

    /// <summary>The silo's policy sets no budget.</summary>
    public static ErrorCode BudgetMissing { get; } = new(
        "budget_missing",
        ExitCode.Refused,
        "the plan has a privacy claim, and the silo's policy sets no privacy budget for its data",
        "the administrator adds 'ledger' to the policy, signs it and restarts the agent");

    /// <summary>The data needs a privacy claim.</summary>
    public static ErrorCode PrivacyRequired { get; } = new(
        "privacy_required",
        ExitCode.Refused,
        "the silo's data set has a privacy budget, and the plan has no privacy claim",
        "add a privacy claim to the plan, or let the administrator name the run in ledger.unaccounted_runs");

    /// <summary>The training data is not what was declared.</summary>
    public static ErrorCode DatasetChanged { get; } = new(
        "dataset_changed",
        ExitCode.Refused,
        "the training file is another one than the administrator declared with its number of records",
        "count the records again, sign the policy again and restart the agent; what is spent stays spent");

    /// <summary>The unit cannot be accounted for.</summary>
    public static ErrorCode UnitNotAccounted { get; } = new(
        "unit_not_accounted",
        ExitCode.Refused,
        "a job protects another unit than the data set's ledger counts, or the policy declares no number of it; a bound for whole persons or silos is none for one of their records at the same epsilon, so it cannot be added to the ledger's",
        "use a unit that the plan's claim protects and the ledger counts; for unit person the administrator declares ledger.persons");
}
