// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The discrete Gaussian: P[x] proportional to e^(-x^2 / (2 sigma^2)), exactly, for rational sigma^2 (privacy, rule S2).</summary>
/// <remarks>
/// Canonne, Kamath and Steinke 2020, Algorithm 3: a discrete Laplace draw y of scale t = floor(sigma) + 1 is kept with
/// probability e^(-(|y| - sigma^2/t)^2 / (2 sigma^2)), about three times in four. Integers and fractions only. A whole sigma
/// below 2^31 runs in 128-bit arithmetic; any other sigma^2 in whole numbers of any size, about five times slower.
/// </remarks>
public sealed class DiscreteGaussianSampler : IIntegerSampler
{
    private const long MaxSigma = 1L << 40;
    private const long MaxFastSigma = 1L << 31;

    private readonly RandomBits _bits;
    private readonly DiscreteLaplaceSampler _laplace;
    private readonly BigInteger _numerator;
    private readonly BigInteger _denominator;
    private readonly ulong _t;
    private readonly ulong _sigma; // 0 where sigma is not whole or too large

    /// <summary>The sampler of a rational sigma^2.</summary>
    /// <param name="bits">Uniform bits; stay the caller's.</param>
    /// <param name="numerator">The numerator of sigma^2, above 0.</param>
    /// <param name="denominator">The denominator of sigma^2, above 0.</param>
    public DiscreteGaussianSampler(RandomBits bits, BigInteger numerator, BigInteger denominator)
    {
        ArgumentNullException.ThrowIfNull(bits);
        if (numerator.Sign <= 0 || denominator.Sign <= 0 || numerator > denominator * MaxSigma * MaxSigma)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "sigma squared", "a fraction above 0 and at most 2^80", $"{numerator}/{denominator}");
        }

        _bits = bits;
        BigInteger common = BigInteger.GreatestCommonDivisor(numerator, denominator);
        (_numerator, _denominator) = (numerator / common, denominator / common);
        ulong floor = Root(_numerator / _denominator);
        _t = floor + 1;
        _sigma = _denominator.IsOne && (BigInteger)floor * floor == _numerator && floor < MaxFastSigma ? floor : 0;
        _laplace = new DiscreteLaplaceSampler(bits, (long)_t, 1);
    }

    /// <summary>The sampler of a whole sigma.</summary>
    /// <param name="bits">Uniform bits; stay the caller's.</param>
    /// <param name="sigma">sigma, from 1 to 2^40.</param>
    public DiscreteGaussianSampler(RandomBits bits, long sigma)
        : this(bits, (BigInteger)PrivacyArguments.Count(sigma, "sigma", 1, MaxSigma) * sigma, BigInteger.One)
    {
    }

    /// <inheritdoc/>
    public long Next()
    {
        while (true)
        {
            long y = _laplace.Next();
            ulong magnitude = (ulong)Math.Abs(y);
            if (_sigma > 0 ? KeepWhole(magnitude) : Keep(magnitude))
            {
                return y;
            }
        }
    }

    // (|y| t - sigma^2)^2 / (2 sigma^2 t^2)
    private bool KeepWhole(ulong magnitude)
    {
        UInt128 reach = (UInt128)magnitude * _t;
        UInt128 variance = (UInt128)_sigma * _sigma;
        UInt128 distance = reach > variance ? reach - variance : variance - reach;
        return HalfSquare.TryMake(distance, _sigma * _t, out HalfSquare exponent) ? ExpCoin.Draw(_bits, exponent) : Keep(magnitude);
    }

    // (|y| t d - n)^2 / (2 n d t^2), sigma^2 = n/d
    private bool Keep(ulong magnitude)
    {
        BigInteger distance = ((BigInteger)magnitude * _t * _denominator) - _numerator;
        return ExpCoin.Draw(_bits, new LargeRatio(distance * distance, 2 * _numerator * _denominator * _t * _t));
    }

    // floor(sqrt(value)), value below 2^80.
    private static ulong Root(BigInteger value)
    {
        ulong root = (ulong)Math.Sqrt((double)value);
        while ((BigInteger)root * root > value)
        {
            root--;
        }

        while ((BigInteger)(root + 1) * (root + 1) <= value)
        {
            root++;
        }

        return root;
    }
}
