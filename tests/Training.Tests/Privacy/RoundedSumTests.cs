// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Numerics;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

public sealed unsafe class RoundedSumTests
{
    private const double ClipNorm = 0.7;
    private static readonly int[] Modules = [2500, 7, 4096, 1, 3001];
    private static readonly int D = Modules.Sum();

    [Theory]
    [InlineData("Flat")]
    [InlineData("PerLayer")]
    [InlineData("Automatic")]
    public void Add_OneRecord_IsMinusTheClippedGradientToWithinAUnit(string mode)
    {
        const double Clip = 5000;
        foreach (double size in (double[])[1e-6, 0.004, 0.05, 300])
        {
            float[] gradient = Gradient(1, size);

            long[] found = Sum(mode, Clip, Modules, 1, 1, gradient);

            double[] expected = Expected(gradient, mode, Clip);
            Assert.All(expected.Zip(found), pair => Assert.True(Math.Abs(pair.First - pair.Second) < 1 + 1e-6, $"{pair.Second} for {pair.First}"));
        }
    }

    // Equal coordinates with the fraction one half, or random ones: by one rounding, of each case one or more in a hundred is too long.
    [Theory]
    [InlineData(64, 4, 1000)] // a tiny clip: every coordinate becomes 0 or -1
    [InlineData(100, 1005, 200)]
    [InlineData(0, 1e6, 200)]
    [InlineData(0, 1 << 30, 100)]
    public void Add_ManyKeys_EveryRoundedRecordKeepsTheBound(int equal, double clip, int keys)
    {
        int[] modules = equal > 0 ? [equal] : Modules;
        float[] gradient = equal > 0 ? [.. Enumerable.Repeat(1f, equal)] : Gradient(3, 10);
        double bound = DistributedNoise.RoundedL2(clip, modules.Sum());
        BigInteger scaledBound = (BigInteger)Math.ScaleB(bound, 20); // its 20 binary places, cut: at most the bound

        for (int key = 0; key < keys; key++)
        {
            long[] rounded = Sum("Flat", clip, modules, 1, key, gradient);

            BigInteger squares = rounded.Aggregate(BigInteger.Zero, (sum, value) => sum + ((BigInteger)value * value));
            Assert.True(squares << 40 <= (scaledBound + 1) * (scaledBound + 1), $"{squares} at key {key}, bound {bound}");
            Assert.True((double)squares > clip * clip * 0.5);
        }
    }

    [Fact]
    public void Add_ManyKeys_HasTheMeanOfWhatItRounds()
    {
        // Far below the clip, so that no rounding is ever repeated and each coordinate's mean is exact.
        const int Keys = 500;
        const double Clip = 3000;
        float[] gradient = Gradient(4, 0.005);
        double[] exact = Expected(gradient, "Flat", Clip);
        double[] sums = new double[D];
        for (int key = 0; key < Keys; key++)
        {
            long[] rounded = Sum("Flat", Clip, Modules, 1, key, gradient);
            for (int i = 0; i < D; i++)
            {
                sums[i] += rounded[i] - exact[i];
            }
        }

        // A Bernoulli coin deviates by at most one half; six and five standard deviations.
        Assert.All(sums, sum => Assert.InRange(sum, -6 * 0.5 * Math.Sqrt(Keys), 6 * 0.5 * Math.Sqrt(Keys)));
        double most = 5 * 0.5 * Math.Sqrt((double)Keys * D);
        Assert.InRange(sums.Sum(), -most, most);
        Assert.InRange(sums.Zip(exact, (sum, value) => sum * Math.Sign(value)).Sum(), -most, most);
        double variance = exact.Sum(value => (value - Math.Floor(value)) * (Math.Ceiling(value) - value)) * Keys;
        Assert.InRange(sums.Sum(sum => sum * sum) / variance, 0.9, 1.1);
    }

    [Fact]
    public void Add_RecordsInAnyOrderAndCompanyAndOnAnyThreads_GivesTheSameSum()
    {
        float[][] records = [.. Enumerable.Range(0, 5).Select(i => Gradient(i, 0.01 * (i + 1)))];
        long[] expected = Sum("Flat", 1000, Modules, 1, 7, records);

        Assert.Equal(expected, Sum("Flat", 1000, Modules, 2, 7, records));
        Assert.Equal(expected, Sum("Flat", 1000, Modules, 3, 7, records));
        using RoundedSum apart = New("Flat", 1000, Modules, 1, 7, records.Length);
        for (int i = records.Length - 1; i >= 0; i--)
        {
            fixed (float* p = records[i])
            {
                apart.Add(p, [i]);
            }
        }

        Assert.Equal(expected, apart.Units.ToArray());
        Assert.NotEqual(expected, Sum("Flat", 1000, Modules, 1, 8, records));
    }

