// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The checks of coordinator and auditor on the ring sum z, as it streams by (secure-aggregation, section 8.2).</summary>
/// <remarks>They show that some silo was hostile or broken, not which one.</remarks>
public sealed class SumCheck
{
    private const int PieceCoordinates = 1024;

    private readonly RingLayout _layout;
    private readonly int _contributors;
    private readonly long _minWeight;
    private readonly SquaredNorm[] _norms;
    private long _next;
    private long _weight;

    /// <summary>Begins at the first coordinate.</summary>
    /// <param name="layout">The layout.</param>
    /// <param name="contributors">|U3|.</param>
    /// <param name="minWeight">q_min; with uniform weights s_w, and then the weight sum is exact.</param>
    public SumCheck(RingLayout layout, int contributors, long minWeight)
    {
        ArgumentNullException.ThrowIfNull(layout);
        ArgumentOutOfRangeException.ThrowIfLessThan(contributors, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(minWeight, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minWeight, layout.Limit);
        _layout = layout;
        _contributors = contributors;
        _minWeight = minWeight;
        _norms = [.. layout.Segments.Select(_ => new SquaredNorm())];
    }

    /// <summary>Adds the next words of z.</summary>
    public void Add(ReadOnlySpan<byte> words)
    {
        Span<int> values = stackalloc int[PieceCoordinates];
        while (words.Length > 0)
        {
            (int segment, long end) = SegmentOf(_next);
            Span<int> piece = values[..(int)Math.Min(Math.Min(PieceCoordinates, end - _next), words.Length / _layout.Ring.WordBytes)];
            int bytes = piece.Length * _layout.Ring.WordBytes;
            RingWords.Unpack(_layout.Ring, words[..bytes], piece);
            if (segment < _norms.Length)
            {
                _norms[segment].Add(piece);
            }
            else
            {
                _weight = piece[^1];
            }

            _next += piece.Length;
            words = words[bytes..];
        }
    }

    /// <summary>The L2 norm of a segment of z, in ring units.</summary>
    public double Norm(int segment) => _norms[segment].Norm;

    /// <summary>The largest norm that clipped inputs can give: |U3| max_records (s C + sqrt(p)) + sigma_z (sqrt(p) + 6), sigma_z = sqrt(|U3|) sigma_local.</summary>
    public double Bound(int segment)
    {
        double root = Math.Sqrt(_layout.Segments[segment].Length);
        double perSilo = _layout.Segments[segment].MaxRecords * ((_layout.Scale(segment) * _layout.Segments[segment].Clip) + root);
        return (_contributors * perSilo) + (Math.Sqrt(_contributors) * _layout.SigmaLocal(segment) * (root + 6));
    }

    /// <summary>Checks the weight sum and every segment, once all d words were added.</summary>
    /// <exception cref="FedCloudException"><c>sum_out_of_bounds</c>.</exception>
    public void Require()
    {
        if (_next != _layout.D)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"{_next} of {_layout.D} words were added"));
        }

        if (_weight < _contributors * _minWeight || _weight > _contributors * _layout.Limit)
        {
            throw new FedCloudException(ErrorCodes.SumOutOfBounds, $"expected a weight sum from {_contributors * _minWeight} to {_contributors * _layout.Limit}, found {_weight}");
        }

        for (int segment = 0; segment < _norms.Length; segment++)
        {
            if (!(Norm(segment) <= Bound(segment)))
            {
                throw new FedCloudException(ErrorCodes.SumOutOfBounds, $"segment {_layout.Segments[segment].Name}: expected a norm of at most {Bound(segment):F0} ring units, found {Norm(segment):F0}");
            }
        }
    }

    // The segment of a coordinate and where it ends; after the last segment comes the weight.
    private (int Segment, long End) SegmentOf(long coordinate)
    {
        long end = 0;
        for (int segment = 0; segment < _norms.Length; segment++)
        {
            end += _layout.Segments[segment].Length;
            if (coordinate < end)
            {
                return (segment, end);
            }
        }

        return (_norms.Length, long.MaxValue);
    }
}
