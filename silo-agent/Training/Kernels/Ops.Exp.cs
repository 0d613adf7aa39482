// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Runtime.CompilerServices;

namespace FedCloud.Training.Kernels;

/// <summary>The exponential in float32; the base library's is computed in binary64 and takes three times as long.</summary>
internal static unsafe partial class Ops
{
    // The least x whose exponential is a normal number, and the most for which the steps below do not overflow.
    private const float LeastExponent = -87.33f;
    private const float MostExponent = 88.37f;
    private const float Log2E = 1.44269504f;

    // ln 2 in two parts, of which the first has so few bits that its multiples are exact.
    private const float Ln2High = 0.693359375f;
    private const float Ln2Low = -2.12194440e-4f;

    // 1.5 · 2²³: a float32 that large has no fraction, so that adding it rounds, and leaves the integer in the lowest bits.
    private const float Rounds = 12_582_912f;

    /// <summary>exp(x) = 2ᵏ · exp(r) with |r| at most ln 2 / 2 (Cody and Waite 1980), exp(r) by the polynomial of Cephes' expf (Moshier 1989), to two units in the last place. Below -87.33 it is 0, above 88.37 infinity; NaN stays NaN.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector<float> Exp(Vector<float> x)
    {
        Vector<float> shifted = Vector.MultiplyAddEstimate(x, new Vector<float>(Log2E), new Vector<float>(Rounds));
        Vector<float> k = shifted - new Vector<float>(Rounds);
        Vector<float> r = Vector.MultiplyAddEstimate(k, new Vector<float>(-Ln2High), x);
        r = Vector.MultiplyAddEstimate(k, new Vector<float>(-Ln2Low), r);
        Vector<float> p = new(1.9875691500e-4f);
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(1.3981999507e-3f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(8.3334519073e-3f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(4.1665795894e-2f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(1.6666665459e-1f));
        p = Vector.MultiplyAddEstimate(p, r, new Vector<float>(5.0000001201e-1f));
        p = Vector.MultiplyAddEstimate(p, r * r, r + Vector<float>.One);
        Vector<float> e = Vector.AsVectorSingle(Vector.AsVectorInt32(p) + Vector.ShiftLeft(Vector.AsVectorInt32(shifted), 23));
        e = Vector.ConditionalSelect(Vector.LessThan(x, new Vector<float>(LeastExponent)), Vector<float>.Zero, e);
        e = Vector.ConditionalSelect(Vector.GreaterThan(x, new Vector<float>(MostExponent)), new Vector<float>(float.PositiveInfinity), e);
        return Vector.ConditionalSelect(Vector.Equals(x, x), e, x);
    }
}
