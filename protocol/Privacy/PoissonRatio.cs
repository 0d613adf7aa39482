// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>A coin of probability p = (P[m + i] / P[m]) e^(|i|/t - 1/2 - 1/t), P Poisson of whole mean m, exactly.</summary>
/// <remarks>
/// With x = j/m, ln(1 + x) ≥ x - x^2/2 and -ln(1 - x) ≥ x + x^2/2 give a rational lower bound b of -ln p, short of it by at most
/// G = i^2 (i+1)^2 / (6 m^3) for |i| ≤ m/2. A first coin of probability e^-b and a second of probability e^b p, which is
/// between 1 - G and 1, make p. The second is decided by its first 64 bits, but for a part G of the draws (about 4/m); these,
/// and steps beyond m/2, compare uniform bits with p itself, enclosed by fixed-point numbers of growing precision.
/// </remarks>
internal sealed class PoissonRatio
{
    private readonly BigInteger _m;
    private readonly BigInteger _t;
    private readonly BigInteger _denominator;

    internal PoissonRatio(long mean, long scale)
    {
        (_m, _t) = (mean, scale);
        _denominator = 12 * _m * _m * _t;
    }

    /// <summary>Draws the coin.</summary>
    /// <param name="bits">Uniform bits.</param>
    /// <param name="step">i, at least -m.</param>
    internal bool Keep(RandomBits bits, long step)
    {
        BigInteger i = Math.Abs(step);
        BigInteger bound = Bound(i, step > 0);
        BigInteger gapNumerator = i * i * (i + 1) * (i + 1);
        BigInteger gapDenominator = 6 * _m * _m * _m;
        if (2 * i > _m || bound.Sign < 0 || gapNumerator >= gapDenominator)
        {
            return KeepEnclosed(bits, step, BigInteger.Zero, bits.Next64());
        }

        if (!ExpCoin.Draw(bits, new LargeRatio(bound, _denominator)))
        {
            return false;
        }

        ulong u = bits.Next64(); // tails of the second coin if (u + v) 2^-64 < 1 - e^b p, which is at most G
        return u * gapDenominator >= (gapNumerator << 64) || KeepEnclosed(bits, step, bound, u);
    }

    // 12 m^2 t (S - i/t + 1/2 + 1/t), S = sum of x -+ x^2/2 over x = j/m, j = 1..i to the right and 0..i-1 to the left.
    private BigInteger Bound(BigInteger i, bool right)
    {
        BigInteger pairs = right ? i * (i + 1) : i * (i - 1);
        BigInteger squares = right ? -pairs * ((2 * i) + 1) : pairs * ((2 * i) - 1);
        return (_t * ((6 * _m * pairs) + squares)) + (6 * _m * _m * (_t + 2 - (2 * i)));
    }

    // Tails if (u + v) 2^-64 < 1 - p e^b: u and v are compared with enclosures until one decides.
    private bool KeepEnclosed(RandomBits bits, long step, BigInteger bound, ulong u)
    {
        BigInteger drawn = u;
        for (int digits = 64; ; digits += 64)
        {
            int precision = digits + 64;
            (BigInteger low, BigInteger high) = Enclose(step, bound, precision);
            BigInteger one = BigInteger.One << precision;
            BigInteger from = drawn << 64; // u + v is in [from, to] at this precision
            BigInteger to = (drawn + 1) << 64;
            if (to <= one - high)
            {
                return false;
            }

            if (from >= one - low)
            {
                return true;
            }

            drawn = (drawn << 64) + bits.Next64();
        }
    }

    // p e^b in units of 2^-precision, rounded down and up; the guard bits cover the roundings of up to 2^60 factors and a divisor of e^-(i/t + b).
    private (BigInteger Low, BigInteger High) Enclose(long step, BigInteger bound, int precision)
    {
        int guard = 192 + (int)(3 * (Math.Abs(step) / _t)) + (int)(3 * bound / _denominator);
        int guarded = precision + guard;
        (BigInteger low, BigInteger high) = Product(step, guarded);
        (BigInteger minusLow, BigInteger minusHigh) = ExpEnclosure.Minus(_t + 2, 2 * _t, guarded);
        (BigInteger plusLow, BigInteger plusHigh) = ExpEnclosure.Minus((Math.Abs(step) * _denominator) + (bound * _t), _t * _denominator, guarded);
        low = low * minusLow / plusHigh;
        high = (high * minusHigh / plusLow) + 1;
        return (low >> guard, (high >> guard) + 1);
    }

    // P[m + step] / P[m]: m/(m+j) for j = 1..step, or (m-j)/m for j = 0..-step-1.
    private (BigInteger Low, BigInteger High) Product(long step, int precision)
    {
        BigInteger low = BigInteger.One << precision;
        BigInteger high = low;
        for (long j = step > 0 ? 1 : 0; j < (step > 0 ? step + 1 : -step); j++)
        {
            (BigInteger numerator, BigInteger denominator) = step > 0 ? (_m, _m + j) : (_m - j, _m);
            low = low * numerator / denominator;
            high = (high * numerator / denominator) + 1;
        }

        return (low, high);
    }
}
