// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Turns the ring sum back into a mean, or into a sum for metrics (secure-aggregation, section 8).</summary>
/// <remarks>In binary64, coordinate by coordinate, without fused operations, so that an auditor gets the same bytes.</remarks>
public sealed class SumDequantizer
{
    private const int PieceCoordinates = 1024;

    private readonly RingLayout _layout;
    private readonly int _contributors;
    private readonly double _weightSum;

    /// <summary>Begins.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="contributors">|U3|.</param>
    /// <param name="weightWord">The weight coordinate of z, checked by <see cref="SumCheck"/>.</param>
    /// <exception cref="FedCloudException"><c>sum_out_of_bounds</c>: a weight sum that is not positive.</exception>
    public SumDequantizer(RingLayout layout, int contributors, uint weightWord)
    {
        ArgumentNullException.ThrowIfNull(layout);
        long weight = layout.Ring.Lift(weightWord);
        if (contributors < 1 || weight < 1)
        {
            throw new FedCloudException(ErrorCodes.SumOutOfBounds, $"expected a positive weight sum of at least one silo, found {weight} of {contributors}");
        }

        _layout = layout;
        _contributors = contributors;
        _weightSum = weight / (double)layout.Limit; // z_{d-1} / s_w
    }

    /// <summary>The values of a part of a segment. A rotated segment goes through <see cref="HadamardRotation.Inverse"/> after this, block by block.</summary>
    /// <param name="segment">The segment.</param>
    /// <param name="words">Packed words of z.</param>
    /// <param name="values">Receives as many values.</param>
    public void Values(int segment, ReadOnlySpan<byte> words, Span<double> values)
    {
        double scale = _layout.Scale(segment);
        double divisor = Divisor(_layout.Segments[segment]);
        Span<int> integers = stackalloc int[PieceCoordinates];
        for (int at = 0; at < values.Length; at += PieceCoordinates)
        {
            Span<int> piece = integers[..Math.Min(PieceCoordinates, values.Length - at)];
            RingWords.Unpack(_layout.Ring, words.Slice(at * _layout.Ring.WordBytes, piece.Length * _layout.Ring.WordBytes), piece);
            for (int i = 0; i < piece.Length; i++)
            {
                values[at + i] = piece[i] / scale / divisor; // (z_j / s) / (z_{d-1} / s_w)
            }
        }
    }

    /// <summary>What the plan's gate is where it gives none: the segment's bound on z, dequantised.</summary>
    public double ImpliedNorm(int segment, SumCheck check)
    {
        ArgumentNullException.ThrowIfNull(check);
        return check.Bound(segment) / _layout.Scale(segment) / Divisor(_layout.Segments[segment]);
    }

    /// <summary>The aggregate-norm gate.</summary>
    /// <param name="norm">The L2 norm of the dequantised model segment.</param>
    /// <param name="maximum">The plan's <c>aggregate_norm_max</c>, or <see cref="ImpliedNorm"/>.</param>
    /// <exception cref="FedCloudException"><c>gate_failed</c>.</exception>
    public static void RequireGate(double norm, double maximum)
    {
        if (!(norm <= maximum))
        {
            throw new FedCloudException(ErrorCodes.GateFailed, $"expected a norm of at most {maximum:R}, found {norm:R}");
        }
    }

    private double Divisor(RingSegment segment)
    {
        if (string.Equals(segment.Name, RingSegment.Metrics, StringComparison.Ordinal))
        {
            return 1;
        }

        return segment.Weighted ? _weightSum : _contributors;
    }
}
