// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A plan file cannot be read.</summary>
    public static ErrorCode PlanUnreadable { get; } = new(
        "plan_unreadable",
        ExitCode.Unusable,
        "a plan file is missing, too large, not UTF-8, or not plain YAML",
        "see docs/plan-format.md");

    /// <summary>A plan names a field that does not exist.</summary>
    public static ErrorCode PlanUnknownField { get; } = new(
        "plan_unknown_field",
        ExitCode.Unusable,
        "a plan names a field that does not exist",
        "correct or remove the field; docs/plan-format.md lists all of them");

    /// <summary>A plan's field has an unusable value.</summary>
    public static ErrorCode PlanInvalidValue { get; } = new(
        "plan_invalid_value",
        ExitCode.Unusable,
        "a plan's field has a value of the wrong type or outside its bounds",
        "correct the value; docs/plan-format.md gives type, default and bounds");

    /// <summary>A rule of aggregation that is not a linear sum.</summary>
    public static ErrorCode PlanNotLinear { get; } = new(
        "plan_not_linear",
        ExitCode.Unusable,
        "the rule needs single updates, which secure aggregation never shows",
        "choose ffa_lora, rolora or fedavg");

    /// <summary>Averaging both LoRA factors is not the average of their products.</summary>
    public static ErrorCode InexactLora { get; } = new(
        "inexact_lora",
        ExitCode.Unusable,
        "averaging A and B in one round does not average their product",
        "choose ffa_lora or rolora, or write accept_inexact_lora: true");

    /// <summary>Sampling of silos under secure aggregation.</summary>
    public static ErrorCode CohortFixed { get; } = new(
        "cohort_fixed",
        ExitCode.Unusable,
        "under secure aggregation the cohort is the whole epoch, and rounds are synchronous",
        "remove participation.cohort_size, or choose a synchronous rule");

    /// <summary>A rule that this version does not have.</summary>
    public static ErrorCode AlgorithmUnavailable { get; } = new(
        "algorithm_unavailable",
        ExitCode.Unusable,
        "the rule is known but not part of this version",
        "choose ffa_lora, rolora or fedavg, and leave out fields that are not in docs/plan-format.md");

    /// <summary>Version 0 of the adapter would not be A from the seed and B zero.</summary>
    public static ErrorCode PrivateInit { get; } = new(
        "private_init",
        ExitCode.Unusable,
        "version 0 of the adapter would be something else than A from the seed and B zero; a start made from private gradients is a release that nobody charges",
        "remove lora.init, or write lora.init: seed");

    /// <summary>The plan cannot support its claim.</summary>
    public static ErrorCode ClaimUnsupported { get; } = new(
        "claim_unsupported",
        ExitCode.Unusable,
        "the plan cannot support the privacy claim that it makes",
        "write privacy.claim: example, which protects records and needs no other silo");

    /// <summary>A privacy claim in plain mode.</summary>
    public static ErrorCode PrivacyNeedsSecure { get; } = new(
        "privacy_needs_secure",
        ExitCode.Unusable,
        "a plan with a privacy claim asks for plain mode",
        "write aggregation.mode: secure, which needs three silos");
}
