// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

public sealed class OneRunAuditTests
{
    private const double Slack = 1e-9; // rounding, relative

    private static readonly Arbitrary<Audit> Audits = (
        from m in Gen.Choose(20, 1500)
        from r in Gen.Choose(10, m)
        from v in Gen.Choose((r / 2) + 1, r)
        from delta in Gen.Choose(4, 9)
        select new Audit(m, r, v, Math.Pow(10, -delta))).ToArbitrary();

    [Fact]
    public void Probability_WithoutDelta_IsTheBinomialTail()
    {
        // At epsilon 0 a fair coin: P[Bin(10, 1/2) >= 8] = (45 + 10 + 1) / 1024. At ln 3 a coin of 3/4: P[Bin(5, 3/4) >= 4] = (405 + 243) / 1024.
        PrivacyVectors.CloseRelative(56 / 1024.0, OneRunAudit.Probability(new CanaryGuesses(10, 10, 8), 0, 0), Slack);
        PrivacyVectors.CloseRelative(648 / 1024.0, OneRunAudit.Probability(new CanaryGuesses(900, 5, 4), Math.Log(3), 0), Slack);
        PrivacyVectors.CloseRelative(1, OneRunAudit.Probability(new CanaryGuesses(10, 10, 0), 2, 0), Slack);
        PrivacyVectors.CloseRelative(1, OneRunAudit.Probability(new CanaryGuesses(10, 0, 0), 2, 0), Slack);
    }

    [Fact]
    public void Probability_WithDelta_AddsTheSteepestFall()
    {
        // P[8 > Bin(10, 1/2) >= 8 - i] / i for i = 1..5: 120, 330/2, 582/3, 792/4, 912/5 of 1024, so 198 of 1024, times 2 m delta = 0.2.
        double expected = (56 + (0.2 * 198)) / 1024;

        PrivacyVectors.CloseRelative(expected, OneRunAudit.Probability(new CanaryGuesses(10, 10, 8), 0, 0.01), Slack);
        PrivacyVectors.CloseRelative(expected, OneRunAudit.Probability(new CanaryGuesses(1000, 10, 8), 0, 1e-4), Slack);
    }

    [Theory]
    [InlineData(1000, 100, 75, 1e-4, 0.673)]
    [InlineData(100_000, 1510, 1439, 1e-5, 2.675)]
    public void LowerEpsilon_ExamplesOfThePaper_AreMet(int m, int r, int v, double delta, double printed) =>
        PrivacyVectors.Close(printed, OneRunAudit.LowerEpsilon(new CanaryGuesses(m, r, v), delta, 0.95), 1e-3);

    // From the same formula in decimal numbers of 60 digits with binomials as whole numbers.
    [Theory]
    [InlineData(10, 10, 10, 0, 1.0518732332317091)]
    [InlineData(100, 100, 90, 1e-5, 1.6303580020232831)]
    [InlineData(1000, 100, 95, 1e-5, 2.1651757997140519)]
    [InlineData(1000, 400, 390, 1e-5, 3.1222038459109047)]
    [InlineData(1000, 400, 400, 1e-5, 4.8636111620250801)]
    [InlineData(5000, 300, 300, 1e-5, 4.4642923217420947)]
    [InlineData(1000, 500, 460, 1e-5, 2.1644193436941221)]
    [InlineData(1000, 100, 75, 1e-4, 0.67298466410741986)]
    [InlineData(100_000, 1510, 1439, 1e-5, 2.6758510076786228)]
    [InlineData(100, 100, 57, 1e-5, 0)]
    [InlineData(1000, 60, 59, 1e-3, 0)]
    public void LowerEpsilon_Cases_AgreeWithExactArithmetic(int m, int r, int v, double delta, double expected) =>
        PrivacyVectors.CloseRelative(expected, OneRunAudit.LowerEpsilon(new CanaryGuesses(m, r, v), delta, 0.95), Slack);

    [Fact]
    public void LowerEpsilon_AllRight_HasTheClosedForm()
    {
        // q^r = 1 - confidence, so epsilon = -ln((1 - confidence)^(-1/r) - 1).
        foreach ((int r, double confidence) in ((int, double)[])[(5, 0.95), (60, 0.5), (1000, 0.95), (1000, 0.999)])
        {
            double expected = -Math.Log(Math.Pow(1 - confidence, -1.0 / r) - 1);
            PrivacyVectors.CloseRelative(expected, OneRunAudit.LowerEpsilon(new CanaryGuesses(r, r, r), 0, confidence), 1e-8);
        }
    }

