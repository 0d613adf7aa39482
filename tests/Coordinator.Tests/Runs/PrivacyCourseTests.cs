// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cloud.Api;
using FedCloud.Coordinator.Runs;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Runs;

/// <summary>Epsilon round by round, from the plan.</summary>
public sealed class PrivacyCourseTests
{
    [Fact]
    public void Of_NoClaim_HasNothing()
    {
        PrivacySummary found = PrivacyCourse.Of(Plan(rounds: 3));

        Assert.False(found.IsPublic);
        Assert.Null(found.Claim);
        Assert.Empty(found.Course);
    }

    // Claim A: noise and sampling rate follow from a silo's own number of records.
    [Theory]
    [InlineData("epsilon", "8", "8.0000")]
    [InlineData("noise_multiplier", "4", null)]
    public void Of_NoiseInTheSilo_IsLocal(string field, string value, string? epsilon)
    {
        PrivacySummary found = PrivacyCourse.Of(Plan(rounds: 3, (field, value), ("unit", "person")));

        Assert.Equal(("example", "person: all records of one person in one silo", epsilon, "0.00001", true), (found.Claim!.Name, found.Claim.Unit, found.Claim.Epsilon, found.Claim.Delta, found.Claim.IsLocal));
        Assert.Empty(found.Course);
    }

    [Fact]
    public void Of_NoiseOnTheRing_RisesRoundByRoundBelowTheReservedMaximum()
    {
        RunConfig plan = OnRing(rounds: 5, spare: 2);

        PrivacySummary found = PrivacyCourse.Of(plan);

        Assert.Equal(("distributed", "record: one training record in one silo", false), (found.Claim!.Name, found.Claim.Unit, found.Claim.IsLocal));
        Assert.InRange(Number(found.Claim.Epsilon!), DistributedPrivacy.Of(plan).Epsilon, DistributedPrivacy.Of(plan).Epsilon + 0.0001m);
        Assert.Equal([1, 2, 3, 4, 5], found.Course.Select(point => point.Round));
        Assert.All(found.Course, point => Assert.InRange(Number(point.Epsilon), DistributedPrivacy.Of(OnRing(point.Round, spare: 0)).Epsilon, DistributedPrivacy.Of(OnRing(point.Round, spare: 0)).Epsilon + 0.0001m));
        Assert.All(found.Course.Skip(1).Zip(found.Course), pair => Assert.True(Number(pair.First.Epsilon) > Number(pair.Second.Epsilon)));
        Assert.True(Number(found.Claim.Epsilon!) > Number(found.Course[^1].Epsilon));
    }

    [Fact]
    public void Of_PublicData_IsSaid() => Assert.True(PrivacyCourse.Of(Plan(rounds: 3) with { Data = "public" }).IsPublic);

    [Theory]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(1000)]
    public void Of_ManyRounds_HasTheFirstTheLastAndNoMoreThanTheMost(int rounds)
    {
        int[] course = [.. PrivacyCourse.Of(OnRing(rounds, spare: 0)).Course.Select(point => point.Round)];

        Assert.Equal((PrivacyCourse.MostRounds, 1, rounds), (course.Length, course[0], course[^1]));
        Assert.All(course.Skip(1).Zip(course), pair => Assert.InRange(pair.First - pair.Second, rounds / PrivacyCourse.MostRounds, (rounds / PrivacyCourse.MostRounds) + 1));
    }

    private static decimal Number(string text) => decimal.Parse(text, CultureInfo.InvariantCulture);

    private static RunConfig OnRing(int rounds, int spare) =>
        Plan(rounds, ("claim", "distributed"), ("noise_multiplier", "8"), ("max_records", "1000"), ("spare_rounds", spare.ToString(CultureInfo.InvariantCulture)));

    private static RunConfig Plan(int rounds, params (string Name, string Value)[] privacy)
    {
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = "run-1", ["federation"] = "test-federation", ["base_model"] = TinyBase.Manifest.Digest().Hex };
        PlanEntry Field(string name, string value) => new(0, name, new PlanScalar(0, value, Quoted: false));
        PlanEntry Group(string name, params PlanEntry[] fields) => new(0, name, new PlanMapping(0, [.. fields]));
        PlanMapping plan = new(0,
        [
            Field("rounds", rounds.ToString(CultureInfo.InvariantCulture)),
            Group("aggregation", Field("mode", "secure")),
            Group("training", Field("local_steps", "1"), Field("schedule", "constant"), Field("warmup_steps", "0")),
            privacy.Length == 0 ? Field("privacy", "none") : Group("privacy", [.. privacy.Select(field => Field(field.Name, field.Value))]),
        ]);
        return PlanReader.Require(PlanReader.Read(plan, filledIn));
    }
}
