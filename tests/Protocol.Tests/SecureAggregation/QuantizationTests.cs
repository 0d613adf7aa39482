// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class QuantizationTests
{
    [Fact]
    public void Quantize_AnyUpdate_IsFloorOrCeilingAndNeverClampedByDefault()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            float[] update = Update(random, random.Next(1, 3000), Math.Pow(10, random.Next(-6, 4)));
            update[0] = random.Next(3) == 0 ? 1e6f : update[0]; // one coordinate that is almost the whole norm
            RingLayout layout = Layout(Ring.OfBits(24 + (8 * random.Next(2))), update.Length, clip: random.NextDouble() + 0.01);
            (byte[] words, double factor, long clamped) = Quantized(layout, update, RandomBytes(random));
            double scale = layout.Scale(0);
            return clamped == 0 && Enumerable.Range(0, update.Length).All(i =>
            {
                long word = layout.Ring.Lift(RingWords.Read(layout.Ring, words, i));
                double exact = update[i] * factor * scale;
                return Math.Abs(word - exact) <= 1 + 1e-6 && Math.Abs(word) <= layout.Limit;
            });
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
    }

    [Fact]
    public void Quantize_InPieces_IsTheWhole()
    {
        RingLayout layout = Layout(Ring.K24, 5000, clip: 1);
        float[] update = Update(new Random(3), 5000, 0.01);
        byte[] key = new byte[32];
        (byte[] whole, double factor, _) = Quantized(layout, update, key);
        using UpdateQuantizer quantizer = new(layout, key);
        byte[] pieces = new byte[whole.Length];
        foreach ((int first, int count) in ((int, int)[])[(3333, 1667), (0, 1), (1, 2047), (2048, 1285)])
        {
            quantizer.Quantize(0, first, update.AsSpan(first, count), factor, pieces.AsSpan(first * 3, count * 3));
        }

        Assert.Equal(whole, pieces);
        double[] wide = [.. update.Select(value => (double)value)];
        byte[] fromDoubles = new byte[whole.Length];
        quantizer.Quantize(0, 0, wide, factor, fromDoubles);
        Assert.Equal(whole, fromDoubles);
    }

    [Fact]
    public void Quantize_ManyTimes_IsUnbiased()
    {
        const int Times = 4000;
        RingLayout layout = Layout(Ring.K32, 40, clip: 100, bits: 8);
        float[] update = [.. Enumerable.Range(0, 40).Select(i => (i - 20) * 0.05f)]; // far from whole grid units of 100/127
        double[] sums = new double[40];
        for (int time = 0; time < Times; time++)
        {
            byte[] words = Quantized(layout, update, SHA256.HashData(BitConverter.GetBytes(time))).Words;
            for (int i = 0; i < 40; i++)
            {
                sums[i] += layout.Ring.Lift(RingWords.Read(layout.Ring, words, i));
            }
        }

        // The standard error of a mean of coins is at most 0.5 / sqrt(4000) = 0.008; five of them.
        Assert.All(Enumerable.Range(0, 40), i => Assert.InRange((sums[i] / Times) - (update[i] * layout.Scale(0)), -0.04, 0.04));
    }

    [Fact]
    public void Quantize_RangeBelowClip_ClampsCountsAndFailsTheRound()
    {
        RingSegment model = new() { Name = RingSegment.Model, Length = 2000, Clip = 10, Range = 0.1, Weighted = true };
        RingLayout layout = RingLayout.Create(Ring.K32, 20, 10, [model]);
        float[] update = new float[2000];
        update[7] = 0.5f;
        update[1999] = -0.5f;
        using UpdateQuantizer quantizer = new(layout, new byte[32]);
        byte[] words = new byte[8000];
        quantizer.Quantize(0, 0, update, 1, words);

        Assert.Equal(2, quantizer.Clamped(0));
        quantizer.RequireClampLimit(0);
        Assert.Equal(layout.Limit, layout.Ring.Lift(RingWords.Read(layout.Ring, words, 7)));
        Assert.Equal(-layout.Limit, layout.Ring.Lift(RingWords.Read(layout.Ring, words, 1999)));
        update[8] = 0.5f;
        quantizer.Quantize(0, 0, update, 1, words);
        Assert.Equal(ErrorCodes.ClampLimit, Code(() => quantizer.RequireClampLimit(0)));
    }

    [Fact]
    public void Factor_ClipsAndRefusesNormsThatAreNotFinite()
    {
        Assert.Equal(1, UpdateQuantizer.Factor(0, 1));
        Assert.Equal(0.25, UpdateQuantizer.Factor(3.9, 1, weight: 0.25));
        Assert.InRange(UpdateQuantizer.Factor(8, 1, weight: 0.25), (1 - 1e-12) / 8, 1.0 / 8);
        Assert.Equal(ErrorCodes.TensorNotFinite, Code(() => UpdateQuantizer.Factor(double.NaN, 1)));
        Assert.Equal(ErrorCodes.TensorNotFinite, Code(() => UpdateQuantizer.Factor(double.PositiveInfinity, 1)));
    }

    [Fact]
    public void Quantize_ShorterUpdateThanSegment_PadsWithZeros()
    {
        RingLayout layout = Layout(Ring.K32, 2500, clip: 1);
        using UpdateQuantizer quantizer = new(layout, new byte[32]);
        byte[] words = [.. Enumerable.Repeat((byte)0xEE, 10_000)];
        quantizer.Quantize(0, 0, Update(new Random(1), 1030, 0.01), 1, words);

        Assert.All(words[(1030 * 4)..], b => Assert.Equal(0, b));
        Assert.Contains(words[..(1030 * 4)], b => b != 0);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void Mean_OfWeightedSilos_IsTheMeanOfTheirUpdates(int bits)
    {
        const int Length = 1000;
        Random random = new(bits);
        Ring ring = Ring.OfBits(bits);
        bool rotated = bits == 16;
        RingSegment model = new() { Name = RingSegment.Model, Length = rotated ? HadamardRotation.PaddedLength(Length) : Length, Clip = 1, Range = rotated ? 0.15 : 1, Weighted = true };
        RingSegment metrics = new() { Name = RingSegment.Metrics, Length = 2, Clip = 4, Range = 4, Weighted = false };
        RingLayout layout = RingLayout.Create(ring, RingLayout.LargestBits(ring, 4), 4, [model, metrics], rotated);
        long[] declared = [100, 50, 25];
        float[][] updates = [.. declared.Select(_ => Update(random, Length, 0.03))];
        byte[] sum = new byte[ring.VectorBytes(layout.D)];
        using HadamardRotation rotation = new(Sha256Digest.Of("rid"u8));
        for (int silo = 0; silo < 3; silo++)
        {
            RingWords.Add(ring, sum, Vector(layout, rotation, updates[silo], DeclaredWeight.Quantize(declared[silo], 100, layout), [1, silo]));
        }

        SumCheck check = new(layout, 3, minWeight: layout.Limit / 8);
        check.Add(sum);
        check.Require();
        SumDequantizer dequantizer = new(layout, 3, RingWords.Read(ring, sum, (int)layout.D - 1));
        double[] mean = new double[model.Length];
        double[] measured = new double[2];
        dequantizer.Values(0, sum.AsSpan(0, (int)model.Length * ring.WordBytes), mean);
        dequantizer.Values(1, sum.AsSpan((int)model.Length * ring.WordBytes, 2 * ring.WordBytes), measured);
        if (rotated)
        {
            rotation.Inverse(mean, 0);
        }

        double tolerance = bits == 16 ? 2e-3 : 1e-4;
        for (int i = 0; i < Length; i++)
        {
            Assert.Equal(((100 * updates[0][i]) + (50 * updates[1][i]) + (25 * updates[2][i])) / 175, mean[i], tolerance);
        }

        Assert.Equal(3, measured[0], bits == 16 ? 0.05 : 1e-4); // a sum, not a mean
        Assert.Equal(3, measured[1], bits == 16 ? 0.05 : 1e-4);
        Assert.True(dequantizer.ImpliedNorm(0, check) >= Math.Sqrt(mean.Sum(value => value * value)));
    }

    [Fact]
    public void Dequantize_Unweighted_DividesByTheNumberOfSilos()
    {
        RingSegment model = new() { Name = RingSegment.Model, Length = 1, Clip = 1, Range = 1, Weighted = true };
        RingLayout layout = RingLayout.Create(Ring.K32, 20, 4, [model, model with { Name = RingSegment.Variates, Weighted = false }]);
        byte[] words = new byte[4];
        RingWords.Write(Ring.K32, words, 0, -layout.Limit);
        SumDequantizer dequantizer = new(layout, 3, (uint)(2 * layout.Limit));
        double[] value = new double[1];

        dequantizer.Values(0, words, value);
        Assert.Equal(-0.5, value[0]);
        dequantizer.Values(1, words, value);
        Assert.Equal(-1.0 / 3, value[0]);
    }

    [Theory]
    [InlineData(1, 1, 1.0)]
    [InlineData(5, 5, 1.0)]
    [InlineData(50, 5, 1.0)]
    [InlineData(1, 2, 0.5)]
    [InlineData(1, 3, 0.333333)]
    public void Weight_DeclaredCount_IsItsShare(long declared, long maximum, double share)
    {
        RingLayout layout = Layout(Ring.K32, 1, 1);

        Assert.Equal(share, DeclaredWeight.Quantize(declared, maximum, layout) / (double)layout.Limit, 1e-6);
    }

    [Fact]
    public void Weight_OutOfRange_IsRefused()
    {
        RingLayout layout = Layout(Ring.K24, 1, 1);

        Assert.Equal(ErrorCodes.WeightOutOfRange, Code(() => DeclaredWeight.Quantize(0, 5, layout)));
        Assert.Equal(ErrorCodes.WeightOutOfRange, Code(() => DeclaredWeight.Quantize(1, 0, layout)));
        Assert.Equal(ErrorCodes.WeightOutOfRange, Code(() => DeclaredWeight.Quantize(1, long.MaxValue, layout))); // its share rounds to 0
        Assert.Equal(ErrorCodes.WeightOutOfRange, Code(() => DeclaredWeight.Quantize(1, 4, layout, minimum: layout.Limit / 2)));
        Assert.Equal(layout.Limit, DeclaredWeight.Quantize(long.MaxValue, long.MaxValue, layout));
    }

    [Fact]
    public void T10_SumCheck_WeightOutsideItsBounds_IsRefused()
    {
        RingLayout layout = Layout(Ring.K32, 3, 1);

        Assert.Null(Checked(layout, 3 * layout.Limit, uniform: true));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Checked(layout, (3 * layout.Limit) - 1, uniform: true));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Checked(layout, (3 * layout.Limit) + 1, uniform: true));
        Assert.Null(Checked(layout, 3, uniform: false));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Checked(layout, 2, uniform: false));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Checked(layout, -5, uniform: false));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(() => _ = new SumDequantizer(layout, 3, 0)));
    }

    [Fact]
    public void T10_SumCheck_SegmentThatWasNotClipped_IsRefused()
    {
        RingLayout layout = Layout(Ring.K32, 3, 1, bits: 20);
        double bound = 3 * (layout.Limit + Math.Sqrt(3));

        Assert.Null(Checked(layout, 3 * layout.Limit, uniform: true, 3 * layout.Limit));
        Assert.Null(Checked(layout, 3 * layout.Limit, uniform: true, (long)bound));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Checked(layout, 3 * layout.Limit, uniform: true, (long)bound + 1));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Checked(layout, 3 * layout.Limit, uniform: true, 3 * layout.Limit, 0, 3 * layout.Limit));
        RingLayout noised = RingLayout.Create(Ring.K32, 20, 10, [layout.Segments[0] with { NoiseMultiplier = 5, Weighted = false }]);
        Assert.Equal(5 * noised.Sensitivity(0) / 2, noised.SigmaLocal(0), 1e-6); // t = 7, c_max = 3 of ten: four shares count
        Assert.Equal(bound + (Math.Sqrt(3) * noised.SigmaLocal(0) * (Math.Sqrt(3) + 6)), new SumCheck(noised, 3, layout.Limit).Bound(0), 1e-3);
        Assert.Equal(7 * bound, new SumCheck(RingLayout.Create(Ring.K32, 20, 10, [layout.Segments[0] with { MaxRecords = 7 }]), 3, layout.Limit).Bound(0), 1e-3);
    }

    [Fact]
    public void T10_Gate_NormAboveIt_IsRefused()
    {
        SumDequantizer.RequireGate(1, 1);
        Assert.Equal(ErrorCodes.GateFailed, Code(() => SumDequantizer.RequireGate(1.0001, 1)));
        Assert.Equal(ErrorCodes.GateFailed, Code(() => SumDequantizer.RequireGate(double.NaN, 1)));
    }

    [Fact]
    public void SumCheck_BeforeTheLastWord_IsAMistakeOfTheCaller()
    {
        SumCheck check = new(Layout(Ring.K32, 3, 1), 3, 1);
        check.Add(new byte[12]);

        Assert.Throws<InvalidOperationException>(check.Require);
    }

    [Fact]
    public void Rotation_Vector_GivesTheSigns()
    {
        JsonNode vector = Vectors.Primitives()["rotation"]!;
        Sha256Digest rid = Sha256Digest.FromBytes(Vectors.Hex(vector["rid"]));
        byte[] key = new byte[32];
        KeySchedule.Rotation(rid, key);
        using HadamardRotation rotation = new(rid);

        Assert.Equal(Vectors.Hex(vector["key"]), key);
        Assert.Equal(vector["signs_first32"]!.AsArray().Select(sign => sign!.GetValue<int>()), Enumerable.Range(0, 32).Select(i => rotation.Sign(i)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(64)]
    [InlineData(16384)]
    public void Rotation_ThereAndBack_IsTheVectorAndKeepsItsNorm(int length)
    {
        Random random = new(length);
        using HadamardRotation rotation = new(Sha256Digest.Of("rid"u8));
        double[] vector = [.. Enumerable.Range(0, length).Select(_ => random.NextDouble() - 0.5)];
        double[] rotated = [.. vector];
        rotation.Forward(rotated, 24);

        Assert.Equal(vector.Sum(value => value * value), rotated.Sum(value => value * value), 1e-9);
        Assert.Equal(Slowly(rotation, vector, 24, Math.Min(7, length - 1)), rotated[Math.Min(7, length - 1)], 1e-9);
        rotation.Inverse(rotated, 24);
        Assert.All(Enumerable.Range(0, length), i => Assert.Equal(vector[i], rotated[i], 1e-12));
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(5, 8)]
    [InlineData(1 << 20, 1 << 20)]
    [InlineData((1 << 20) + 5, (1 << 20) + 8)]
    [InlineData(10_000_000, 10_485_760)]
    public void Rotation_Padding_IsWholeBlocksAndAPowerOfTwo(long length, long padded)
    {
        Assert.Equal(padded, HadamardRotation.PaddedLength(length));
        Assert.Equal(padded, HadamardRotation.Blocks(padded).Sum(block => block.Length));
        Assert.All(HadamardRotation.Blocks(padded), block => Assert.True(int.IsPow2(block.Length)));
    }

    [Fact]
    public void Rotation_BlockThatIsNoPowerOfTwo_IsRefused()
    {
        using HadamardRotation rotation = new(Sha256Digest.Zero);

        Assert.Throws<ArgumentException>(() => rotation.Forward(new double[3], 0));
        Assert.Throws<ArgumentException>(() => rotation.Inverse([], 0));
    }

    private static ErrorCode? Checked(RingLayout layout, long weight, bool uniform, params long[] coordinates)
    {
        byte[] words = new byte[layout.Ring.VectorBytes(layout.D)];
        for (int i = 0; i < coordinates.Length; i++)
        {
            RingWords.Write(layout.Ring, words, i, coordinates[i]);
        }

        RingWords.Write(layout.Ring, words, (int)layout.D - 1, weight);
        SumCheck check = new(layout, 3, uniform ? layout.Limit : 1);
        check.Add(words);
        return Record.Exception(check.Require) is FedCloudException error ? error.Code : null;
    }

    // Row of H / sqrt(N): (-1)^popcount(row and column).
    private static double Slowly(HadamardRotation rotation, double[] vector, long first, int row) =>
        Enumerable.Range(0, vector.Length).Sum(column => (int.PopCount(row & column) % 2 == 0 ? 1 : -1) * rotation.Sign(first + column) * vector[column]) / Math.Sqrt(vector.Length);

    private static byte[] Vector(RingLayout layout, HadamardRotation rotation, float[] update, long weight, float[] metrics)
    {
        int wordBytes = layout.Ring.WordBytes;
        int length = (int)layout.Segments[0].Length;
        byte[] words = new byte[layout.Ring.VectorBytes(layout.D)];
        SquaredNorm norm = new();
        norm.Add(update);
        double factor = UpdateQuantizer.Factor(norm.Norm, layout.Segments[0].Clip, weight / (double)layout.Limit);
        using UpdateQuantizer quantizer = new(layout, SHA256.HashData(words));
        if (layout.Rotated)
        {
            double[] values = new double[length];
            update.Select(value => (double)value).ToArray().CopyTo(values, 0);
            rotation.Forward(values, 0);
            quantizer.Quantize(0, 0, values, factor, words.AsSpan(0, length * wordBytes));
        }
        else
        {
            quantizer.Quantize(0, 0, update, factor, words.AsSpan(0, length * wordBytes));
        }

        quantizer.Quantize(1, 0, metrics, 1, words.AsSpan(length * wordBytes, 2 * wordBytes));
        RingWords.Write(layout.Ring, words, (int)layout.D - 1, weight);
        return words;
    }

    private static (byte[] Words, double Factor, long Clamped) Quantized(RingLayout layout, float[] update, byte[] key)
    {
        SquaredNorm norm = new();
        norm.Add(update);
        double factor = UpdateQuantizer.Factor(norm.Norm, layout.Segments[0].Clip);
        using UpdateQuantizer quantizer = new(layout, key);
        byte[] words = new byte[update.Length * layout.Ring.WordBytes];
        quantizer.Quantize(0, 0, update, factor, words);
        return (words, factor, quantizer.Clamped(0));
    }

    private static RingLayout Layout(Ring ring, int length, double clip, int? bits = null) => RingLayout.Create(
        ring,
        bits ?? RingLayout.LargestBits(ring, 10),
        10,
        [new RingSegment { Name = RingSegment.Model, Length = length, Clip = clip, Range = clip, Weighted = true }]);

    private static float[] Update(Random random, int length, double size) => [.. Enumerable.Range(0, length).Select(_ => (float)((random.NextDouble() - 0.5) * size))];

    private static byte[] RandomBytes(Random random)
    {
        byte[] key = new byte[32];
        random.NextBytes(key);
        return key;
    }

    private static ErrorCode Code(Action act) => Assert.Throws<FedCloudException>(act).Code;
}
