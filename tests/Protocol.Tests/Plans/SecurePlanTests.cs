// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Plans;

/// <summary>What a plan may ask of secure aggregation, and what is refused with which code (secure-aggregation, sections 2, 8 and 9).</summary>
public sealed class SecurePlanTests
{
    private const string Secure = "aggregation.mode: secure";
    private const string Declared = "aggregation.weighting: declared";

    [Theory]
    [InlineData("plain")]
    [InlineData("secure")]
    public void Read_Mode_HasTheDefaultsOfTheRingInBoth(string mode)
    {
        RunConfig config = PlanReaderTests.Config("aggregation.mode: " + mode);

        Assert.Equal(mode == "secure", config.Aggregation.IsSecure);
        Assert.Equal(new SecureAggregationPlan { RingBits = 32, CoordinateBits = 0, UpdateClip = 100, Range = null, ClampLimit = 0.001m, WeightMin = 1 }, config.Aggregation.Secure);
        Assert.Equal("seed", config.Lora.Init);
    }

    [Fact]
    public void RunConfig_AnyRing_RoundTripsWithTheSameDigest()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            RunConfig config = Any(new Random(seed));
            if (CompatibilityMatrix.Refusals(config).FirstOrDefault() is { } refusal)
            {
                return Assert.Throws<FedCloudException>(() => RunConfig.Parse(config.ToJcs())).Code == refusal.Code;
            }