    [Fact]
    public void LowerEpsilon_OneMoreRight_NeverFalls() => ForAll(audit => audit.V == audit.R || Lower(audit) <= Lower(audit with { V = audit.V + 1 }) + Slack);

    [Fact]
    public void LowerEpsilon_OneMoreWrong_NeverRises() => ForAll(audit => Lower(audit with { M = audit.M + 1, R = audit.R + 1 }) <= Lower(audit) + Slack);

    [Fact]
    public void LowerEpsilon_MoreCanariesWithoutAGuess_NeverRises() => ForAll(audit => Lower(audit with { M = 3 * audit.M }) <= Lower(audit) + Slack);

    [Fact]
    public void LowerEpsilon_LargerDelta_NeverRises() => ForAll(audit => Lower(audit with { Delta = 2 * audit.Delta }) <= Lower(audit) + Slack);

    [Fact]
    public void LowerEpsilon_MoreConfidence_NeverRises() => ForAll(audit => Lower(audit, 0.99) <= Lower(audit) + Slack);

    [Fact]
    public void LowerEpsilon_ManyGuesses_StaysBelowTheirOdds() => ForAll(audit =>
    {
        double odds = Math.Log((double)audit.V / Math.Max(1e-9, audit.R - audit.V));

        return Lower(audit) <= odds + Slack;
    });

    [Fact]
    public void LowerEpsilon_IsWhereTheProbabilityMeetsTheLevel() => ForAll(audit =>
    {
        double lower = Lower(audit);

        return lower == 0 || Math.Abs(OneRunAudit.Probability(audit.Guesses, lower, audit.Delta) - 0.05) <= 1e-9;
    });

    [Fact]
    public void LowerEpsilon_RandomisedResponse_IsAboveItsEpsilonInAtMostOneOfTwentyRuns()
    {
        // The worst case of pure DP: each guess is right with probability e^eps / (1 + e^eps), so the bound is above eps with probability just below 0.05.
        const int Runs = 2000;
        double right = Math.E / (1 + Math.E);
        Random random = new(7);
        int above = 0;
        for (int run = 0; run < Runs; run++)
        {
            int v = Enumerable.Range(0, 200).Count(_ => random.NextDouble() < right);
            above += OneRunAudit.LowerEpsilon(new CanaryGuesses(200, 200, v), 0, 0.95) > 1 ? 1 : 0;
        }

        Assert.InRange(above, 0.025 * Runs, 0.065 * Runs);
    }

    [Fact]
    public void NumbersWithoutMeaning_AreRefused()
    {
        CanaryGuesses fine = new(10, 5, 5);
        CanaryGuesses[] wrong = [new(0, 0, 0), new(-1, 0, 0), new(10, 11, 5), new(10, -1, 0), new(10, 5, 6), new(10, 5, -1)];

        Assert.All(wrong, guesses => Refused(ErrorCodes.CountInvalid, () => OneRunAudit.LowerEpsilon(guesses, 1e-5, 0.95)));
        Assert.All(wrong, guesses => Refused(ErrorCodes.CountInvalid, () => OneRunAudit.Probability(guesses, 1, 1e-5)));
        Assert.All([-1e-9, 1, double.NaN], delta => Refused(ErrorCodes.DeltaInvalid, () => OneRunAudit.LowerEpsilon(fine, delta, 0.95)));
        Assert.All([0, 1, -0.5, double.NaN], confidence => Refused(ErrorCodes.DeltaInvalid, () => OneRunAudit.LowerEpsilon(fine, 1e-5, confidence)));
        Assert.All([-1, double.NaN, double.PositiveInfinity], epsilon => Refused(ErrorCodes.EpsilonInvalid, () => OneRunAudit.Probability(fine, epsilon, 1e-5)));
    }

    private static void Refused(ErrorCode code, Func<double> call) => Assert.Equal(code, Assert.Throws<FedCloudException>(() => call()).Code);

    private static void ForAll(Func<Audit, bool> holds) => Prop.ForAll(Audits, holds).Check(Config.QuickThrowOnFailure.WithMaxTest(50));

    private static double Lower(Audit audit, double confidence = 0.95) => OneRunAudit.LowerEpsilon(audit.Guesses, audit.Delta, confidence);

    private sealed record Audit(int M, int R, int V, double Delta)
    {
        public CanaryGuesses Guesses => new(M, R, V);
    }
}
