// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>P = Laplace(0, b), Q = Laplace(1, b): the Laplace mechanism, a reference for auditors.</summary>
public sealed class LaplacePair : DominatingPair
{
    private readonly double _limit;

    /// <summary>The pair of a noise multiplier.</summary>
    /// <param name="noiseMultiplier">Scale b over L1 sensitivity.</param>
    public LaplacePair(double noiseMultiplier) => _limit = 1 / PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier");

    /// <inheritdoc/>
    public override TailMasses At(double loss)
    {
        if (loss >= _limit)
        {
            return TailMasses.AllBelow;
        }

        if (loss < -_limit)
        {
            return TailMasses.AllAbove;
        }

        // Inside, the loss at x in (0, 1) is (1 - 2x)/b, so it is above t where x < (1 - t b)/2.
        double toZero = (_limit - loss) / 2;
        double toOne = (_limit + loss) / 2;
        return new TailMasses(
            0.5 - (0.5 * NearOne.ExpMinusOne(-toZero)),
            0.5 * Math.Exp(-toOne),
            0.5 * Math.Exp(-toZero),
            0.5 - (0.5 * NearOne.ExpMinusOne(-toOne)));
    }

    /// <inheritdoc/>
    public override (double Low, double High) Range(double tailMass) => (-_limit, _limit);
}
