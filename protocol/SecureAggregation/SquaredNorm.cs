// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>An L2 norm in binary64, summed front to back without fused operations, so that everyone gets the same bits.</summary>
public sealed class SquaredNorm
{
    private double _sum;

    /// <summary>The norm of what was added.</summary>
    public double Norm => Math.Sqrt(_sum);

    /// <summary>Adds the next coordinates.</summary>
    public void Add(ReadOnlySpan<float> values)
    {
        double sum = _sum;
        foreach (float value in values)
        {
            sum += (double)value * value;
        }

        _sum = sum;
    }

    /// <summary>Adds the next coordinates.</summary>
    public void Add(ReadOnlySpan<int> values)
    {
        double sum = _sum;
        foreach (int value in values)
        {
            sum += (double)value * value;
        }

        _sum = sum;
    }
}
