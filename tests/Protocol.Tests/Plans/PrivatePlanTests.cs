// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Plans;

/// <summary>Plans with a privacy claim: what may be asked for, and what it comes to at a silo.</summary>
public sealed class PrivatePlanTests
{
    private static readonly Dictionary<string, string> FilledIn = new(StringComparer.Ordinal)
    {
        ["job"] = "run-1",
        ["federation"] = "test-federation",
        ["base_model"] = Sha256Digest.Zero.Hex,
    };

    [Fact]
    public void Read_NoPrivacy_ClaimsNothing()
    {
        Assert.False(Config().Privacy.IsClaimed);
        Assert.Equal(Config().Digest, PlanReader.Require(PlanReader.Read(new PlanMapping(1, [Entry("privacy", Scalar("none"))]), FilledIn)).Digest);
    }

    [Fact]
    public void Read_AnEpsilonAlone_ClaimsPrivacyOfExamples()
    {
        RunConfig config = Config(("epsilon", "8"));

        Assert.Equal((PrivacyClaim.Example, PrivacyUnit.Record, 8m, 0.00001m), (config.Privacy.Claim, config.Privacy.Unit, config.Privacy.Epsilon, config.Privacy.Delta));
        Assert.Equal(config.Digest, RunConfig.Parse(config.ToJcs()).Digest);
        Assert.NotEqual(config.Digest, Config(("epsilon", "3")).Digest);
    }

    [Theory]
    [InlineData("claim", "example", "plan_invalid_value")] // neither epsilon nor noise
    [InlineData("epsilon", "-1", "plan_invalid_value")]
    [InlineData("epsilon", "0", "plan_invalid_value")]
    [InlineData("epsilon", "NaN", "plan_invalid_value")]
    [InlineData("epsilon", "1e9", "plan_invalid_value")]
    [InlineData("noise_multiplier", "0", "plan_invalid_value")]
    [InlineData("delta", "0.5", "plan_invalid_value")]
    [InlineData("example_clip", "-2", "plan_invalid_value")]
    [InlineData("expected_batch", "0", "plan_invalid_value")]
    [InlineData("sampling", "shuffle", "plan_unknown_field")]
    public void Read_WrongValue_IsRefusedByName(string field, string value, string code)
    {
        Assert.Equal([code], Read((field, value)).Problems.Select(problem => problem.Code.Name));
    }

    [Fact]
    public void Read_EpsilonAndNoise_OrEpsilonWithoutClaim_IsRefused()
    {
        Assert.Equal(ErrorCodes.PlanInvalidValue, Assert.Single(Read(("epsilon", "8"), ("noise_multiplier", "1")).Problems).Code);
        Assert.Equal(ErrorCodes.PlanInvalidValue, Assert.Single(Read(("claim", "none"), ("epsilon", "8")).Problems).Code);
    }

    [Fact]
    public void Read_ClaimInPlainMode_OrWithAccumulation_IsRefused()
    {
        Assert.Equal(ErrorCodes.PrivacyNeedsSecure, Assert.Single(Read(("epsilon", "8"), ("mode", "plain")).Problems).Code);
        Assert.Equal(ErrorCodes.PlanInvalidValue, Assert.Single(Read(("epsilon", "8"), ("gradient_accumulation", "2")).Problems).Code);
    }

    [Fact]
    public void Of_GivenEpsilon_FindsTheLeastNoiseThatKeepsIt()
    {
        RunConfig plan = Config(("epsilon", "3"), ("expected_batch", "50"), ("spare_rounds", "2"));

        ExamplePrivacy privacy = ExamplePrivacy.Of(plan, 1_000);

        Assert.Equal((0.05m, 7, 20, 140L), (privacy.SamplingRate, privacy.MaxRounds, privacy.StepsPerRound, privacy.MaxSteps));
        Assert.InRange(privacy.Epsilon, 2.99m, 3m);
        Assert.True(privacy.EffectiveNoiseMultiplier < privacy.NoiseMultiplier);
        double less = (double)privacy.EffectiveNoiseMultiplier - 0.001;
        Assert.True(DpSgdAccountant.Epsilon(less, 0.05, 140, 1e-5) > 3);
        Assert.InRange(ExamplePrivacy.RoundEpsilon(privacy.ToTerms(plan.Privacy)), 0.1m, privacy.Epsilon);
        Assert.InRange(ClaimAccount.Of(plan, 1_000).LedgerEpsilon(), privacy.Epsilon, 4.5m);
    }

    [Fact]
    public void Of_GivenNoise_StatesItsEpsilonAndTheLedgersTerms()
    {
        RunConfig plan = Config(("noise_multiplier", "2"), ("expected_batch", "10"));

        ExamplePrivacy privacy = ExamplePrivacy.Of(plan, 1_000);

        Assert.Equal(2m, privacy.NoiseMultiplier);
        Assert.InRange((double)privacy.Epsilon - DpSgdAccountant.Epsilon((double)privacy.EffectiveNoiseMultiplier, 0.01, 120, 1e-5), 0, 1e-6);
        LedgerTerms terms = privacy.ToTerms(plan.Privacy);
        Assert.Equal((LedgerMechanism.Dpsgd, 2m, 0.01m, 20L, "exact", DpSgdAccountant.Version), (terms.Mechanism, terms.Z, terms.Q, terms.Steps, terms.SamplerProfile, terms.AccountantVersion));
        Assert.Equal(privacy.Round, terms.Rdp);
    }

    [Fact]
    public void Of_TooManyUnitsForDelta_OrTooFewForTheBatch_IsRefused()
    {
        RunConfig plan = Config(("noise_multiplier", "2"), ("expected_batch", "100"));

        Assert.Equal(ErrorCodes.DeltaTooLarge, Assert.Throws<FedCloudException>(() => ExamplePrivacy.Of(plan, 10_001)).Code);
        Assert.Equal(ErrorCodes.SamplingRateInvalid, Assert.Throws<FedCloudException>(() => ExamplePrivacy.Of(plan, 99)).Code);
        Assert.Equal(1m, ExamplePrivacy.Of(plan, 100).SamplingRate);
    }

    private static RunConfig Config(params (string Field, string Value)[] fields) => PlanReader.Require(Read(fields));

    private static PlanReading Read(params (string Field, string Value)[] fields)
    {
        PlanEntry[] Of(params string[] names) => [.. fields.Where(field => names.Contains(field.Field)).Select(field => Entry(field.Field, Scalar(field.Value)))];
        string[] elsewhere = ["mode", "gradient_accumulation"];
        PlanEntry[] privacy = [.. fields.Where(field => !elsewhere.Contains(field.Field)).Select(field => Entry(field.Field, Scalar(field.Value)))];
        return PlanReader.Read(
            new PlanMapping(1,
            [
                Entry("aggregation", new PlanMapping(1, [.. Of("mode")])),
                Entry("training", new PlanMapping(1, [.. Of("gradient_accumulation")])),
                Entry("privacy", new PlanMapping(1, [.. privacy])),
            ]),
            FilledIn);
    }

    private static PlanEntry Entry(string name, PlanNode value) => new(1, name, value);

    private static PlanScalar Scalar(string text) => new(1, text, Quoted: false);
}
