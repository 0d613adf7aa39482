// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Plans;

/// <summary>Which privacy claims a plan supports, and why not otherwise (privacy, sections 1, 2 and 4; secure-aggregation, section 8.1).</summary>
internal static class PrivacyRules
{
    /// <summary>The fewest silos for which a silo's whole contribution is protected from a coordinator (claim B).</summary>
    internal const int LeastSilosForSilos = 30;

    /// <summary>The fewest silos for which it is protected from users of the model (claim C).</summary>
    internal const int LeastSilosForClaimC = 50;

    private const string Epsilon = "privacy.epsilon";
    private const string Noise = "privacy.noise_multiplier";
    private const string MaxRecords = "privacy.max_records";
    private const string Accumulation = "training.gradient_accumulation";

    /// <summary>The refusals that do not depend on the roster.</summary>
    internal static IEnumerable<PlanRefusal> Refusals(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        if (!privacy.IsClaimed)
        {
            return privacy.Epsilon is null && privacy.NoiseMultiplier is null
                ? []
                : [Invalid(PlanSchema.Claim, "privacy.claim none and an epsilon or noise_multiplier: nothing would keep it")];
        }

        return Secure(config).Concat(privacy.IsOnRing ? OnRing(config) : Example(config));
    }

    /// <summary>The refusals of a roster: noise that protects a whole silo is small beside what all learn only where they are many.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="silos">n; or the fewest silos with which the plan may begin.</param>
    internal static IEnumerable<PlanRefusal> RosterRefusals(RunConfig config, int silos)
    {
        PrivacyPlan privacy = config.Privacy;
        int least = privacy.Claim == PrivacyClaim.Silo ? LeastSilosForClaimC : LeastSilosForSilos;
        if (!privacy.IsOnRing || privacy.Unit != PrivacyUnit.Silo || silos >= least || privacy.NoiseMultiplier is not { } noise)
        {
            yield break;
        }

        double epsilon = ExactGaussian.Epsilon((double)noise, config.Rounds, (double)privacy.Delta);
        yield return new(PlanSchema.Claim, ErrorCodes.ClaimUnsupported, string.Create(
            CultureInfo.InvariantCulture,
            $"privacy.claim {Word(privacy.Claim)} with unit silo: noise of {noise:0.###} times one silo's update on the sum comes to epsilon {epsilon:0.00} at delta {(double)privacy.Delta:0e-0} over {config.Rounds} rounds, and with fewer than {least} silos such noise drowns what they learn; the plan may begin with {silos} (participation.min_silos {least} or more would do)"));
    }

    private static IEnumerable<PlanRefusal> Secure(RunConfig config)
    {
        if (!config.Aggregation.IsSecure)
        {
            yield return new(PlanSchema.Mode, ErrorCodes.PrivacyNeedsSecure, "a charge of a silo's ledger is bound to the masked vector that it pays for, so a private plan needs aggregation.mode secure", PlanSchema.Claim);
        }
    }

    private static IEnumerable<PlanRefusal> Example(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        if (privacy.Unit == PrivacyUnit.Silo)
        {
            yield return new(PlanSchema.Unit, ErrorCodes.UnitNotAccounted, "privacy.unit silo: claim example protects records or persons; claims distributed and silo protect silos", PlanSchema.Claim);
        }

        if (privacy.Epsilon is null == privacy.NoiseMultiplier is null)
        {
            yield return Invalid(Epsilon, $"a private plan needs either privacy.epsilon or privacy.noise_multiplier, found {(privacy.Epsilon is null ? "neither" : "both")}");
        }

        if (privacy.MaxRecords != 0)
        {
            yield return Invalid(MaxRecords, "privacy.max_records is of claim distributed, where every record enters every step; claim example samples privacy.expected_batch of them");
        }

        if (config.Training.GradientAccumulation != 1)
        {
            yield return Invalid(Accumulation, $"{Accumulation} {config.Training.GradientAccumulation}: under a privacy claim the batch is sampled around privacy.expected_batch, in as many micro-batches as it takes");
        }
    }

