// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Aggregation;

/// <summary>The weighted mean of updates over a range of coordinates: FedAvg (McMahan et al. 2017, Algorithm 1).</summary>
/// <remarks>
/// The sum runs in binary64, one silo after the other, ascending by roster index, and is rounded to binary32 once at the
/// end. Weights are integers. So everyone who has the updates gets the same bytes. We weight by declared counts or
/// uniformly, never by counts taken from the records. Memory: 8 bytes a coordinate of the range, whatever the number of silos.
/// </remarks>
public sealed class WeightedMean
{
    private readonly Memory<double> _sum;
    private long _weights;
    private long _weight;
    private int _filled;

    /// <summary>Begins a mean.</summary>
    /// <param name="coordinates">The number of coordinates in the range.</param>
    public WeightedMean(int coordinates)
        : this(new double[coordinates])
    {
    }

    /// <summary>Begins a mean in memory that is used again for every range.</summary>
    /// <param name="sum">One place for each coordinate in the range; cleared here.</param>
    public WeightedMean(Memory<double> sum)
    {
        sum.Span.Clear();
        _sum = sum;
        _filled = sum.Length;
    }

    /// <summary>Begins the next silo's update, whose coordinates follow in order.</summary>
    /// <param name="weight">Its weight, at least 1.</param>
    public void Begin(long weight)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(weight, 1);
        RequireFilled();
        _weight = weight;
        _weights = checked(_weights + weight);
        _filled = 0;
    }

    /// <summary>Adds the next coordinates of the silo's update.</summary>
    /// <param name="values">Values, all finite.</param>
    public void Add(ReadOnlySpan<float> values)
    {
        Span<double> sum = _sum.Span.Slice(_filled, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            sum[i] += _weight * (double)values[i];
        }

        _filled += values.Length;
    }

    /// <summary>Writes the mean.</summary>
    /// <param name="destination">One value for each coordinate of the range.</param>
    public void Finish(Span<float> destination) => Finish(0, destination[.._sum.Length]);

    /// <summary>Writes a part of the mean.</summary>
    /// <param name="start">The first coordinate.</param>
    /// <param name="destination">One value for each coordinate from there.</param>
    public void Finish(int start, Span<float> destination)
    {
        RequireFilled();
        if (_weights == 0)
        {
            throw new InvalidOperationException("a mean needs at least one update");
        }

        ReadOnlySpan<double> sum = _sum.Span.Slice(start, destination.Length);
        for (int i = 0; i < destination.Length; i++)
        {
            destination[i] = (float)(sum[i] / _weights);
        }
    }

    private void RequireFilled()
    {
        if (_filled != _sum.Length)
        {
            throw new InvalidOperationException($"an update gave {_filled} of {_sum.Length} coordinates");
        }
    }
}
