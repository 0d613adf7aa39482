// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>Skellam noise: the difference of two independent Poisson draws of half the variance each, exactly (privacy, rule S3).</summary>
public sealed class SkellamSampler : IIntegerSampler
{
    private readonly PoissonSampler _poisson;

    /// <summary>The sampler of a rational variance.</summary>
    /// <param name="bits">Uniform bits; stay the caller's.</param>
    /// <param name="numerator">The variance's numerator, above 0.</param>
    /// <param name="denominator">The variance's denominator, from 1 to 2^61.</param>
    public SkellamSampler(RandomBits bits, BigInteger numerator, long denominator)
    {
        if (numerator.Sign <= 0)
        {
            throw PrivacyArguments.Refusal(Errors.ErrorCodes.NoiseInvalid, "the variance of Skellam noise", "above 0", numerator.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }

        PrivacyArguments.Count(denominator, "the variance's denominator", 1, 1L << 61);
        _poisson = new PoissonSampler(bits, numerator, 2 * denominator);
    }

    /// <inheritdoc/>
    public long Next() => _poisson.Next() - _poisson.Next();
}
