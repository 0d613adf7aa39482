// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Tests.Plans;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class PlannedRingTests
{
    [Theory]
    [InlineData(32, 28, 26, 25, 24)]
    [InlineData(24, 20, 18, 17, 16)]
    [InlineData(16, 12, 10, 9, 8)]
    public void LayoutOf_Defaults_HasTheBitsOfTheSpecificationsTable(int ring, params int[] bits)
    {
        RunConfig config = Config($"aggregation.secure.ring_bits: {ring}");

        Assert.Equal(bits, ((int[])[10, 50, 128, 200]).Select(silos => PlannedRing.LayoutOf(config, silos, 1000).Bits));
    }

    [Fact]
    public void LayoutOf_Defaults_HoldTheModelUnpaddedAndNeverClamp()
    {
        RingLayout layout = PlannedRing.LayoutOf(Config(), silos: 10, coordinates: 12_345);

        Assert.Equal(new RingSegment { Name = "model", Length = 12_345, Clip = 100, Range = 100, Weighted = false }, Assert.Single(layout.Segments));
        Assert.Equal((Ring.K32, 12_346L, false), (layout.Ring, layout.D, layout.Rotated));
    }

    [Fact]
    public void LayoutOf_16Bits_RotatesAndPads()
    {
        RingLayout layout = PlannedRing.LayoutOf(Config("aggregation.secure.ring_bits: 16", "aggregation.secure.range: 0.5"), silos: 10, coordinates: (1 << 20) + 1025);

        Assert.True(layout.Rotated);
        Assert.Equal((1 << 20) + 2048, layout.Segments[0].Length);
        Assert.Equal((100, 0.5), (layout.Segments[0].Clip, layout.Segments[0].Range));
    }

    [Fact]
    public void LayoutOf_WrittenBits_AreKeptOrDoNotFit()
    {
        RunConfig config = Config("aggregation.secure.coordinate_bits: 20");

        Assert.Equal(20, PlannedRing.LayoutOf(config, silos: 10, coordinates: 5).Bits);
        config = config with { Aggregation = config.Aggregation with { Secure = config.Aggregation.Secure with { RingBits = 24 } } };
        Assert.Equal(ErrorCodes.RingTooSmall, Assert.Throws<FedCloudException>(() => PlannedRing.LayoutOf(config, silos: 17, coordinates: 5)).Code);
        Assert.Equal(ErrorCodes.SecaggRosterSize, Assert.Throws<FedCloudException>(() => PlannedRing.LayoutOf(Config(), silos: 2, coordinates: 5)).Code);
    }

    [Fact]
    public void LayoutOf_LongDecimal_IsTheNearestDouble()
    {
        RingLayout layout = PlannedRing.LayoutOf(Config("aggregation.secure.update_clip: 88.2301120277874366822704887"), silos: 3, coordinates: 1);

        // A cast of the decimal gives 88.23011202778743.
        Assert.Equal(88.2301120277874366822704887, layout.Segments[0].Clip);
    }

    [Fact]
    public void WeightOf_Uniform_IsTheFullWeightWhateverIsDeclared()
    {
        RunConfig config = Config("aggregation.weight_max: 1000000000");
        RingLayout layout = PlannedRing.LayoutOf(config, silos: 10, coordinates: 5);

        Assert.Equal([layout.Limit, layout.Limit], [PlannedRing.WeightOf(config, layout, 1), PlannedRing.WeightOf(config, layout, 999)]);
        Assert.Equal(layout.Limit, PlannedRing.MinWeightOf(config, layout));
    }

    [Fact]
    public void WeightOf_Declared_IsItsShareAndNotBelowTheSmallest()
    {
        RunConfig config = Config("aggregation.weighting: declared", "aggregation.weight_max: 1000", "aggregation.secure.weight_min: 10");
        RingLayout layout = PlannedRing.LayoutOf(config, silos: 10, coordinates: 5);

        Assert.True(layout.Segments[0].Weighted);
        Assert.Equal(DeclaredWeight.Quantize(250, 1000, layout), PlannedRing.WeightOf(config, layout, 250));
        Assert.Equal(layout.Limit, PlannedRing.WeightOf(config, layout, 5000));
        Assert.Equal(PlannedRing.MinWeightOf(config, layout), PlannedRing.WeightOf(config, layout, 10));
        Assert.Equal(ErrorCodes.WeightOutOfRange, Assert.Throws<FedCloudException>(() => PlannedRing.WeightOf(config, layout, 9)).Code);
    }

    [Theory]
    [InlineData(16)]
    [InlineData(24)]
    [InlineData(32)]
    public void LayoutOf_Uniform_DequantisesToTheSameBitsWhetherWeightedOrNot(int ring)
    {
        RunConfig config = Config($"aggregation.secure.ring_bits: {ring}");
        Random random = new(ring);

        Assert.All(Enumerable.Range(3, 253), silos =>
        {
            RingLayout unweighted = PlannedRing.LayoutOf(config, silos, coordinates: 8);
            ImmutableArray<RingSegment> segments = [unweighted.Segments[0] with { Weighted = true }];
            RingLayout weighted = RingLayout.Create(unweighted.Ring, unweighted.Bits, silos, segments, unweighted.Rotated);
            byte[] words = new byte[8 * unweighted.Ring.WordBytes];
            random.NextBytes(words);

            Assert.Equal(Mean(weighted, silos, words), Mean(unweighted, silos, words));
        });
    }

    [Fact]
    public void NormMaxOf_PlansGate_OrNull()
    {
        Assert.Null(PlannedRing.NormMaxOf(Config()));
        Assert.Equal(3.5, PlannedRing.NormMaxOf(Config("aggregation.aggregate_norm_max: 3.5")));
    }

    private static double[] Mean(RingLayout layout, int silos, byte[] words)
    {
        double[] values = new double[words.Length / layout.Ring.WordBytes];
        new SumDequantizer(layout, silos, layout.Ring.Word(silos * layout.Limit)).Values(0, words, values);
        return values;
    }

    private static RunConfig Config(params string[] lines) => PlanReaderTests.Config(["aggregation.mode: secure", .. lines]);
}
