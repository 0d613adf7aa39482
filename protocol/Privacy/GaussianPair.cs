// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>P = N(1, z^2), Q = N(0, z^2): the Gaussian mechanism.</summary>
public sealed class GaussianPair : DominatingPair
{
    private readonly double _z;

    /// <summary>The pair of a noise multiplier.</summary>
    /// <param name="noiseMultiplier">Standard deviation over L2 sensitivity.</param>
    public GaussianPair(double noiseMultiplier) => _z = PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier");

    /// <inheritdoc/>
    public override TailMasses At(double loss)
    {
        double q = (loss * _z) + (0.5 / _z); // the loss at x is (x - 1/2) / z^2; in deviations of Q
        double p = q - (1 / _z);
        return new TailMasses(NormalTail.Above(p), NormalTail.Above(q), NormalTail.Below(p), NormalTail.Below(q));
    }

    /// <inheritdoc/>
    public override (double Low, double High) Range(double tailMass)
    {
        double deviations = -NormalTail.Quantile(tailMass);
        return (((-deviations * _z) - 0.5) / (_z * _z), ((deviations * _z) + 0.5) / (_z * _z));
    }
}
