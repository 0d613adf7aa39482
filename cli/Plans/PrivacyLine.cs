// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.Plans;

/// <summary>What a run's reports say about privacy: claim, unit and neighbours, adversary, epsilon and delta, accountant and sampler (privacy, rule P1); or that nothing is claimed.</summary>
internal static class PrivacyLine
{
    /// <summary>The line.</summary>
    public static string Of(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        if (!privacy.IsClaimed)
        {
            return config.IsPublic
                ? "privacy: no differential privacy; public data"
                : "privacy: no differential privacy; sums and model may reveal training records";
        }

        string line = privacy.IsOnRing ? OnRing(config) : InSilo(privacy);
        return $"privacy: {line}; {(config.IsPublic ? "public data, so epsilon is a demonstration" : "no figure about private records leaves a silo")}";
    }

    private static string InSilo(PrivacyPlan privacy)
    {
        string unit = privacy.Unit == PrivacyUnit.Person ? "all records of a person" : "one record";
        string epsilon = privacy.Epsilon is { } most ? $"epsilon at most {Text(most)}" : $"noise multiplier {Text(privacy.NoiseMultiplier ?? 0)}, from which each silo states its epsilon";
        return $"example-level, {unit} in a silo added or removed, against coordinator, other silos and users of the model; {epsilon} at delta {Delta(privacy)} a silo, by PLD ({DpSgdAccountant.Version}), {(privacy.Noise == NoiseProfile.Exact ? "exact" : "rounded")} noise";
    }

    private static string OnRing(RunConfig config)
    {
        PrivacyPlan privacy = config.Privacy;
        string unit = privacy.Unit == PrivacyUnit.Record ? "one record in a silo added or removed" : "one silo's update replaced by zeros";
        return $"{(privacy.Claim == PrivacyClaim.Silo ? "silo-level" : "distributed")}, {unit}, against whoever sees only sums, and users of the model; epsilon at most {Text(DistributedPrivacy.Of(config).Epsilon)} at delta {Delta(privacy)} a silo, by RDP ({DpSgdAccountant.Version}), exact noise";
    }

    private static string Delta(PrivacyPlan privacy) => ((double)privacy.Delta).ToString("0.###e-0", CultureInfo.InvariantCulture);

    private static string Text(decimal value) => value.ToString("0.######", CultureInfo.InvariantCulture);
}
