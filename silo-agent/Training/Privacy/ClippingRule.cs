// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Training.Privacy;

/// <summary>By how much a group of coordinates of a unit's gradient is scaled.</summary>
/// <remarks>
/// Rule S4 asks for a gradient of norm at most C whatever floating point does on the way. Let u = 2^-53 and d at most 2^40.
/// A square of a float32 is exact in binary64 (48 bits, no under- or overflow). A sum of n of them, in any order, is at least
/// (1 - γ) times the true one, γ = (n - 1)u / (1 - (n - 1)u), and so is its root up to that root's own rounding. Eight roundings
/// can make the scaled gradient longer than that: of the root, of sqrt(G) and of norm + 0.01 C, which divide, by at most 1 / (1 - u)
/// each, so (1 + u)^6 together; of 1 - eta, C (1 - eta), the division by sqrt(G), the factor, and its product with a coordinate, by
/// at most 1 + u each. The division by the grid is exact, a power of two. So the norm is at most C (1 - eta)(1 + u)^11 / (1 - γ).
/// With eta = 2(d + 16)u, which is at least γ + 16u, that is at most C, since (1 - γ - 16u)(1 + u)^11 is at most 1 - γ.
/// A gradient that is not finite has no finite sum of squares, and counts as zero.
/// </remarks>
internal readonly struct ClippingRule
{
    private readonly ClippingMode _mode;
    private readonly double _bound;
    private readonly double _offset;

    /// <summary>The rule of a job.</summary>
    /// <param name="mode">How.</param>
    /// <param name="clipNorm">C.</param>
    /// <param name="coordinates">d.</param>
    /// <param name="groups">G, the groups that are clipped apart.</param>
    public ClippingRule(ClippingMode mode, double clipNorm, long coordinates, int groups)
    {
        _mode = mode;
        _bound = clipNorm * (1 - Eta(coordinates)) / Math.Sqrt(groups);
        _offset = 0.01 * clipNorm;
    }

    /// <summary>The bound on the relative error of norm, clip and scaling: 2(d + 16)u.</summary>
    public static double Eta(long coordinates) => Math.ScaleB(coordinates + 16, -52);

    /// <summary>The mode that a job's member <c>clipping</c> names.</summary>
    /// <param name="clipping"><c>flat</c>, <c>per_layer</c> or <c>automatic</c>; a checked job names no other.</param>
    public static ClippingMode ModeOf(string clipping) => clipping switch
    {
        "flat" => ClippingMode.Flat,
        "per_layer" => ClippingMode.PerLayer,
        _ => ClippingMode.Automatic,
    };

    /// <summary>The factor of a group; 0 for one that is not finite.</summary>
    /// <param name="gradient">Its coordinates.</param>
    public double Factor(ReadOnlySpan<float> gradient)
    {
        double norm = Math.Sqrt(SumOfSquares(gradient));
        if (!double.IsFinite(norm))
        {
            return 0;
        }

        return _mode == ClippingMode.Automatic ? _bound / (norm + _offset) : Math.Min(1, _bound / norm);
    }

    // In one order, four vectors at a time.
    private static double SumOfSquares(ReadOnlySpan<float> values)
    {
        int width = Vector<float>.Count;
        (Vector<double> a, Vector<double> b, Vector<double> c, Vector<double> d) = (default, default, default, default);
        int i = 0;
        for (; i + (2 * width) <= values.Length; i += 2 * width)
        {
            Vector.Widen(new Vector<float>(values[i..]), out Vector<double> v0, out Vector<double> v1);
            Vector.Widen(new Vector<float>(values[(i + width)..]), out Vector<double> v2, out Vector<double> v3);
            a += v0 * v0;
            b += v1 * v1;
            c += v2 * v2;
            d += v3 * v3;
        }

        double sum = Vector.Sum(a + b + (c + d));
        for (; i < values.Length; i++)
        {
            sum += (double)values[i] * values[i];
        }

        return sum;
    }
}
