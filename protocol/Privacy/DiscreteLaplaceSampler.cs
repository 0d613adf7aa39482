// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>The discrete Laplace distribution: P[x] proportional to e^(-|x| s/t), exactly.</summary>
/// <remarks>Canonne, Kamath and Steinke 2020, Algorithm 2. Integers only.</remarks>
public sealed class DiscreteLaplaceSampler : IIntegerSampler
{
    private const long MaxScale = 1L << 52;

    private readonly RandomBits _bits;
    private readonly ulong _t;
    private readonly ulong _s;

    /// <summary>The sampler of a scale t/s.</summary>
    /// <param name="bits">Uniform bits; stay the caller's.</param>
    /// <param name="numerator">t, from 1 to 2^52.</param>
    /// <param name="denominator">s, from 1 to 2^52.</param>
    public DiscreteLaplaceSampler(RandomBits bits, long numerator, long denominator)
    {
        ArgumentNullException.ThrowIfNull(bits);
        _bits = bits;
        _t = (ulong)PrivacyArguments.Count(numerator, "the scale's numerator", 1, MaxScale);
        _s = (ulong)PrivacyArguments.Count(denominator, "the scale's denominator", 1, MaxScale);
    }

    /// <inheritdoc/>
    public long Next()
    {
        while (true)
        {
            ulong u = _bits.Below(_t);
            if (u > 0 && !ExpCoin.Draw(_bits, new SmallRatio(u, _t)))
            {
                continue;
            }

            ulong turns = 0;
            while (ExpCoin.DrawOne(_bits))
            {
                turns++;
            }

            long magnitude = checked((long)((u + (_t * turns)) / _s));
            bool negative = _bits.NextBit();
            if (!negative || magnitude > 0)
            {
                return negative ? -magnitude : magnitude;
            }
        }
    }
}
