// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>How updates lie in the ring: width, bits of a coordinate, segments, and the weight in the last coordinate (secure-aggregation, section 8).</summary>
public sealed class RingLayout
{
    private RingLayout(Ring ring, int bits, int silos, ImmutableArray<RingSegment> segments, bool rotated)
    {
        Ring = ring;
        Bits = bits;
        Silos = silos;
        Segments = segments;
        Rotated = rotated;
        D = segments.Sum(segment => segment.Length) + 1;
    }

    /// <summary>The ring.</summary>
    public Ring Ring { get; }

    /// <summary>b, the bits of one silo's coordinate.</summary>
    public int Bits { get; }

    /// <summary>n, the roster's size.</summary>
    public int Silos { get; }

    /// <summary>The segments in wire order.</summary>
    public ImmutableArray<RingSegment> Segments { get; }

    /// <summary>Whether the model segment is rotated.</summary>
    public bool Rotated { get; }

    /// <summary>h = t - c_max: the noise shares that count, since the others may be missing or known to colluders (section 8.1).</summary>
    public int NoiseShares => NoiseSharesOf(Silos);

    /// <summary>Whether silos add noise on the ring.</summary>
    public bool HasNoise => Segments.Any(segment => segment.NoiseMultiplier > 0);

    /// <summary>d: all segments and the weight coordinate, which is the last.</summary>
    public long D { get; }

    /// <summary>2^(b-1) - 1: the largest coordinate of a silo, and s_w, the scale of the weight.</summary>
    public long Limit => LimitOf(Bits);

    /// <summary>The largest b that the overflow rule allows.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="silos">n.</param>
    /// <param name="sigmaLocal">The standard deviation of one silo's noise, in ring units.</param>
    /// <exception cref="FedCloudException"><c>ring_too_small</c>: none.</exception>
    public static int LargestBits(Ring ring, int silos, double sigmaLocal = 0)
    {
        ArgumentNullException.ThrowIfNull(ring);
        for (int bits = ring.Bits; bits >= 2; bits--)
        {
            if (Fits(ring, silos, bits, sigmaLocal))
            {
                return bits;
            }
        }

        throw new FedCloudException(ErrorCodes.RingTooSmall, $"no coordinate of 2 bits or more fits {silos} silos into {ring.Bits} bits");
    }

    /// <summary>The largest b that the overflow rule allows for segments whose noise grows with b.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="silos">n.</param>
    /// <param name="segments">The segments.</param>
    /// <exception cref="FedCloudException"><c>ring_too_small</c>: none.</exception>
    public static int LargestBits(Ring ring, int silos, IReadOnlyList<RingSegment> segments)
    {
        int bits = LargestBits(ring, silos);
        while (bits >= 2 && !Fits(ring, silos, bits, LargestSigma(silos, bits, segments)))
        {
            bits--;
        }

        return bits >= 2 ? bits : throw new FedCloudException(ErrorCodes.RingTooSmall, $"no coordinate of 2 bits or more fits {silos} silos and their noise into {ring.Bits} bits");
    }

    /// <summary>The overflow rule: n (2^(b-1) - 1) + 6 sqrt(n) sigma_local &lt; 2^(k-1).</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="silos">n.</param>
    /// <param name="bits">b.</param>
    /// <param name="sigmaLocal">The standard deviation of one silo's noise, in ring units.</param>
    public static bool Fits(Ring ring, int silos, int bits, double sigmaLocal = 0)
    {
        ArgumentNullException.ThrowIfNull(ring);
        return bits >= 2 && bits <= ring.Bits && (silos * (double)LimitOf(bits)) + (6 * Math.Sqrt(silos) * sigmaLocal) < 1L << (ring.Bits - 1);
    }

