// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>One silo's share of the noise of claims B and C (secure aggregation, section 8.1, row Calibration).</summary>
/// <remarks>
/// sigma = z times the rounded sensitivity, and only h = t - c_max honest shares count: sigma_local = sigma / sqrt(h). Samplers
/// take a rational variance, so it is rounded up: to a whole sigma from 2^20 on (by less than 1e-6 of it), else to a whole
/// number of 2^-40. Accounting uses the sigma asked for, which is never larger.
/// </remarks>
public sealed class NoiseSharePlan
{
    private const int FractionBits = 40;
    private const double WholeFrom = 1 << 20;

    /// <summary>The share of a segment.</summary>
    /// <param name="noiseMultiplier">z, from the plan.</param>
    /// <param name="sensitivity">The L2 sensitivity after rounding, grid units (<see cref="DistributedNoise.RoundedL2(double, long)"/>).</param>
    /// <param name="shares">h, the number of honest shares that count.</param>
    public NoiseSharePlan(double noiseMultiplier, double sensitivity, int shares)
    {
        SumSigma = PrivacyArguments.Noise(PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier") * PrivacyArguments.Noise(sensitivity, "the sensitivity"), "the sigma of the sum");
        LocalSigma = SumSigma / Math.Sqrt(PrivacyArguments.Count(shares, "the number of noise shares", 1, 1_000_000));
        if (LocalSigma >= WholeFrom)
        {
            BigInteger whole = (BigInteger)Math.Ceiling(LocalSigma);
            (VarianceNumerator, VarianceDenominator) = (whole * whole, 1);
        }
        else
        {
            BigInteger parts = (BigInteger)Math.Ceiling(Math.ScaleB(LocalSigma * LocalSigma, FractionBits));
            (VarianceNumerator, VarianceDenominator) = (parts, 1L << FractionBits);
        }
    }

    /// <summary>sigma of the honest sum, grid units.</summary>
    public double SumSigma { get; }

    /// <summary>sigma of one share, grid units, before it is rounded up.</summary>
    public double LocalSigma { get; }

    /// <summary>The numerator of one share's variance.</summary>
    public BigInteger VarianceNumerator { get; }

    /// <summary>The denominator of one share's variance.</summary>
    public long VarianceDenominator { get; }
}
