// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The Poisson distribution of a rational mean, exactly, with integers only (privacy, rule S3).</summary>
/// <remarks>
/// <para>The mean is split into a whole number m and a rest below 1, whose draws add up. The rest, and each of a few units, comes
/// from a fair geometric draw n kept with probability (mean^n / n!) / 2^(1-n) in rational coins.</para>
/// <para>For m of 64 and more: a discrete Laplace step i of scale t = ceil(sqrt(m)) from m is kept with probability
/// (P[m ± i] / P[m]) e^(i/t - 1/2 - 1/t), which <see cref="PoissonRatio"/> decides exactly. It is at most 1: to the right,
/// ln P[m]/P[m+i] ≥ m((1+u) ln(1+u) - u) with u = i/m, whose least excess over i/t is m(1/t - e^(1/t) + 1) ≥ -1/2 - 1/t; to the
/// left, ln P[m]/P[m-i] ≥ i(i-1)/(2m), whose least excess is -m/(2 t^2) - 1/(2t) - 1/(8m).</para>
/// </remarks>
public sealed class PoissonSampler : IIntegerSampler
{
    private const int FewUnits = 64;
    private const long MaxMean = 1L << 44;

    private readonly RandomBits _bits;
    private readonly ulong _restNumerator;
    private readonly ulong _restDenominator;
    private readonly long _whole;
    private readonly DiscreteLaplaceSampler? _steps;
    private readonly PoissonRatio? _ratio;

    /// <summary>The sampler of a mean.</summary>
    /// <param name="bits">Uniform bits; stay the caller's.</param>
    /// <param name="numerator">The mean's numerator, 0 or more.</param>
    /// <param name="denominator">The mean's denominator, from 1 to 2^62.</param>
    public PoissonSampler(RandomBits bits, BigInteger numerator, long denominator)
    {
        ArgumentNullException.ThrowIfNull(bits);
        PrivacyArguments.Count(denominator, "the mean's denominator", 1, 1L << 62);
        if (numerator.Sign < 0 || numerator > (BigInteger)denominator * MaxMean)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "a Poisson mean", "from 0 to 2^44", $"{numerator}/{denominator}");
        }

        _bits = bits;
        _whole = (long)BigInteger.DivRem(numerator, denominator, out BigInteger rest);
        (_restNumerator, _restDenominator) = ((ulong)rest, (ulong)denominator);
        if (_whole >= FewUnits)
        {
            long scale = (long)Math.Ceiling(Math.Sqrt(_whole));
            scale += scale * scale < _whole ? 1 : 0;
            _steps = new DiscreteLaplaceSampler(bits, scale, 1);
            _ratio = new PoissonRatio(_whole, scale);
        }
    }

    /// <inheritdoc/>
    public long Next()
    {
        long sum = _restNumerator > 0 ? NextSmall(_restNumerator, _restDenominator) : 0;
        if (_steps is not null && _ratio is not null)
        {
            return sum + NextLarge(_steps, _ratio);
        }

        for (long i = 0; i < _whole; i++)
        {
            sum += NextSmall(1, 1);
        }

        return sum;
    }

    // Mean a/b of at most 1: n with probability 2^-(n+1), kept with probability (a/b)^n 2^(n-1) / n!.
    private long NextSmall(ulong a, ulong b)
    {
        while (true)
        {
            long n = 0;
            while (_bits.NextBit())
            {
                n++;
            }

            if (n == 0 ? _bits.NextBit() : Keep(n, a, b))
            {
                return n;
            }
        }
    }

    private bool Keep(long n, ulong a, ulong b)
    {
        for (long i = 0; i < n && a < b; i++)
        {
            if (_bits.Below(b) >= a)
            {
                return false;
            }
        }

        for (long j = 3; j <= n; j++)
        {
            if (_bits.Below((ulong)j) >= 2)
            {
                return false;
            }
        }

        return true;
    }

    private long NextLarge(DiscreteLaplaceSampler steps, PoissonRatio ratio)
    {
        while (true)
        {
            long step = steps.Next();
            if (step >= -_whole && ratio.Keep(_bits, step))
            {
                return _whole + step;
            }
        }
    }
}
