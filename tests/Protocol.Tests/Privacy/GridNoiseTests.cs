// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

public sealed class GridNoiseTests
{
    [Theory]
    [InlineData(1.0, 1.0)]
    [InlineData(0.7, 0.003)]
    [InlineData(12.5, 40)]
    [InlineData(1.99999999999, 1)]
    public void Plan_Grid_IsAPowerOfTwoWithSigmaBetween30And31Bits(double z, double clip)
    {
        GridNoisePlan plan = new(z, clip, 1000);

        Assert.Equal(plan.Grid, Math.ScaleB(1, Math.ILogB(plan.Grid)));
        Assert.InRange(plan.Sigma / plan.Grid, Math.ScaleB(1, 30), Math.ScaleB(1, 31));
        Assert.InRange(plan.SigmaUnits - (plan.Sigma / plan.Grid), 0, 1);
    }

    [Fact]
    public void Plan_TenMillionCoordinates_CostsNoiseThatTheAccountantSees()
    {
        GridNoisePlan plan = new(1.1, 0.5, 10_000_000);

        Assert.True(plan.EffectiveNoiseMultiplier < 1.1);
        PrivacyVectors.CloseRelative(plan.Sigma / (0.5 + (plan.Grid * Math.Sqrt(1e7))), plan.EffectiveNoiseMultiplier, 1e-15);
        Assert.True(DpSgdAccountant.RdpEpsilon(plan.EffectiveNoiseMultiplier, 0.01, 100, 1e-5).Epsilon > DpSgdAccountant.RdpEpsilon(1.1, 0.01, 100, 1e-5).Epsilon);
    }

    [Fact]
    public void ToGrid_Value_IsNearestAndTiesGoToEven()
    {
        GridNoisePlan plan = new(1, 1, 1);
        double g = plan.Grid;

        Assert.Equal([0, 2, 2, -4, 1], new[] { 0.5 * g, 1.5 * g, 2.5 * g, -3.5 * g, 0.9 * g }.Select(plan.ToGrid));
        Assert.Equal(12345 * g, plan.FromGrid(12345));
        Assert.Equal(ErrorCodes.NoiseInvalid, Assert.Throws<FedCloudException>(() => plan.ToGrid(double.NaN)).Code);
        Assert.Equal(ErrorCodes.NoiseInvalid, Assert.Throws<FedCloudException>(() => plan.ToGrid(1e300)).Code);
    }

    [Theory]
    [InlineData(NoiseProfile.Exact)]
    [InlineData(NoiseProfile.Rounded)]
    public void AddTo_AnyProfile_HasMeanZeroAndTheDeviation(NoiseProfile profile)
    {
        GridNoisePlan plan = new(1.3, 2, 50_000);
        using AesCtrRandomSource source = new(new byte[32]);
        using RandomBits bits = new(source);
        long[] sums = new long[50_000];
        Array.Fill(sums, 1L << 40);

        new GridNoise(plan, profile, bits).AddTo(sums);

        double[] noise = [.. sums.Select(sum => plan.FromGrid(sum - (1L << 40)) / plan.Sigma)];
        PrivacyVectors.Close(0, noise.Average(), 5 / Math.Sqrt(noise.Length));
        PrivacyVectors.Close(1, noise.Average(x => x * x), 5 * Math.Sqrt(2.0 / noise.Length));
    }

    [Theory]
    [InlineData(NoiseProfile.Exact)]
    [InlineData(NoiseProfile.Rounded)]
    public void AddTo_LowBits_SayNothingAboutTheInput(NoiseProfile profile)
    {
        // Mironov 2012: with noise in floating point, low bits of noised values differ in kind between two inputs.
        GridNoisePlan plan = new(1, 1, 1);
        using AesCtrRandomSource source = new(new byte[32]);
        using RandomBits bits = new(source);
        long[] zero = new long[40_000];
        long[] one = new long[40_000];
        Array.Fill(one, plan.ToGrid(1));
        GridNoise noise = new(plan, profile, bits);

        noise.AddTo(zero);
        noise.AddTo(one);

        for (int digit = 0; digit < 8; digit++)
        {
            double difference = zero.Average(value => (value >> digit) & 1) - one.Average(value => (value >> digit) & 1);
            PrivacyVectors.Close(0, difference, 5 / Math.Sqrt(80_000));
        }
    }

    [Fact]
    public void AddTo_Overflow_Throws()
    {
        using RandomBits bits = new(new OsRandomSource());
        GridNoise noise = new(new GridNoisePlan(1, 1, 1), NoiseProfile.Exact, bits);
        long[] sums = [.. Enumerable.Repeat(long.MaxValue, 200)];

        Assert.Throws<OverflowException>(() => noise.AddTo(sums));
    }
}
