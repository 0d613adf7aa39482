// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Plans;

/// <summary>Why a combination is refused.</summary>
/// <param name="Field">The field to change.</param>
/// <param name="Code">The code.</param>
/// <param name="Reason">Why, in one sentence without a full stop; it names the rule.</param>
/// <param name="Beside">The field that it does not go with.</param>
public sealed record PlanRefusal(string Field, ErrorCode Code, string Reason, string? Beside = null);

/// <summary>What may be combined with what, and why not otherwise: the design's table of federated algorithms, and secure-aggregation, sections 2, 8 and 9.</summary>
public static class CompatibilityMatrix
{
    private const string NeedsSingle = "it needs single silos' updates, and secure aggregation shows only linear sums";
    private const string NotHere = "it is right but not part of this version";
    private const string NotFromSeed = "version 0 is A from lora.init_seed and B zero, which everyone recomputes";

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
            ["fltrust"] = Robust("weights single updates by their cosine with the coordinator's own"),
            ["flora"] = Robust("stacks single factor pairs"),
            ["fedex"] = Robust("needs the product of each silo's factors"),
            ["svd"] = Robust("refactorises the sum of single products"),
            ["flexlora"] = Robust("refactorises the sum of single products"),
            ["hlora"] = Robust("refactorises the sum of single products"),
            ["fedsvd"] = Robust("refactorises the sum of single products"),
            ["fedbuff"] = (ErrorCodes.CohortFixed, "it is asynchronous, and under secure aggregation the cohort of a round is fixed", ErrorCodes.AlgorithmUnavailable, NotHere),
        }.ToImmutableDictionary(StringComparer.Ordinal);

    /// <summary>Starts of the adapter that are understood by name and refused with <c>private_init</c>, in both modes.</summary>
    public static ImmutableDictionary<string, string> RefusedInits { get; } =
        new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["gradient"] = $"it is made from gradients of private records, and nobody charges that release; {NotFromSeed}",
            ["svd"] = $"its B is not zero; {NotFromSeed}",
            ["pretrained_adapter"] = $"nobody can tell which records it was trained on; {NotFromSeed}",
        }.ToImmutableDictionary(StringComparer.Ordinal);

    /// <summary>Every reason why the configuration is refused whatever the roster; empty when it is right.</summary>
    public static IEnumerable<PlanRefusal> Refusals(RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        int fewest = Fewest(config);
        return CombinationRefusals(config).Concat(PrivacyRules.RosterRefusals(config, fewest)).Concat(RingRefusals(config, fewest));
    }

    /// <summary>Every reason why the configuration is refused for a roster of this size: at its submission, and at a silo that is asked to approve it.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="silos">n, the roster's size.</param>
    public static IEnumerable<PlanRefusal> RefusalsFor(RunConfig config, int silos)
    {
        ArgumentNullException.ThrowIfNull(config);
        return CombinationRefusals(config)
            .Concat(RosterRefusals(config, silos))
            .Concat(PrivacyRules.RosterRefusals(config, Math.Min(silos, Fewest(config))))
            .Concat(RingRefusals(config, Math.Clamp(silos, Fcsa1.MinSilos, Fcsa1.MaxSilos)));
    }

    /// <summary>The refusal of a word that is known by name only.</summary>
    /// <param name="field">The field: <c>algorithm</c> or <c>lora.init</c>.</param>
    /// <param name="word">A word of <see cref="RefusedAlgorithms"/> or <see cref="RefusedInits"/>.</param>
    /// <param name="secure">Whether the plan asks for secure aggregation.</param>
    public static PlanRefusal RefusalOf(string field, string word, bool secure)
    {
        if (string.Equals(field, "lora.init", StringComparison.Ordinal))
        {
            return new(field, ErrorCodes.PrivateInit, $"{field} {word}: {RefusedInits[word]}");
        }

        (ErrorCode secureCode, string secureReason, ErrorCode plainCode, string plainReason) = RefusedAlgorithms[word];
        return secure
            ? new(field, secureCode, $"{field} {word}: {secureReason}")
            : new(field, plainCode, $"{field} {word}: {plainReason}");
    }

    private static IEnumerable<PlanRefusal> CombinationRefusals(RunConfig config)
    {
        if (config.Algorithm == Algorithm.Fedavg && !config.AcceptInexactLora)
        {
            yield return new("accept_inexact_lora", ErrorCodes.InexactLora, "fedavg averages A and B in the same round, and mean(B)·mean(A) is not mean(B·A)", "algorithm");
        }

        foreach (PlanRefusal refusal in PrivacyRules.Refusals(config).Concat(PatternRefusals(config.Lora)))
        {
            yield return refusal;
        }

        ParticipationPlan participation = config.Participation;
        if (config.Aggregation.IsSecure && participation.CohortSize != 0)
        {
            yield return new("participation.cohort_size", ErrorCodes.CohortFixed, $"participation.cohort_size {participation.CohortSize} draws silos anew in each round, and under secure aggregation the cohort of a round is fixed: all silos of the epoch");
        }
        else if (participation.CohortSize != 0 && participation.CohortSize < participation.Quorum)
        {
            yield return new("participation.cohort_size", ErrorCodes.PlanInvalidValue, $"participation.cohort_size {participation.CohortSize} is below participation.quorum {participation.Quorum}, so no round could ever commit", "participation.quorum");
        }

        if (participation.MinSilos < participation.Quorum)
        {
            yield return new("participation.min_silos", ErrorCodes.PlanInvalidValue, $"participation.min_silos {participation.MinSilos} is below participation.quorum {participation.Quorum}, so the run could begin without a chance to commit", "participation.quorum");
        }
    }

    // Whether a full name fits is known once the base model is.
    private static IEnumerable<PlanRefusal> PatternRefusals(LoraPlan lora)
    {
        IEnumerable<(string Field, string Key)> keys = (lora.RankPattern?.Keys ?? []).Select(key => ("lora.rank_pattern", key)).Concat((lora.AlphaPattern?.Keys ?? []).Select(key => ("lora.alpha_pattern", key)));
        return keys
            .Where(one => !lora.TargetModules.Contains(one.Key.Split('.')[^1], StringComparer.Ordinal))
            .Select(one => new PlanRefusal(one.Field, ErrorCodes.TargetModuleUnmatched, $"{one.Field} names {one.Key}, and lora.target_modules has no {one.Key.Split('.')[^1]}", "lora.target_modules"));
    }

    // The fewest silos with which a run of the plan may begin and commit.
    private static int Fewest(RunConfig config) => Math.Max(Fcsa1.MinSilos, Math.Max(config.Participation.MinSilos, config.Participation.Quorum));

    private static IEnumerable<PlanRefusal> RosterRefusals(RunConfig config, int silos)
    {
        if (config.Aggregation.IsSecure && silos is < Fcsa1.MinSilos or > Fcsa1.MaxSilos)
        {
            yield return new(PlanSchema.Mode, ErrorCodes.SecaggRosterSize, silos > Fcsa1.MaxSilos
                ? $"secure aggregation shares each secret among at most {Fcsa1.MaxSilos} silos; there are {silos}"
                : $"with two silos each would learn the other's update from the sum, so secure aggregation needs at least {Fcsa1.MinSilos}; there are {silos}");
        }

        ParticipationPlan participation = config.Participation;
        if (participation.Quorum > silos)
        {
            yield return new("participation.quorum", ErrorCodes.PlanInvalidValue, $"participation.quorum {participation.Quorum} is above the number of silos, {silos}, so no round could ever commit");
        }

        if (participation.MinSilos > silos)
        {
            yield return new("participation.min_silos", ErrorCodes.PlanInvalidValue, $"participation.min_silos {participation.MinSilos} is above the number of silos, {silos}, so the run could never begin");
        }
    }

    private static IEnumerable<PlanRefusal> RingRefusals(RunConfig config, int silos)
    {
        SecureAggregationPlan plan = config.Aggregation.Secure;
        if (!config.Aggregation.IsSecure)
        {
            yield break;
        }

        int largest = RingLayout.LargestBits(Ring.OfBits(plan.RingBits), silos);
        if (plan.CoordinateBits == 1)
        {
            yield return new("aggregation.secure.coordinate_bits", ErrorCodes.PlanInvalidValue, "aggregation.secure.coordinate_bits 1: one bit holds a sign and no value; write 0 for the most that fits");
        }
        else if (plan.CoordinateBits > largest)
        {
            yield return new("aggregation.secure.coordinate_bits", ErrorCodes.RingTooSmall, $"{silos} silos with b = {plan.CoordinateBits} could overflow a ring of k = {plan.RingBits}: n (2^(b-1) - 1) < 2^(k-1) holds up to b = {largest}", "aggregation.secure.ring_bits");
        }
        else if (config.Privacy is { IsOnRing: true, NoiseMultiplier: not null })
        {
            foreach (PlanRefusal refusal in NoiseRefusals(config, silos))
            {
                yield return refusal;
            }
        }
        else if (config.Aggregation.Weighting == Weighting.Declared && WeightRefusal(config, PlannedRing.LayoutOf(config, silos, coordinates: 1).Limit) is { } refusal)
        {
            yield return refusal;
        }
    }

    // Of a single parameter, which needs the least room: the rest is known once the base model is.
    private static PlanRefusal[] NoiseRefusals(RunConfig config, int silos)
    {
        if (config.Privacy is { IsRecordOnRing: true, MaxRecords: 0 } || (config.Privacy.IsRecordOnRing && config.Aggregation.Secure.RingBits == 16))
        {
            return [];
        }

        try
        {
            _ = PlannedRing.LayoutOf(config, silos, coordinates: 1);
            return [];
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.RingTooSmall)
        {
            return [new("privacy.noise_multiplier", error.Code, error.Found, "aggregation.secure.ring_bits")];
        }
    }

    // A share is rounded to the nearest step, so below half a step of s_w it is none.
    private static PlanRefusal? WeightRefusal(RunConfig config, long steps)
    {
        (long min, long max) = (config.Aggregation.Secure.WeightMin, config.Aggregation.WeightMax);
        string? reason = min > max
            ? $"aggregation.secure.weight_min {min} is above aggregation.weight_max {max}, so no declared weight is accepted"
            : 2 * min * steps < max
                ? $"a declared weight of {min} rounds to zero, since aggregation.weight_max {max} has {steps} steps; the smallest that counts is {((max - 1) / (2 * steps)) + 1}"
                : null;
        return reason is null ? null : new("aggregation.secure.weight_min", ErrorCodes.PlanInvalidValue, reason, "aggregation.weight_max");
    }

    private static (ErrorCode Secure, string SecureReason, ErrorCode Plain, string PlainReason) Robust(string what) =>
        (ErrorCodes.PlanNotLinear, $"it {what}; {NeedsSingle}", ErrorCodes.AlgorithmUnavailable, $"it {what}, which plain mode could do but this version does not");
}