    private static IEnumerable<PlanRefusal> OnRing(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        string claim = $"privacy.claim {Word(privacy.Claim)}";
        if (privacy.Epsilon is not null || privacy.NoiseMultiplier is null)
        {
            string noise = privacy.Epsilon is { } epsilon ? $"; {DistributedPrivacy.NoiseFor(config, epsilon).ToString(CultureInfo.InvariantCulture)} keeps epsilon {epsilon.ToString(CultureInfo.InvariantCulture)}" : string.Empty;
            yield return Invalid(privacy.Epsilon is null ? Noise : Epsilon, $"{claim}: silos, coordinator and auditors compute the ring from the noise, so the plan gives privacy.noise_multiplier and not epsilon{noise}");
        }

        if (privacy.Noise != NoiseProfile.Exact)
        {
            yield return Invalid("privacy.noise", $"{claim}: noise on the ring is drawn exactly; write privacy.noise exact");
        }

        if (config.Aggregation.Weighting != Weighting.Uniform)
        {
            yield return Invalid("aggregation.weighting", $"{claim}: a declared weight would scale what the noise was measured for; write aggregation.weighting uniform");
        }

        foreach (PlanRefusal refusal in privacy.Unit == PrivacyUnit.Record && privacy.Claim == PrivacyClaim.Distributed ? OfRecords(config) : OfSilos(config))
        {
            yield return refusal;
        }
    }

    private static IEnumerable<PlanRefusal> OfSilos(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        if (privacy.Unit != PrivacyUnit.Silo)
        {
            yield return new(PlanSchema.Unit, ErrorCodes.UnitNotAccounted, $"privacy.unit {(privacy.Unit == PrivacyUnit.Person ? "person" : "record")}: claim {Word(privacy.Claim)} {(privacy.Claim == PrivacyClaim.Silo ? "protects silos" : "is accounted for records and silos; claim example protects persons")}", PlanSchema.Claim);
        }

        if (privacy.MaxRecords != 0)
        {
            yield return Invalid(MaxRecords, "privacy.max_records is of claim distributed with unit record");
        }
    }

    // One plain gradient step in which each record has a bounded part.
    private static IEnumerable<PlanRefusal> OfRecords(RunConfig config)
    {
        TrainingPlan training = config.Training;
        if (training.LocalSteps != 1)
        {
            yield return new("training.local_steps", ErrorCodes.UnitNotAccounted, $"training.local_steps {training.LocalSteps}: after several steps one record's effect on the update has no bound, so claim distributed with unit record takes one step a round", PlanSchema.Claim);
        }

        if (training.GradientAccumulation != 1)
        {
            yield return Invalid(Accumulation, $"{Accumulation} {training.GradientAccumulation}: every record enters the step, in as many micro-batches as it takes");
        }

        if (training.Schedule != Schedule.Constant || training.WarmupSteps != 0)
        {
            yield return Invalid("training.schedule", "claim distributed with unit record scales every round's gradients alike, before noise is added: write training.schedule constant and training.warmup_steps 0; the coordinator's optimizer may adapt");
        }

        if (config.Aggregation.Secure.RingBits == 16)
        {
            yield return Invalid("aggregation.secure.ring_bits", "aggregation.secure.ring_bits 16 rotates whole updates, and claim distributed with unit record rounds each record's; write 24 or 32");
        }

        if (config.Privacy.MaxRecords == 0)
        {
            yield return Invalid(MaxRecords, "claim distributed with unit record needs privacy.max_records, the most records of a silo; the sum of their gradients is divided by it");
        }
        else if (PlannedRing.RecordClip(config) is var clip && clip > (double)config.Aggregation.Secure.UpdateClip)
        {
            yield return Invalid("aggregation.secure.update_clip", string.Create(CultureInfo.InvariantCulture, $"aggregation.secure.update_clip {config.Aggregation.Secure.UpdateClip} is below learning_rate · example_clip / max_records = {clip:G6}, what one record may add"));
        }
    }

    private static PlanRefusal Invalid(string field, string reason) => new(field, ErrorCodes.PlanInvalidValue, reason, PlanSchema.Claim);

    private static string Word(PrivacyClaim claim) => claim == PrivacyClaim.Silo ? "silo" : "distributed";
}