    [Fact]
    public void Add_TheSameGradientTwice_HasOtherCoins()
    {
        float[] gradient = Gradient(1, 0.01);
        using RoundedSum one = New("Flat", 1000, Modules, 1, 7, 2);
        using RoundedSum other = New("Flat", 1000, Modules, 1, 7, 2);

        fixed (float* p = gradient)
        {
            one.Add(p, [0]);
            other.Add(p, [1]);
        }

        int differ = one.Units.ToArray().Zip(other.Units.ToArray()).Count(pair => pair.First != pair.Second);
        Assert.InRange(differ, D / 4, D / 2); // two coins of a uniform fraction differ one time in three
    }

    [Theory]
    [InlineData("Flat", float.NaN)]
    [InlineData("PerLayer", float.PositiveInfinity)]
    [InlineData("Automatic", float.NegativeInfinity)]
    public void Add_RecordThatIsNotFinite_CountsAsZero(string mode, float value)
    {
        float[] broken = Gradient(1, 1);
        broken[2600] = value;

        Assert.Equal(Sum(mode, 1000, Modules, 1, 7, Gradient(2, 1)), Sum(mode, 1000, Modules, 1, 7, Gradient(2, 1), broken));
        Assert.Equal(-1, Sum(mode, 1000, Modules, 1, 7, broken).AsSpan().IndexOfAnyExcept(0L));
    }

    [Fact]
    public void Clamp_SumBeyondTheLimit_IsCutOnBothSidesAndNeverFails()
    {
        float[] gradient = [.. Enumerable.Range(0, 8).Select(i => i - 3.5f)];
        using RoundedSum sum = New("Flat", 100, [8], 1, 7, 3);
        for (int record = 0; record < 3; record++)
        {
            fixed (float* p = gradient)
            {
                sum.Add(p, [record]);
            }
        }

        int[] update = new int[8];
        sum.Clamp(60, update);

        Assert.Equal(sum.Units.ToArray().Select(value => (int)Math.Clamp(value, -60, 60)), update);
        Assert.Equal((60, -60), (update[0], update[7]));
        Assert.InRange(update[3], 10, 59);
    }

    [Fact]
    public void SquareOf_Bound_IsExact()
    {
        double billion = 1 << 30;

        Assert.Equal([0UL, 12, (1UL << 60) + (1UL << 31) + 1], ((double[])[0.5, 3.5, billion + 1]).Select(RoundedSum.SquareOf));
        Assert.Equal((1UL << 60) + (1UL << 31) + 1 + (1UL << 9), RoundedSum.SquareOf(billion + 1 + Math.ScaleB(1, -22)));
    }

    [Fact]
    public void Construct_MoreCoinsThanAKeyGives_IsRefused() =>
        Assert.Equal("count_invalid", Assert.Throws<FedCloudException>(() => New("Flat", 1000, Modules, 1, 7, int.MaxValue)).Code.Name);

    [Fact]
    public void Dispose_Sum_IsZeroed()
    {
        RoundedSum sum = New("Flat", 1000, Modules, 1, 7, 1);
        fixed (float* p = Gradient(1, 1))
        {
            sum.Add(p, [0]);
        }

        bool held = sum.Units.IndexOfAnyExcept(0L) >= 0;
        sum.Dispose();

        Assert.True(held);
        Assert.Equal(-1, sum.Units.IndexOfAnyExcept(0L));
    }

    // Known keys: what they protect here is made up.
    internal static byte[] Key(int key)
    {
        byte[] bytes = new byte[32];
        BinaryPrimitives.WriteInt32BigEndian(bytes, key);
        return bytes;
    }

    private static double[] Expected(float[] gradient, string mode, double clip)
    {
        List<double> expected = [];
        foreach (int length in mode is "PerLayer" ? Modules : [D])
        {
            float[] group = gradient[expected.Count..(expected.Count + length)];
            double norm = Math.Sqrt(group.Sum(value => (double)value * value));
            double bound = ClipNorm / Math.Sqrt(mode is "PerLayer" ? Modules.Length : 1);
            double factor = mode is "Automatic" ? bound / (norm + (0.01 * ClipNorm)) : Math.Min(1, bound / norm);
            expected.AddRange(group.Select(value => -value * factor * clip / ClipNorm));
        }

        return [.. expected];
    }

    private static RoundedSum New(string mode, double clip, int[] modules, int threads, int key, int records) =>
        new(Enum.Parse<ClippingMode>(mode), ClipNorm, clip, modules, Math.Min(records, 8), records, threads, Key(key));

    private static long[] Sum(string mode, double clip, int[] modules, int threads, int key, params float[][] records)
    {
        using RoundedSum sum = New(mode, clip, modules, threads, key, records.Length);
        fixed (float* p = records.SelectMany(record => record).ToArray())
        {
            sum.Add(p, [.. Enumerable.Range(0, records.Length)]);
        }

        return sum.Units.ToArray();
    }

    private static float[] Gradient(int seed, double size)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, D).Select(_ => (float)((random.NextDouble() - 0.5) * size))];
    }
}
