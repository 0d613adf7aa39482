// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class SumOpeningTests
{
    private static readonly Sha256Digest Rid = Sha256Digest.Of("round"u8);

    [Fact]
    public void Open_AnyLengths_IsTheMeanCoordinateByCoordinate()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            Ring ring = Ring.OfBits(24 + (8 * random.Next(2)));
            int coordinates = random.Next(1, 200_000); // up to four pieces
            SumTerms terms = Terms(ring, coordinates + random.Next(3), coordinates, weighted: random.Next(2) == 0);
            byte[] z = Sum(terms, random);
            (OpenedSum opened, float[] mean) = Open(terms, z);
            double scale = terms.Layout.Scale(0);
            double divisor = terms.Layout.Segments[0].Weighted ? 2.0 * terms.Layout.Limit / terms.Layout.Limit : 3;
            double squares = 0;
            bool same = mean.Length == coordinates && opened.AggregateSha256 == Sha256Digest.Of(z);
            for (int i = 0; same && i < coordinates; i++)
            {
                same = mean[i] == (float)(ring.Lift(RingWords.Read(ring, z, i)) / scale / divisor);
                squares += (double)mean[i] * mean[i];
            }

            return same && opened.Norm == Math.Sqrt(squares);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(20));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData((1 << 20) + 5)]
    public void Open_RotatedSum_UndoesTheRotationBlockByBlock(int coordinates)
    {
        int length = (int)HadamardRotation.PaddedLength(coordinates);
        SumTerms terms = Terms(Ring.K16, length, coordinates, weighted: true);
        byte[] z = Sum(terms, new Random(coordinates));
        double[] expected = new double[length];
        new SumDequantizer(terms.Layout, 3, (uint)(2 * terms.Layout.Limit)).Values(0, z.AsSpan(0, 2 * length), expected);
        using HadamardRotation rotation = new(Rid);
        foreach ((long first, int size) in HadamardRotation.Blocks(length))
        {
            rotation.Inverse(expected.AsSpan((int)first, size), first);
        }

        Assert.Equal(expected.Take(coordinates).Select(value => (float)value), Open(terms, z).Mean);
    }

    [Fact]
    public void T10_Open_NormAboveTheGate_IsRefused()
    {
        SumTerms terms = Terms(Ring.K32, 100, 100, weighted: true);
        byte[] z = Sum(terms, new Random(1));
        OpenedSum opened = Open(terms, z).Opened;

        Assert.Equal((terms.Layout.Limit + 10) * 3 / (double)terms.Layout.Limit / 2, opened.Gate, 1e-12); // |U3| (s C + sqrt(p)), dequantised
        Assert.Equal(opened.Norm, Open(terms with { NormMaximum = opened.Norm }, z).Opened.Gate);
        Assert.Equal(ErrorCodes.GateFailed, Code(terms with { NormMaximum = Math.BitDecrement(opened.Norm) }, z));
    }

    [Fact]
    public void T10_Open_SumOutsideItsBounds_IsRefused()
    {
        SumTerms terms = Terms(Ring.K32, 100, 100, weighted: true);
        RingLayout layout = terms.Layout;
        byte[] With(int coordinate, long value)
        {
            byte[] z = Sum(terms, new Random(1));
            RingWords.Write(Ring.K32, z, coordinate, value);
            return z;
        }

        Assert.Null(Record.Exception(() => Open(terms, With(102, 3))));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms, With(102, 2)));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms, With(102, (3 * layout.Limit) + 1)));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms with { MinWeight = layout.Limit }, With(102, 2 * layout.Limit)));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms, With(99, 4 * layout.Limit)));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms, With(101, 4 * layout.Limit))); // a metric
        RingLayout twoRecords = RingLayout.Create(layout.Ring, layout.Bits, layout.Silos, layout.Segments.Select(segment => segment with { MaxRecords = 2 }), layout.Rotated);
        Assert.Null(Record.Exception(() => Open(terms with { Layout = twoRecords }, With(99, 4 * layout.Limit))));
    }

    [Fact]
    public void T19_Open_SumOfAnotherLength_IsRefused()
    {
        SumTerms terms = Terms(Ring.K24, 100, 100, weighted: true);
        byte[] z = Sum(terms, new Random(1));

        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms, z[..^3]));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms, [.. z, 0]));
        Assert.Equal(ErrorCodes.SumOutOfBounds, Code(terms, []));
    }

    private static SumTerms Terms(Ring ring, int length, int coordinates, bool weighted)
    {
        RingSegment model = new() { Name = RingSegment.Model, Length = length, Clip = 1, Range = 1, Weighted = weighted };
        RingSegment metrics = new() { Name = RingSegment.Metrics, Length = 2, Clip = 1, Range = 1, Weighted = false };
        RingLayout layout = RingLayout.Create(ring, RingLayout.LargestBits(ring, 4), 4, [model, metrics], rotated: ring.Bits == 16);
        return new SumTerms { Layout = layout, Coordinates = coordinates, MinWeight = 1, NormMaximum = null };
    }

    // Coordinates whose norm is below 1/2, and a weight sum of 2.
    private static byte[] Sum(SumTerms terms, Random random)
    {
        RingLayout layout = terms.Layout;
        byte[] z = new byte[layout.Ring.VectorBytes(layout.D)];
        double largest = layout.Limit / Math.Sqrt(layout.D);
        for (int i = 0; i < layout.D - 1; i++)
        {
            RingWords.Write(layout.Ring, z, i, (long)((random.NextDouble() - 0.5) * largest));
        }

        RingWords.Write(layout.Ring, z, (int)layout.D - 1, 2 * layout.Limit);
        return z;
    }

    private static (OpenedSum Opened, float[] Mean) Open(SumTerms terms, byte[] z)
    {
        using MemoryStream mean = new();
        OpenedSum opened = SumOpening.Open(terms, Rid, 3, new MemoryStream(z), mean);
        return (opened, MemoryMarshal.Cast<byte, float>(mean.ToArray()).ToArray());
    }

    private static ErrorCode Code(SumTerms terms, byte[] z) => Assert.Throws<FedCloudException>(() => Open(terms, z)).Code;
}
