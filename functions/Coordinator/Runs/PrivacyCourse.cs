// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Coordinator.Runs;

/// <summary>What a run's plan says about differential privacy: of the whole job, and after each of its rounds.</summary>
/// <remarks>It follows from the plan alone. A run that stops early is guaranteed what the job's reserved maximum comes to, and no less, since stopping may depend on the data.</remarks>
public static class PrivacyCourse
{
    /// <summary>The most rounds of a course; a longer run shows as many, evenly spaced, the first and the last among them.</summary>
    public const int MostRounds = 64;

    /// <summary>Computes it.</summary>
    /// <param name="plan">The plan.</param>
    /// <exception cref="FedCloudException"><c>accountant_not_finite</c> or <c>noise_invalid</c>.</exception>
    public static PrivacySummary Of(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        PrivacyPlan privacy = plan.Privacy;
        if (!privacy.IsClaimed)
        {
            return new PrivacySummary(plan.IsPublic, Claim: null, Course: []);
        }

        decimal? epsilon = privacy.IsOnRing ? DistributedPrivacy.Of(plan).Epsilon : privacy.Epsilon;
        PrivacyTerms terms = new(
            privacy.Claim.ToString().ToLowerInvariant(),
            PrivacyClaims.Claim(privacy),
            PrivacyClaims.Unit(privacy),
            PrivacyClaims.Neighbours(privacy),
            PrivacyClaims.Adversary(privacy),
            epsilon is { } most ? Rounded(most) : null,
            DecimalString.Format(privacy.Delta),
            PrivacyClaims.Accountant(privacy),
            PrivacyClaims.Sampler(plan),
            IsLocal: !privacy.IsOnRing);
        return new PrivacySummary(plan.IsPublic, terms, privacy.IsOnRing ? [.. Spaced(plan.Rounds).Select(round => new CoursePoint(round, Rounded(After(plan, round))))] : []);
    }

    // Spare rounds are charged only for rounds that were abandoned.
    private static decimal After(RunConfig plan, int rounds) =>
        DistributedPrivacy.Of(plan with { Rounds = rounds, Privacy = plan.Privacy with { SpareRounds = 0 } }).Epsilon;

    private static IEnumerable<int> Spaced(int rounds) => rounds <= MostRounds
        ? Enumerable.Range(1, rounds)
        : Enumerable.Range(0, MostRounds).Select(i => 1 + (int)((long)i * (rounds - 1) / (MostRounds - 1)));

    // Upwards: nobody is promised less than it is.
    private static string Rounded(decimal epsilon) => (Math.Ceiling(epsilon * 10_000) / 10_000).ToString("F4", CultureInfo.InvariantCulture);
}
