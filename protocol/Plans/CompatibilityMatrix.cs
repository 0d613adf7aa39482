// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Plans;

/// <summary>Why a combination is refused.</summary>
/// <param name="Field">The field to change.</param>
/// <param name="Code">The code.</param>
/// <param name="Reason">Why, in one sentence without a full stop; it names the rule.</param>
/// <param name="Beside">The field that it does not go with.</param>
public sealed record PlanRefusal(string Field, ErrorCode Code, string Reason, string? Beside = null);

/// <summary>What may be combined with what, and why not otherwise: the table of the design's federated algorithms.</summary>
public static class CompatibilityMatrix
{
    private const string NeedsSingle = "it needs single silos' updates, and secure aggregation shows only linear sums";
    private const string NotHere = "it is right but not part of this version";

    /// <summary>Rules that are understood by name and refused: under secure aggregation, and in plain mode of this version.</summary>
    public static ImmutableDictionary<string, (ErrorCode Secure, string SecureReason, ErrorCode Plain, string PlainReason)> RefusedAlgorithms { get; } =
        new Dictionary<string, (ErrorCode, string, ErrorCode, string)>(StringComparer.Ordinal)
        {
            ["fedsa"] = (ErrorCodes.AlgorithmUnavailable, NotHere, ErrorCodes.AlgorithmUnavailable, NotHere),
            ["fedprox"] = (ErrorCodes.AlgorithmUnavailable, NotHere, ErrorCodes.AlgorithmUnavailable, NotHere),
            ["scaffold"] = (ErrorCodes.AlgorithmUnavailable, NotHere, ErrorCodes.AlgorithmUnavailable, NotHere),
            ["q_fedavg"] = Robust("weights silos by their losses"),
            ["trimmed_mean"] = Robust("sorts single updates; over group sums it needs at least 3 groups of 5 silos"),
            ["median"] = Robust("sorts single updates; over group sums it needs at least 3 groups of 5 silos"),
            ["krum"] = Robust("compares single updates with each other"),
            ["multi_krum"] = Robust("compares single updates with each other"),
            ["bulyan"] = Robust("compares single updates with each other"),
            ["flora"] = Robust("stacks single factor pairs"),
            ["fedex"] = Robust("needs the product of each silo's factors"),
            ["svd"] = Robust("refactorises the sum of single products"),
            ["fedbuff"] = (ErrorCodes.CohortFixed, "it is asynchronous, and under secure aggregation the cohort of a round is fixed", ErrorCodes.AlgorithmUnavailable, NotHere),
        }.ToImmutableDictionary(StringComparer.Ordinal);

    /// <summary>Every reason why the configuration is refused; empty when it is right.</summary>
    public static IEnumerable<PlanRefusal> Refusals(RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Algorithm == Algorithm.Fedavg && !config.AcceptInexactLora)
        {
            yield return new("accept_inexact_lora", ErrorCodes.InexactLora, "fedavg averages A and B in the same round, and mean(B)·mean(A) is not mean(B·A)", "algorithm");
        }

        ParticipationPlan participation = config.Participation;
        if (participation.CohortSize != 0 && participation.CohortSize < participation.Quorum)
        {
            yield return new("participation.cohort_size", ErrorCodes.PlanInvalidValue, $"participation.cohort_size {participation.CohortSize} is below participation.quorum {participation.Quorum}, so no round could ever commit", "participation.quorum");
        }

        if (participation.MinSilos < participation.Quorum)
        {
            yield return new("participation.min_silos", ErrorCodes.PlanInvalidValue, $"participation.min_silos {participation.MinSilos} is below participation.quorum {participation.Quorum}, so the run could begin without a chance to commit", "participation.quorum");
        }
    }

    /// <summary>The refusal of a rule that is known by name only.</summary>
    public static PlanRefusal RefusalOf(string algorithm, bool secure)
    {
        (ErrorCode secureCode, string secureReason, ErrorCode plainCode, string plainReason) = RefusedAlgorithms[algorithm];
        return secure
            ? new("algorithm", secureCode, $"algorithm {algorithm}: {secureReason}")
            : new("algorithm", plainCode, $"algorithm {algorithm}: {plainReason}");
    }

    private static (ErrorCode Secure, string SecureReason, ErrorCode Plain, string PlainReason) Robust(string what) =>
        (ErrorCodes.PlanNotLinear, $"it {what}; {NeedsSingle}", ErrorCodes.AlgorithmUnavailable, $"it {what}, which plain mode could do but this version does not");
}
