// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.SecureAggregation;
using Xunit;

namespace FedCloud.Protocol.Tests.Plans;

/// <summary>Plans with noise on the ring (claims B and C): what may be asked for, what it comes to, and the ring that follows.</summary>
public sealed class RingClaimTests
{
    private static readonly string[] Records =
    [
        "training.local_steps: 1", "training.schedule: constant", "training.warmup_steps: 0", "training.learning_rate: 0.5",
        "privacy.claim: distributed", "privacy.noise_multiplier: 5", "privacy.max_records: 1000",
    ];

    private static readonly string[] Silos = ["privacy.claim: silo", "privacy.noise_multiplier: 10", "privacy.delta: 0.001", "participation.min_silos: 50", "aggregation.secure.update_clip: 2", "rounds: 10", "privacy.spare_rounds: 0"];

    [Fact]
    public void Read_DistributedForRecords_IsAPlan()
    {
        PrivacyPlan privacy = Config(Records).Privacy;

        Assert.Equal((PrivacyClaim.Distributed, PrivacyUnit.Record, 1000), (privacy.Claim, privacy.Unit, privacy.MaxRecords));
        Assert.True(privacy.IsOnRing && privacy.IsRecordOnRing);
    }

    [Fact]
    public void Read_ClaimSilo_IsAboutSilos()
    {
        PrivacyPlan privacy = Config(Silos).Privacy;

        Assert.Equal((PrivacyClaim.Silo, PrivacyUnit.Silo), (privacy.Claim, privacy.Unit));
        Assert.True(privacy.IsOnRing && !privacy.IsRecordOnRing);
    }

    [Theory]
    [InlineData("training.local_steps: 2", "unit_not_accounted")]
    [InlineData("privacy.unit: person", "unit_not_accounted")]
    [InlineData("training.schedule: cosine", "plan_invalid_value")]
    [InlineData("training.warmup_steps: 3", "plan_invalid_value")]
    [InlineData("training.gradient_accumulation: 2", "plan_invalid_value")]
    [InlineData("privacy.max_records: 0", "plan_invalid_value")]
    [InlineData("privacy.noise: rounded", "plan_invalid_value")]
    [InlineData("aggregation.weighting: declared", "plan_invalid_value")]
    [InlineData("aggregation.secure.ring_bits: 16", "plan_invalid_value")]
    [InlineData("aggregation.secure.update_clip: 0.0001", "plan_invalid_value")]
    [InlineData("aggregation.mode: plain", "privacy_needs_secure")]
    public void Read_RecordsAndSomethingElse_IsRefusedByName(string line, string code)
    {
        Assert.Contains(code, Problems([.. Without(Records, line), line]).Select(problem => problem.Code.Name));
    }

    [Fact]
    public void Read_EpsilonInPlaceOfNoise_IsRefusedWithTheNoiseThatKeepsIt()
    {
        PlanProblem problem = Assert.Single(Problems([.. Without(Records, "privacy.noise_multiplier: "), "privacy.epsilon: 8"]));

        string noise = problem.Found.Split("; ")[^1].Split(' ')[0];
        Assert.Equal(ErrorCodes.PlanInvalidValue, problem.Code);
        RunConfig kept = Config([.. Without(Records, "privacy.noise_multiplier: "), $"privacy.noise_multiplier: {noise}"]);
        Assert.InRange(DistributedPrivacy.Of(kept).Epsilon, 7.999m, 8m);
    }

    [Theory]
    [InlineData("privacy.claim: distributed", 29, "fewer than 30 silos")]
    [InlineData("privacy.claim: silo", 49, "fewer than 50 silos")]
    public void Read_SilosThatAreTooFew_IsRefusedWithTheEpsilon(string claim, int silos, string few)
    {
        string[] lines = [.. Without(Silos, "privacy.claim: "), claim, "privacy.unit: silo"];

        PlanProblem problem = Assert.Single(Problems([.. Without(lines, "participation.min_silos: "), $"participation.min_silos: {silos}"]));

        // z = 10 at delta = 1e-3 and 10 rounds: 0.78 (privacy, rule P5).
        Assert.Equal(ErrorCodes.ClaimUnsupported, problem.Code);
        Assert.Contains("comes to epsilon 0.78 at delta 1e-3 over 10 rounds", problem.Found, StringComparison.Ordinal);
        Assert.Contains(few, problem.Found, StringComparison.Ordinal);
        Assert.Empty(Problems([.. Without(lines, "participation.min_silos: "), $"participation.min_silos: {silos + 1}"]));
    }

    [Fact]
    public void RefusalsFor_RosterBelowThePlansFewest_IsRefused()
    {
        RunConfig config = Config(Silos);

        Assert.Empty(CompatibilityMatrix.RefusalsFor(config, 50));
        Assert.Contains(ErrorCodes.ClaimUnsupported, CompatibilityMatrix.RefusalsFor(config, 49).Select(refusal => refusal.Code));
    }

    [Fact]
    public void Example_WithUnitSilo_OrMaxRecords_IsRefused()
    {
        Assert.Equal(ErrorCodes.UnitNotAccounted, Assert.Single(Problems(["privacy.epsilon: 8", "privacy.unit: silo"])).Code);
        Assert.Equal(ErrorCodes.PlanInvalidValue, Assert.Single(Problems(["privacy.epsilon: 8", "privacy.max_records: 8"])).Code);
    }

