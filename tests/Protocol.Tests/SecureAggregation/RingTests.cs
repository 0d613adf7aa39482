// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class RingTests
{
    [Fact]
    public void Words_AnyValues_RoundTrip()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<long[]>(), ArbMap.Default.ArbFor<byte>(), (values, choice) =>
        {
            Ring ring = Ring.OfBits(16 + (8 * (choice % 3)));
            byte[] words = new byte[values.Length * ring.WordBytes];
            byte[] packed = new byte[words.Length];
            for (int i = 0; i < values.Length; i++)
            {
                RingWords.Write(ring, words, i, values[i]);
            }

            RingWords.Pack(ring, values.Select(value => unchecked((int)value)).ToArray(), packed);
            return packed.AsSpan().SequenceEqual(words) && Enumerable.Range(0, values.Length).All(i =>
                RingWords.Read(ring, words, i) == ring.Word(values[i])
                && ring.Word(ring.Lift(RingWords.Read(ring, words, i))) == ring.Word(values[i])
                && Math.Abs((double)ring.Lift(RingWords.Read(ring, words, i))) <= 1L << (ring.Bits - 1));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Add_AnyVectors_IsTheSumOfEachWord()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            Ring ring = Ring.OfBits(16 + (8 * random.Next(3)));
            int count = random.Next(0, 200);
            byte[] left = new byte[count * ring.WordBytes];
            byte[] right = new byte[count * ring.WordBytes];
            random.NextBytes(left);
            random.NextBytes(right);
            byte[] sum = [.. left];
            RingWords.Add(ring, sum, right);
            byte[] back = [.. sum];
            RingWords.Subtract(ring, back, right);
            return back.AsSpan().SequenceEqual(left) && Enumerable.Range(0, count).All(i =>
                RingWords.Read(ring, sum, i) == (((ulong)RingWords.Read(ring, left, i) + RingWords.Read(ring, right, i)) & ring.Mask));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Add_VectorsOfOtherLengths_AreRefused()
    {
        Assert.Throws<ArgumentException>(() => RingWords.Add(Ring.K32, new byte[8], new byte[4]));
        Assert.Throws<ArgumentException>(() => RingWords.Add(Ring.K24, new byte[8], new byte[8]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(8)]
    [InlineData(20)]
    [InlineData(64)]
    public void OfBits_OtherWidths_AreRefused(int bits)
    {
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Assert.Throws<FedCloudException>(() => Ring.OfBits(bits)).Code);
    }

    [Fact]
    public void OverflowRule_Vectors_AreKept()
    {
        foreach (JsonNode? vector in Vectors.Primitives()["overflow_rule"]!.AsArray())
        {
            (int n, int k, int b) = (vector!["n"]!.GetValue<int>(), vector["k"]!.GetValue<int>(), vector["b"]!.GetValue<int>());
            bool accept = vector["accept"]!.GetValue<bool>();

            Assert.Equal(accept, RingLayout.Fits(Ring.OfBits(k), n, b));
            Assert.Equal(accept, b <= RingLayout.LargestBits(Ring.OfBits(k), n));
        }
    }

    [Fact]
    public void OverflowRule_SumAtItsLimit_StaysInTheRing()
    {
        foreach (Ring ring in (Ring[])[Ring.K16, Ring.K24, Ring.K32])
        {
            for (int n = 3; n <= 255; n++)
            {
                long limit = (1L << (RingLayout.LargestBits(ring, n) - 1)) - 1;
                Assert.Equal(n * limit, ring.Lift(ring.Word(n * limit)));
                Assert.Equal(-n * limit, ring.Lift(ring.Word(-n * limit)));
            }
        }
    }

    [Fact]
    public void Create_RingTooSmall_IsRefused()
    {
        RingSegment model = Segment(RingSegment.Model, 4);

        Assert.Equal(ErrorCodes.RingTooSmall, Code(() => RingLayout.Create(Ring.K32, 29, 10, [model])));
        Assert.Equal(ErrorCodes.RingTooSmall, Code(() => RingLayout.Create(Ring.K32, 28, 10, [model with { NoiseMultiplier = 1, Weighted = false }])));
        Assert.Equal(ErrorCodes.RingTooSmall, Code(() => RingLayout.Create(Ring.K32, 1, 10, [model])));
        Assert.Equal(ErrorCodes.RingTooSmall, Code(() => RingLayout.LargestBits(Ring.K16, 255, 1e4)));
        Assert.Equal(28, RingLayout.Create(Ring.K32, 28, 10, [model with { NoiseMultiplier = 0.01, Weighted = false }]).Bits);
    }

    [Fact]
    public void Create_WrongSegments_AreRefused()
    {
        RingSegment model = Segment(RingSegment.Model, 4);
        RingSegment metrics = Segment(RingSegment.Metrics, 2) with { Weighted = false };
        RingSegment variates = Segment(RingSegment.Variates, 4);

        Assert.Equal(11, RingLayout.Create(Ring.K32, 20, 10, [model, variates, metrics]).D);
        Assert.All(
            (RingSegment[][])[[], [metrics], [metrics, model], [model, model], [model, metrics, variates], [model with { Name = "other" }], [model with { Length = 0 }], [model with { Clip = 0 }], [model with { Range = double.NaN }], [model with { NoiseMultiplier = -1 }], [model with { NoiseMultiplier = double.NaN }], [model with { NoiseMultiplier = 1, Weighted = true }], [model with { MaxRecords = 0 }], [model, metrics with { Weighted = true }]],
            segments => Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => RingLayout.Create(Ring.K32, 20, 10, segments))));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => RingLayout.Create(Ring.K16, 8, 10, [model])));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => RingLayout.Create(Ring.K32, 8, 10, [model], rotated: true)));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => RingLayout.Create(Ring.K16, 8, 10, [model with { Length = 5 }], rotated: true)));
        Assert.Equal(ErrorCodes.SecaggRosterSize, Code(() => RingLayout.Create(Ring.K32, 8, 2, [model])));
    }

    [Fact]
    public void Bounds_Vectors_AreKept()
    {
        foreach (JsonNode? vector in Vectors.Primitives()["thresholds"]!.AsArray())
        {
            CohortBounds bounds = CohortBounds.Of(vector!["n"]!.GetValue<int>());

            Assert.Equal(vector["t"]!.GetValue<int>(), bounds.Threshold);
            Assert.Equal(vector["max_drops"]!.GetValue<int>(), bounds.MaxDrops);
            Assert.Equal(vector["c_max"]!.GetValue<int>(), bounds.MaxColluders);
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(256)]
    public void Bounds_TooFewOrTooManySilos_AreRefused(int n)
    {
        Assert.Equal(ErrorCodes.SecaggRosterSize, Code(() => CohortBounds.Of(n)));
    }

    [Fact]
    public void Bounds_Quorum_IsNeverBelowTheThreshold()
    {
        Assert.Equal(7, CohortBounds.Of(10).Quorum(0));
        Assert.Equal(9, CohortBounds.Of(10).Quorum(9));
    }

    private static RingSegment Segment(string name, long length) => new() { Name = name, Length = length, Clip = 1, Range = 1, Weighted = true };

    private static ErrorCode Code(Action act) => Assert.Throws<FedCloudException>(act).Code;
}
