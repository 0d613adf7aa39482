// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Training.Tests.Privacy;

/// <summary>A claim of epsilon, and what scores say about it.</summary>
/// <param name="NoiseMultiplier">z; z_eff is below it by less than one in ten million here, which only makes the test stricter.</param>
/// <param name="SamplingRate">q.</param>
/// <param name="Steps">T.</param>
internal sealed record CanaryClaim(double NoiseMultiplier, double SamplingRate, int Steps)
{
    public const double Delta = 1e-5;

    private const double Confidence = 0.95;

    private readonly PrivacyLossDistribution _losses = PrivacyLossDistribution.DpSgdStep(NoiseMultiplier, SamplingRate, PldOptions.Report).SelfCompose(Steps);

    public double Epsilon { get; } = DpSgdAccountant.Epsilon(NoiseMultiplier, SamplingRate, Steps, Delta);

    /// <summary>The lower bound on epsilon.</summary>
    public static double LowerEpsilon(CanaryScores scores, int guessesEach) => OneRunAudit.LowerEpsilon(scores.Guess(guessesEach), Delta, Confidence);

    /// <summary>Whether the attack finds more members than the claim allows, by three standard errors of both rates.</summary>
    public bool FindsTooMany(CanaryScores scores, double falsePositiveRate)
    {
        double found = scores.TruePositiveRate(falsePositiveRate);
        double most = MembershipBound.TruePositiveRate(_losses, falsePositiveRate + (3 * Error(falsePositiveRate, scores.Out)));
        return found > most + (3 * Error(most, scores.In));
    }

    public string Figures(string name, CanaryScores scores, int guessesEach)
    {
        CanaryGuesses guesses = scores.Guess(guessesEach);
        string rates = string.Join(", ", ((double[])[0.01, 0.1]).Select(rate => string.Create(
            CultureInfo.InvariantCulture,
            $"TPR {scores.TruePositiveRate(rate):F3} at FPR {rate} (claim allows {MembershipBound.TruePositiveRate(_losses, rate):F3})")));
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{name}: {guesses.Canaries} canaries, {guesses.Right} of {guesses.Guesses} right, epsilon above {LowerEpsilon(scores, guessesEach):F3}, claim {Epsilon:F3}; {rates}");
    }

    private static double Error(double rate, int count) => Math.Sqrt(rate * (1 - rate) / count);
}