            RunConfig read = RunConfig.Parse(config.ToJcs());
            return read.Digest == config.Digest && read.Aggregation == config.Aggregation;
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("algorithm: q_fedavg", "plan_not_linear")]
    [InlineData("algorithm: trimmed_mean", "plan_not_linear")]
    [InlineData("algorithm: median", "plan_not_linear")]
    [InlineData("algorithm: krum", "plan_not_linear")]
    [InlineData("algorithm: multi_krum", "plan_not_linear")]
    [InlineData("algorithm: bulyan", "plan_not_linear")]
    [InlineData("algorithm: fltrust", "plan_not_linear")]
    [InlineData("algorithm: flora", "plan_not_linear")]
    [InlineData("algorithm: fedex", "plan_not_linear")]
    [InlineData("algorithm: svd", "plan_not_linear")]
    [InlineData("algorithm: flexlora", "plan_not_linear")]
    [InlineData("algorithm: hlora", "plan_not_linear")]
    [InlineData("algorithm: fedsvd", "plan_not_linear")]
    [InlineData("algorithm: fedbuff", "cohort_fixed")]
    [InlineData("algorithm: fedavg", "inexact_lora")]
    [InlineData("algorithm: scaffold", "algorithm_unavailable")]
    [InlineData("participation.cohort_size: 1", "cohort_fixed")]
    [InlineData("lora.init: gradient", "private_init")]
    [InlineData("lora.init: svd", "private_init")]
    [InlineData("lora.init: pretrained_adapter", "private_init")]
    [InlineData("lora.init: zero", "plan_invalid_value")]
    [InlineData("aggregation.secure.groups: 3", "algorithm_unavailable")]
    [InlineData("aggregation.secure.groups.count: 3", "algorithm_unavailable")]
    [InlineData("aggregation.secure.ringbits: 24", "plan_unknown_field")]
    [InlineData("aggregation.secure.ring_bits: 20", "plan_invalid_value")]
    [InlineData("aggregation.secure.coordinate_bits: 1", "plan_invalid_value")]
    [InlineData("aggregation.secure.coordinate_bits: 32", "plan_invalid_value")]
    [InlineData("aggregation.secure.coordinate_bits: 31", "ring_too_small")]
    [InlineData("aggregation.secure.update_clip: 0", "plan_invalid_value")]
    [InlineData("aggregation.secure.range: 0", "plan_invalid_value")]
    [InlineData("aggregation.secure.clamp_limit: 1.1", "plan_invalid_value")]
    [InlineData("aggregation.secure.weight_min: 0", "plan_invalid_value")]
    public void Read_Secure_IsRefusedWithTheRulesCodeAndLine(string field, string code)
    {
        PlanProblem problem = Assert.Single(PlanReaderTests.Problems(field, Secure));

        Assert.Equal((code, 1), (problem.Code.Name, problem.Line));
    }

    [Theory]
    [InlineData("secure")]
    [InlineData("plain")]
    public void Read_OtherStart_IsRefusedInBothModes(string mode)
    {
        Assert.Equal(ErrorCodes.PrivateInit, Assert.Single(PlanReaderTests.Problems("lora.init: gradient", "aggregation.mode: " + mode)).Code);
    }

    [Fact]
    public void Read_OverflowForTheFewestSilosOfThePlan_IsRefusedWithoutARoster()
    {
        string[] eight = [Secure, "aggregation.secure.coordinate_bits: 29", "participation.min_silos: 8"];

        Assert.Empty(PlanReaderTests.Problems(eight));
        Assert.Equal(ErrorCodes.RingTooSmall, Assert.Single(PlanReaderTests.Problems([.. eight[..2], "participation.min_silos: 9"])).Code);
        Assert.Equal(ErrorCodes.RingTooSmall, Assert.Single(PlanReaderTests.Problems(Secure, "aggregation.secure.coordinate_bits: 31")).Code);
        Assert.Empty(PlanReaderTests.Problems("aggregation.mode: plain", "aggregation.secure.coordinate_bits: 31"));
    }

    [Theory]
    [InlineData(2, "secagg_roster_size")]
    [InlineData(3)]
    [InlineData(8)]
    [InlineData(9, "ring_too_small")]
    [InlineData(255, "ring_too_small")]
    [InlineData(256, "secagg_roster_size", "ring_too_small")]
    public void RefusalsFor_Roster_FollowsItsSize(int silos, params string[] codes)
    {
        Assert.Equal(codes, PlanReaderTests.ProblemsFor(silos, Secure, "aggregation.secure.coordinate_bits: 29").Select(problem => problem.Code.Name));
    }

    [Theory]
    [InlineData("secure")]
    [InlineData("plain")]
    public void RefusalsFor_MoreSilosNeededThanThereAre_IsRefused(string mode)
    {
        IReadOnlyList<PlanProblem> problems = PlanReaderTests.ProblemsFor(4, "participation.quorum: 5", "participation.min_silos: 6", "aggregation.mode: " + mode);

        Assert.Equal([(ErrorCodes.PlanInvalidValue, 1), (ErrorCodes.PlanInvalidValue, 2)], problems.Select(problem => (problem.Code, problem.Line)));
    }

    [Fact]
    public void RefusalsFor_FewerApprovalsThanTheThreshold_IsRight()
    {
        // The run waits for t silos anyway; min_silos only says from how many it may begin.
        Assert.Empty(PlanReaderTests.ProblemsFor(10, Secure, "participation.min_silos: 2"));
    }

    [Fact]
    public void RefusalsFor_WeightThatRoundsToZero_IsRefusedAndNamesTheSmallest()
    {
        string[] plan = [Secure, Declared, "aggregation.weight_max: 1000000000"];

        PlanProblem problem = Assert.Single(PlanReaderTests.ProblemsFor(10, plan));
        Assert.Contains("a declared weight of 1 rounds to zero, since aggregation.weight_max 1000000000 has 134217727 steps", problem.Found, StringComparison.Ordinal);
        Assert.EndsWith("the smallest that counts is 4", problem.Found, StringComparison.Ordinal);
        Assert.Single(PlanReaderTests.ProblemsFor(10, [.. plan, "aggregation.secure.weight_min: 3"]));
        Assert.Empty(PlanReaderTests.ProblemsFor(10, [.. plan, "aggregation.secure.weight_min: 4"]));
        Assert.Empty(PlanReaderTests.ProblemsFor(10, [Secure, "aggregation.weight_max: 1000000000"]));
        Assert.Contains("is above aggregation.weight_max", Assert.Single(PlanReaderTests.Problems(Secure, Declared, "aggregation.weight_max: 5", "aggregation.secure.weight_min: 6")).Found, StringComparison.Ordinal);
    }

    [Fact]
    public void RefusalsFor_AnyRing_AllowsExactlyWhatTheLayoutCanHold()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            RunConfig config = Any(random);
            int silos = random.Next(1, 300);
            bool fits = Works(() => PlannedRing.LayoutOf(config, silos, 1000)) && Works(() => PlannedRing.MinWeightOf(config, PlannedRing.LayoutOf(config, silos, 1000)));
            bool ordered = config.Aggregation.Weighting == Weighting.Uniform || config.Aggregation.Secure.WeightMin <= config.Aggregation.WeightMax;
            bool enough = config.Participation.MinSilos <= silos;
            return CompatibilityMatrix.RefusalsFor(config, silos).Any() != (fits && ordered && enough);
        }).Check(FsCheck.Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private static bool Works(Action action) => Record.Exception(action) is not FedCloudException;

    private static RunConfig Any(Random random)
    {
        RunConfig config = PlanReaderTests.Config(Secure);
        return config with
        {
            Participation = config.Participation with { MinSilos = random.Next(2, 20) },
            Aggregation = config.Aggregation with
            {
                Weighting = (Weighting)random.Next(2),
                WeightMax = (long)Math.Pow(10, random.Next(10)),
                Secure = new()
                {
                    RingBits = 16 + (8 * random.Next(3)),
                    CoordinateBits = random.Next(3) == 0 ? 0 : random.Next(32),
                    UpdateClip = (decimal)Math.Pow(10, random.Next(-9, 9)),
                    Range = random.Next(2) == 0 ? null : (decimal)Math.Pow(10, random.Next(-9, 9)),
                    ClampLimit = random.Next(1001) / 1000m,
                    WeightMin = (long)Math.Pow(10, random.Next(10)),
                },
            },
        };
    }
}