    /// <summary>Checks a layout; silo and coordinator both do.</summary>
    /// <param name="ring">The ring; 16 bits if and only if the model segment is rotated.</param>
    /// <param name="bits">b.</param>
    /// <param name="silos">n.</param>
    /// <param name="segments">Model, then variates if any, then metrics if any.</param>
    /// <param name="rotated">Whether the model segment is rotated.</param>
    /// <exception cref="FedCloudException"><c>ring_too_small</c>, <c>secagg_parameters_invalid</c>, <c>secagg_roster_size</c>.</exception>
    public static RingLayout Create(Ring ring, int bits, int silos, IEnumerable<RingSegment> segments, bool rotated = false)
    {
        ArgumentNullException.ThrowIfNull(ring);
        ImmutableArray<RingSegment> all = [.. segments];
        _ = CohortBounds.Of(silos);
        RequireSegments(all);
        double sigma = bits >= 2 ? LargestSigma(silos, bits, all) : 0;
        if (!Fits(ring, silos, bits, sigma))
        {
            throw new FedCloudException(ErrorCodes.RingTooSmall, $"{silos} silos with coordinates of {bits} bits and noise of {sigma:F0} do not fit into {ring.Bits} bits");
        }

        if (rotated != (ring.Bits == 16) || (rotated && HadamardRotation.PaddedLength(all[0].Length) != all[0].Length))
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, "expected 16 bits exactly with a rotated model segment of padded length, found another combination");
        }

        RingLayout layout = new(ring, bits, silos, all, rotated);
        _ = ring.VectorBytes(layout.D);
        return layout;
    }

    /// <summary>A segment's first coordinate.</summary>
    public long First(int segment) => Segments.Take(segment).Sum(before => before.Length);

    /// <summary>s = (2^(b-1) - 1) / R: ring units per unit of a segment.</summary>
    public double Scale(int segment) => Limit / Segments[segment].Range;

    /// <summary>The L2 bound of one clipped and rounded vector in ring units, bound(s C, p): what z multiplies (section 8.1).</summary>
    public double Sensitivity(int segment) => SensitivityOf(Segments[segment], Bits);

    /// <summary>The standard deviation of one silo's noise in ring units; 0 without noise.</summary>
    public double SigmaLocal(int segment) => SigmaOf(Segments[segment], Silos, Bits);

    private static int NoiseSharesOf(int silos)
    {
        CohortBounds bounds = CohortBounds.Of(silos);
        return bounds.Threshold - bounds.MaxColluders;
    }

    private static double SensitivityOf(RingSegment segment, int bits) => DistributedNoise.RoundedL2(LimitOf(bits) / segment.Range * segment.Clip, segment.Length);

    private static double SigmaOf(RingSegment segment, int silos, int bits) => segment.NoiseMultiplier == 0
        ? 0
        : segment.NoiseMultiplier * SensitivityOf(segment, bits) / Math.Sqrt(NoiseSharesOf(silos));

    private static double LargestSigma(int silos, int bits, IEnumerable<RingSegment> segments) => segments.Max(segment => SigmaOf(segment, silos, bits));

    private static long LimitOf(int bits) => (1L << (bits - 1)) - 1;

    private static void RequireSegments(ImmutableArray<RingSegment> segments)
    {
        string[] order = [RingSegment.Model, RingSegment.Variates, RingSegment.Metrics];
        int[] places = [.. segments.Select(segment => Array.IndexOf(order, segment.Name) + 1)];
        bool right = places.Length > 0 && places[0] == 1 && BodyFault.IsAscending(places)
            && segments.All(segment => segment.Length is >= 1 and < Fcsa1.CoordinateLimit && IsPositive(segment.Clip) && IsPositive(segment.Range))
            && segments.All(segment => segment.NoiseMultiplier >= 0 && double.IsFinite(segment.NoiseMultiplier) && segment.MaxRecords is >= 1 and < Fcsa1.CoordinateLimit && !(segment.Weighted && segment.NoiseMultiplier > 0))
            && !segments.Any(segment => segment.Weighted && string.Equals(segment.Name, RingSegment.Metrics, StringComparison.Ordinal));
        if (!right)
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, "expected the segments model, variates and metrics in this order, with positive length, clip and range, and neither metrics nor noised segments weighted, found others");
        }
    }

    private static bool IsPositive(double value) => value > 0 && double.IsFinite(value);
}
