// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Privacy;

/// <summary>The sum of clipped gradients, in whole grid units (privacy, rules S4 and S5).</summary>
/// <remarks>
/// Each unit's clipped gradient is rounded to the grid by itself and added as 64-bit integers, so the sum is exact and does not
/// depend on the order. Neighbouring sums differ by one unit's vector of integers, of norm at most C + g sqrt(d) / 2: less than
/// rule S4 allows, which rounds the sum.
/// </remarks>
internal sealed unsafe class GridSum : IUnitSum
{
    // Its sums stay in the nearest cache while one unit after the other is added.
    private const int PieceLength = 2048;

    // Added to a number below 2^51, it leaves the nearest whole number, ties to even, in the low bits.
    private const double Rounder = 1.5 * (1L << 52);
    private const long MostRounded = 1L << 50;

    private readonly long[] _sums;
    private readonly GradientPiece[] _pieces;
    private readonly ClipFactors _factors;
    private readonly double _unitsPerOne;
    private readonly bool _wide;
    private readonly int _threads;

    /// <summary>A sum of zero.</summary>
    /// <param name="plan">Grid, C and d.</param>
    /// <param name="mode">How units are clipped.</param>
    /// <param name="moduleLengths">The coordinates of each adapted module.</param>
    /// <param name="together">The most units that are added together.</param>
    /// <param name="most">The most units of a sum.</param>
    /// <param name="threads">The most threads; the sum does not depend on it.</param>
    /// <exception cref="FedCloudException"><c>noise_invalid</c>: the grid is so fine that the sum might not fit 64 bits.</exception>
    public GridSum(GridNoisePlan plan, ClippingMode mode, IReadOnlyList<int> moduleLengths, int together, int most, int threads)
    {
        int d = moduleLengths.Sum();
        double largest = (plan.ClipNorm / plan.Grid) + 1; // of one coordinate of a unit
        if (largest * most >= Math.ScaleB(1, 62))
        {
            throw new FedCloudException(ErrorCodes.NoiseInvalid, $"expected sums of {most} units to fit 62 bits of the noise's grid, found a noise multiplier that is too small for it");
        }

        _wide = largest < MostRounded;
        _unitsPerOne = 1 / plan.Grid;
        _threads = threads;
        _factors = new ClipFactors(mode, plan.ClipNorm, moduleLengths, together, threads);
        _pieces = _factors.Pieces(PieceLength);
        _sums = ClipFactors.Pinned(new long[d]);
    }

    /// <summary>The sum so far, to be noised in place.</summary>
    public long[] Units => _sums;

    /// <inheritdoc/>
    public void Clear() => Array.Clear(_sums);

    /// <inheritdoc/>
    public void Add(float* gradients, ReadOnlySpan<int> units)
    {
        Span<double> factors = _factors.Of(gradients, units.Length);
        foreach (ref double factor in factors)
        {
            factor *= _unitsPerOne; // exact: a power of two
        }

        fixed (GradientPiece* pieces = _pieces)
        fixed (double* f = factors)
        fixed (long* sums = _sums)
        {
            Workers.Rows(_pieces.Length, _threads, new AddRows(gradients, _sums.Length, units.Length, pieces, f, _factors.Count, sums, _wide));
        }
    }

    /// <summary>Adds all units to the sums of one piece.</summary>
    private readonly struct AddRows(float* gradients, long d, int units, GradientPiece* pieces, double* factors, int groups, long* sums, bool wide) : IRowJob
    {
        public void Row(int i)
        {
            GradientPiece piece = pieces[i];
            for (int unit = 0; unit < units; unit++)
            {
                double factor = factors[((long)unit * groups) + piece.Group];
                if (factor > 0)
                {
                    Add(sums + piece.Start, gradients + (unit * d) + piece.Start, factor, piece.Length);
                }
            }
        }

        private void Add(long* to, float* from, double factor, int n)
        {
            int i = 0;
            if (wide)
            {
                (Vector<double> scale, Vector<double> rounder) = (new(factor), new(Rounder));
                Vector<long> bits = Vector.AsVectorInt64(rounder);
                int half = Vector<double>.Count;
                for (; i + (2 * half) <= n; i += 2 * half)
                {
                    Vector.Widen(*(Vector<float>*)(from + i), out Vector<double> low, out Vector<double> high);
                    *(Vector<long>*)(to + i) += Vector.AsVectorInt64((low * scale) + rounder) - bits;
                    *(Vector<long>*)(to + i + half) += Vector.AsVectorInt64((high * scale) + rounder) - bits;
                }
            }

            for (; i < n; i++)
            {
                to[i] += (long)Math.Round(from[i] * factor, MidpointRounding.ToEven);
            }
        }
    }
}
