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
            return new PrivacySummary("none", Claim: null, Unit: null, Epsilon: null, Delta: null, IsLocal: false, Course: []);
        }

        decimal? epsilon = privacy.IsOnRing ? DistributedPrivacy.Of(plan).Epsilon : privacy.Epsilon;
        return new PrivacySummary(
            privacy.Claim.ToString().ToLowerInvariant(),
            InWords(privacy.Claim),
            privacy.Unit.ToString().ToLowerInvariant(),
            epsilon is { } most ? Rounded(most) : null,
            DecimalString.Format(privacy.Delta),
            IsLocal: !privacy.IsOnRing,
            privacy.IsOnRing ? [.. Spaced(plan.Rounds).Select(round => new CoursePoint(round, Rounded(After(plan, round))))] : []);
    }

    // Spare rounds are charged only for rounds that were abandoned.
    private static decimal After(RunConfig plan, int rounds) =>
        DistributedPrivacy.Of(plan with { Rounds = rounds, Privacy = plan.Privacy with { SpareRounds = 0 } }).Epsilon;

    private static IEnumerable<int> Spaced(int rounds) => rounds <= MostRounds
        ? Enumerable.Range(1, rounds)
        : Enumerable.Range(0, MostRounds).Select(i => 1 + (int)((long)i * (rounds - 1) / (MostRounds - 1)));

    private static string InWords(PrivacyClaim claim) => claim switch
    {
        PrivacyClaim.Example => "A, example-level, made in the silo",
        PrivacyClaim.Distributed => "B, distributed, noise shares on the ring",
        _ => "C, silo-level, noise shares on the ring",
    };

    // Upwards: nobody is promised less than it is.
    private static string Rounded(decimal epsilon) => (Math.Ceiling(epsilon * 10_000) / 10_000).ToString("F4", CultureInfo.InvariantCulture);
}
