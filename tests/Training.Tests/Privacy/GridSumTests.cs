// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

public sealed unsafe class GridSumTests
{
    private const double Clip = 0.7;
    private static readonly int[] Modules = [2500, 7, 4096, 1, 3001];
    private static readonly int D = Modules.Sum();

    [Theory]
    [InlineData("Flat", 1.1)]
    [InlineData("PerLayer", 1.1)]
    [InlineData("Automatic", 1.1)]
    [InlineData("Flat", 1e-7)] // the grid is too fine for the vectors' way of rounding
    public void Add_OneUnit_IsScaledAndRoundedCoordinateByCoordinate(string mode, double noiseMultiplier)
    {
        foreach (double size in (double[])[1e-6, 0.004, 0.05, 300])
        {
            float[] gradient = Gradient(1, size);
            GridNoisePlan plan = new(noiseMultiplier, Clip, D);

            long[] found = Sum(plan, mode, 1, gradient);

            int start = 0;
            foreach (int length in mode is "PerLayer" ? Modules : [D])
            {
                double norm = Math.Sqrt(gradient[start..(start + length)].Sum(value => (double)value * value));
                double bound = Clip / Math.Sqrt(mode is "PerLayer" ? Modules.Length : 1);
                double factor = mode is "Automatic" ? bound / (norm + (0.01 * Clip)) : Math.Min(1, bound / norm);
                for (int i = start; i < start + length; i++)
                {
                    double expected = gradient[i] * factor / plan.Grid;
                    Assert.True(Math.Abs(found[i] - expected) <= 0.5001 + (1e-11 * Math.Abs(expected)), $"{i}: {found[i]} for {expected}");
                }

                start += length;
            }
        }
    }

    [Theory]
    [InlineData(1.1)]
    [InlineData(1e-7)]
    public void Add_UnitWithinTheBound_IsWhatThePlanRoundsItTo(double noiseMultiplier)
    {
        float[] gradient = Gradient(2, 1e-3);
        gradient[0] = 0.6f; // nearly all that a unit may measure, in one coordinate
        GridNoisePlan plan = new(noiseMultiplier, Clip, D);

        Assert.Equal(gradient.Select(value => plan.ToGrid(value)), Sum(plan, "Flat", 1, gradient));
    }

    [Theory]
    [InlineData(1)] // a coordinate at a time
    [InlineData(40)] // by vectors too
    public void Add_HalfAUnit_GoesToTheEvenNeighbour(int d)
    {
        GridNoisePlan plan = new(1, 1, d);
        foreach ((double units, long expected) in ((double, long)[])[(0.5, 0), (1.5, 2), (2.5, 2), (-0.5, 0), (-1.5, -2), (-2.5, -2), (0.75, 1), (-3.25, -3)])
        {
            float[] gradient = [.. Enumerable.Repeat((float)(units * plan.Grid), d)];
            GridSum sum = new(plan, ClippingMode.Flat, [d], 1, 1, 1);
            fixed (float* p = gradient)
            {
                sum.Add(p, [0]);
            }

            Assert.All(sum.Units, found => Assert.Equal(expected, found));
        }
    }

    // The squares in whole numbers, against (C/g + sqrt(d)/2)^2: no floating point decides whether the bound holds.
    [Theory]
    [InlineData("Flat")]
    [InlineData("PerLayer")]
    [InlineData("Automatic")]
    public void Add_LargeUnit_MeasuresAtMostTheBound(string mode)
    {
        for (int seed = 0; seed < 10; seed++)
        {
            GridNoisePlan plan = new(1e-6, Clip, D); // a grid so fine that the clip's own rounding would show
            long[] units = Sum(plan, mode, 1, Gradient(seed, seed + 1));

            BigInteger squares = units.Aggregate(BigInteger.Zero, (sum, value) => sum + ((BigInteger)value * value));
            BigInteger most = (BigInteger)Math.Floor((Clip / plan.Grid) + (Math.Sqrt(D) / 2));

            Assert.True(squares <= most * most);
            Assert.True((double)squares >= (mode is "Flat" ? 0.999999 : 0.5) * (double)(most * most));
        }
    }

    [Fact]
    public void Add_UnitsInAnyOrderAndCompanyAndOnTwoThreads_GivesTheSameSum()
    {
        GridNoisePlan plan = new(1.1, Clip, D);
        float[][] units = [.. Enumerable.Range(0, 5).Select(i => Gradient(i, 0.01 * (i + 1)))];
        long[] expected = Sum(plan, "Flat", 1, units);

        Assert.Equal(expected, Sum(plan, "Flat", 2, [.. units.Reverse()]));
        Assert.Equal(expected, units.Select(unit => Sum(plan, "Flat", 1, unit)).Aggregate((a, b) => [.. a.Zip(b, (x, y) => x + y)]));
    }

    [Theory]
    [InlineData("Flat", float.NaN)]
    [InlineData("PerLayer", float.PositiveInfinity)]
    [InlineData("Automatic", float.NegativeInfinity)]
    public void Add_UnitThatIsNotFinite_CountsAsZero(string mode, float value)
    {
        GridNoisePlan plan = new(1.1, Clip, D);
        float[] broken = Gradient(1, 1);
        broken[2600] = value;

        Assert.Equal(Sum(plan, mode, 1, Gradient(2, 1)), Sum(plan, mode, 1, broken, Gradient(2, 1)));
    }

    [Fact]
    public void Construct_GridTooFineForTheSum_IsRefused()
    {
        GridNoisePlan plan = new(1e-9, Clip, D);

        Assert.NotNull(new GridSum(plan, ClippingMode.Flat, Modules, 1, 2, 1));
        FedCloudException error = Assert.Throws<FedCloudException>(() => new GridSum(plan, ClippingMode.Flat, Modules, 1, 10, 1));

        Assert.Equal("noise_invalid", error.Code.Name);
    }

    [Fact]
    public void Eta_TenMillionCoordinates_CostsNothingThatShows() => Assert.InRange(ClippingRule.Eta(10_000_000), 1e-9, 3e-9);

    private static long[] Sum(GridNoisePlan plan, string mode, int threads, params float[][] units)
    {
        GridSum sum = new(plan, Enum.Parse<ClippingMode>(mode), Modules, units.Length, units.Length, threads);
        float[] rows = [.. units.SelectMany(unit => unit)];
        fixed (float* p = rows)
        {
            sum.Add(p, [.. Enumerable.Range(0, units.Length)]);
        }

        return [.. sum.Units];
    }

    private static float[] Gradient(int seed, double size)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, D).Select(_ => (float)((random.NextDouble() - 0.5) * size))];
    }
}
