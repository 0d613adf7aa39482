// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>e^-x of a rational x of 0 or more, between two fixed-point numbers.</summary>
/// <remarks>x is halved until it is at most 1/2, the alternating series is cut between two terms, and the result squared back, each step rounded outwards.</remarks>
internal static class ExpEnclosure
{
    /// <summary>Encloses e^(-numerator/denominator) in units of 2^-precision; the lower end is above 0 for x up to precision / 2.</summary>
    internal static (BigInteger Low, BigInteger High) Minus(BigInteger numerator, BigInteger denominator, int precision)
    {
        int halvings = Math.Max(0, (int)((2 * numerator) / denominator).GetBitLength());
        int inner = precision + (2 * halvings) + 16;
        BigInteger scale = denominator << halvings;
        BigInteger low = BigInteger.One << inner;
        BigInteger high = low;
        (BigInteger termLow, BigInteger termHigh) = (low, low);
        for (int k = 1; !termHigh.IsOne || k % 2 == 0; k++)
        {
            termLow = termLow * numerator / (scale * k);
            termHigh = (termHigh * numerator / (scale * k)) + 1;
            low += k % 2 == 0 ? termLow : -termHigh;
            high += k % 2 == 0 ? termHigh : -termLow;
        }

        high += 1; // what is cut off is below the last term
        low -= 1;
        for (int i = 0; i < halvings; i++)
        {
            low = (low * low) >> inner;
            high = ((high * high) >> inner) + 1;
        }

        return (low >> (inner - precision), (high >> (inner - precision)) + 1);
    }
}
