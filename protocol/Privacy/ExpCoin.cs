// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>Coins that show heads with probability e^-x, exactly, for a rational x of 0 or more.</summary>
/// <remarks>
/// Canonne, Kamath and Steinke 2020, Algorithm 1, integers only. A coin of probability p compares p's binary digits with
/// uniform bits from the front; we compare 64 at a time with an interval around p, and only where the interval does not
/// decide (about once in 2^48 coins) go on with exact fractions and the same bits.
/// </remarks>
internal static class ExpCoin
{
    private static readonly UInt128 Whole = UInt128.One << 64;

    /// <summary>Heads with probability e^-x.</summary>
    internal static bool Draw<T>(RandomBits bits, in T x)
        where T : struct, IExponent
    {
        UInt128 low = x.Low;
        UInt128 high = x.High;
        ulong turns = (ulong)(low >> 64);
        if ((ulong)(high >> 64) != turns)
        {
            return DrawAcross(bits, x);
        }

        for (ulong i = 0; i < turns; i++)
        {
            if (!DrawOne(bits))
            {
                return false;
            }
        }

        UInt128 offset = (UInt128)turns << 64;
        return DrawPart(bits, x, turns, low - offset, high - offset);
    }

    /// <summary>Heads with probability 1/e.</summary>
    internal static bool DrawOne(RandomBits bits)
    {
        ulong k = 2; // the coin of probability 1/1 always shows heads
        while (bits.Below(k) == 0)
        {
            k++;
        }

        return (k & 1) != 0;
    }

    // The interval holds a whole number, so the whole part is taken from the fraction itself.
    private static bool DrawAcross<T>(RandomBits bits, in T x)
        where T : struct, IExponent
    {
        (BigInteger numerator, BigInteger denominator) = x.Exact();
        BigInteger turns = BigInteger.DivRem(numerator, denominator, out BigInteger rest);
        for (BigInteger i = 0; i < turns; i++)
        {
            if (!DrawOne(bits))
            {
                return false;
            }
        }

        LargeRatio part = new(rest, denominator);
        return DrawPart(bits, part, 0, part.Low, part.High);
    }

    // Heads with probability e^-f, f = x - turns between 0 and 1: the first k at which a coin of probability f/k shows tails is odd.
    private static bool DrawPart<T>(RandomBits bits, in T x, ulong turns, UInt128 low, UInt128 high)
        where T : struct, IExponent
    {
        ulong k = 1;
        while (DrawShare(bits, x, turns, low, high, k))
        {
            k++;
        }

        return (k & 1) != 0;
    }

    // Heads with probability f/k: (u + v) k < f 2^64, u 64 bits, v the bits after them.
    private static bool DrawShare<T>(RandomBits bits, in T x, ulong turns, UInt128 low, UInt128 high, ulong k)
        where T : struct, IExponent
    {
        ulong u = bits.Next64();
        UInt128 product = (UInt128)u * k;
        if (product + k <= low)
        {
            return true;
        }

        if (product >= high)
        {
            return false;
        }

        (BigInteger numerator, BigInteger denominator) = x.Exact();
        return DrawDigits(bits, numerator - (turns * denominator), denominator * k, u);
    }

    private static bool DrawDigits(RandomBits bits, BigInteger numerator, BigInteger denominator, ulong u)
    {
        BigInteger rest = numerator;
        while (true)
        {
            rest = (rest * Whole) - (u * denominator);
            if (rest.Sign <= 0)
            {
                return false;
            }

            if (rest >= denominator)
            {
                return true;
            }

            u = bits.Next64();
        }
    }
}
