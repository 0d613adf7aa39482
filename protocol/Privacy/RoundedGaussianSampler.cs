// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>A Gaussian in binary64, rounded to whole numbers.</summary>
/// <remarks>
/// Box and Muller 1958. The tail variable keeps 53 significant random bits however small it is: its exponent is the number of
/// leading zeros of an endless stream of bits, its mantissa the 53 bits from the first one on. The angle has 64 bits. Not
/// exact: relative errors of a probability are of the order of 2^-50 in the body and grow with the tail (privacy, rule S6).
/// </remarks>
public sealed class RoundedGaussianSampler : IIntegerSampler
{
    private readonly RandomBits _bits;
    private readonly double _sigma;
    private double _second;
    private bool _hasSecond;

    /// <summary>The sampler of a standard deviation.</summary>
    /// <param name="bits">Uniform bits; stay the caller's.</param>
    /// <param name="sigma">The standard deviation in grid units, from 1 to 2^40.</param>
    public RoundedGaussianSampler(RandomBits bits, long sigma)
    {
        ArgumentNullException.ThrowIfNull(bits);
        _bits = bits;
        _sigma = PrivacyArguments.Count(sigma, "sigma", 1, 1L << 40);
    }

    /// <inheritdoc/>
    public long Next()
    {
        if (_hasSecond)
        {
            _hasSecond = false;
            return (long)Math.Round(_second);
        }

        double radius = _sigma * Math.Sqrt(-2 * LogTail());
        (double sin, double cos) = Math.SinCos(2 * Math.PI * Math.ScaleB(_bits.Next64(), -64));
        (_second, _hasSecond) = (radius * sin, true);
        return (long)Math.Round(radius * cos);
    }

    // ln of a uniform number in (0, 1).
    private double LogTail()
    {
        int exponent = 0;
        ulong word = _bits.Next64();
        while (word == 0)
        {
            exponent += 64;
            word = _bits.Next64();
        }

        int zeros = BitOperations.LeadingZeroCount(word);
        word = zeros == 0 ? word : (word << zeros) | (_bits.Next64() >> (64 - zeros));
        double mantissa = (word >> 11) * (1.0 / (1UL << 53)); // 53 bits, at least 1/2 and below 1
        return Math.Log(mantissa) - ((exponent + zeros) * Math.Log(2));
    }
}