    [Fact]
    public void LayoutOf_Records_BoundsOneRecordAndHoldsTheSumOfAll()
    {
        RunConfig config = Config(Records);

        RingLayout layout = PlannedRing.LayoutOf(config, silos: 5, coordinates: 10_000);

        RingSegment model = Assert.Single(layout.Segments);
        Assert.Equal((0.5 / 1000, 0.5, 5, 1000, false), (model.Clip, model.Range, model.NoiseMultiplier, model.MaxRecords, model.Weighted));
        Assert.Equal(2, layout.NoiseShares); // t = 4 of 5, of which two may collude
        Assert.Equal(5 * layout.Sensitivity(0) / Math.Sqrt(2), layout.SigmaLocal(0), 1e-6);
        Assert.Equal(DistributedNoise.RoundedL2(layout.Limit / 1000.0, 10_000), layout.Sensitivity(0), 1e-3);
        Assert.True(RingLayout.Fits(layout.Ring, 5, layout.Bits, layout.SigmaLocal(0)));
        RingSegment[] segments = [model];
        Assert.Equal(layout.Bits, RingLayout.LargestBits(layout.Ring, 5, segments));
        Assert.Throws<FedCloudException>(() => RingLayout.Create(layout.Ring, layout.Bits + 1, 5, segments));
    }

    [Theory]
    [InlineData(32, 100)]
    [InlineData(24, 100)]
    [InlineData(32, 1_000_000)]
    [InlineData(24, 1_000_000)]
    public void Figures_AreNotBelowWhatTheRoundsRingCosts(int bits, long coordinates)
    {
        RunConfig config = Config([.. Silos, $"aggregation.secure.ring_bits: {bits}"]);
        DistributedPrivacy privacy = DistributedPrivacy.Of(config);

        RingLayout layout = PlannedRing.LayoutOf(config, silos: 50, coordinates);

        double sum = layout.SigmaLocal(0) * Math.Sqrt(layout.NoiseShares);
        Func<double, double> cost = bits == 24
            ? DistributedNoise.Skellam(sum, layout.Sensitivity(0), coordinates)
            : DistributedNoise.DiscreteGaussian(layout.SigmaLocal(0), layout.NoiseShares, layout.Sensitivity(0), coordinates);
        double exact = RdpCurve.Of(bits == 24 ? RdpOrders.Distributed : RdpOrders.Job, cost).Times(10).Epsilon(1e-3).Epsilon;
        Assert.InRange((double)privacy.Epsilon, exact, exact * 1.01);
        Assert.InRange((double)privacy.Epsilon, 0.78, 0.92); // the exact Gaussian value is 0.78
        Assert.Equal(bits == 24 ? LedgerMechanism.Skellam : LedgerMechanism.DiscreteGaussian, privacy.Mechanism);
        Assert.Equal(bits == 24, privacy.Round.Values[0] is null); // order 1.5
    }

    [Fact]
    public void Read_BitsThatLeaveNoRoomForTheNoise_IsRefused()
    {
        string[] lines = [.. Without(Records, "privacy.max_records: "), "privacy.max_records: 1"];

        Assert.Equal(ErrorCodes.RingTooSmall, Assert.Single(Problems([.. lines, "aggregation.secure.coordinate_bits: 29"])).Code);
        Assert.Empty(Problems([.. lines, "aggregation.secure.coordinate_bits: 25"]));
    }

    [Fact]
    public void Read_RingTooCoarseForTheNoise_IsRefused()
    {
        PlanProblem problem = Assert.Single(Problems([.. Without(Records, "privacy.max_records: "), "privacy.max_records: 1000000", "aggregation.secure.ring_bits: 24", "aggregation.secure.coordinate_bits: 8"]));

        Assert.Equal(ErrorCodes.RingTooSmall, problem.Code);
        Assert.Contains("too few for its noise", problem.Found, StringComparison.Ordinal);
        Assert.DoesNotContain("Next:", problem.Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Account_MoreRecordsThanThePlanAllows_OrThanDelta_IsRefused()
    {
        RunConfig config = Config(Records);

        ClaimAccount account = ClaimAccount.Of(config, 1000);

        Assert.Equal((LedgerMechanism.DiscreteGaussian, PrivacyUnit.Record, 5m, 1m, 1L, 1m), (account.Terms.Mechanism, account.Terms.Unit, account.Terms.Z, account.Terms.Q, account.Terms.Steps, account.Terms.Clip));
        Assert.Equal(6, account.MaxRounds);
        Assert.Equal(account.Terms.Rdp, ClaimAccount.Recount(account.Terms));
        Assert.Equal(ErrorCodes.CountInvalid, Assert.Throws<FedCloudException>(() => ClaimAccount.Of(config, 1001)).Code);
        RunConfig many = Config([.. Without(Records, "privacy.max_records: "), "privacy.max_records: 20000"]);
        Assert.Equal(ErrorCodes.DeltaTooLarge, Assert.Throws<FedCloudException>(() => ClaimAccount.Of(many, 20_000)).Code);
    }

    private static IEnumerable<string> Without(IEnumerable<string> lines, string line) => lines.Where(other => !other.StartsWith(line.Split(' ')[0], StringComparison.Ordinal));

    private static RunConfig Config(IEnumerable<string> lines) => PlanReaderTests.Config([.. lines]);

    private static IReadOnlyList<PlanProblem> Problems(IEnumerable<string> lines) => PlanReaderTests.Problems([.. lines]);
}
