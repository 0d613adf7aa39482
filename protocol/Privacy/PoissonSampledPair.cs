// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>A mechanism after Poisson sampling, one record removed: P = (1 - q) Q0 + q P0 against Q = Q0.</summary>
/// <remarks>Zhu, Dong and Wang 2022, "Optimal accounting of differential privacy via characteristic function", Theorem 11. Adding a record is the reversed pair.</remarks>
public sealed class PoissonSampledPair : DominatingPair
{
    private readonly DominatingPair _mechanism;
    private readonly double _q;

    /// <summary>The sampled pair.</summary>
    /// <param name="mechanism">The pair (P0, Q0) without sampling.</param>
    /// <param name="samplingRate">The probability of each record to enter.</param>
    public PoissonSampledPair(DominatingPair mechanism, double samplingRate)
    {
        ArgumentNullException.ThrowIfNull(mechanism);
        _mechanism = mechanism;
        _q = PrivacyArguments.SamplingRate(samplingRate);
    }

    /// <inheritdoc/>
    public override TailMasses At(double loss)
    {
        double ratio = NearOne.ExpMinusOne(loss) / _q; // e^l0 - 1 of the loss l0 without sampling
        if (ratio <= -1)
        {
            return TailMasses.AllAbove;
        }

        TailMasses inner = _mechanism.At(NearOne.LogOnePlus(ratio));
        return inner with
        {
            AboveP = ((1 - _q) * inner.AboveQ) + (_q * inner.AboveP),
            BelowP = ((1 - _q) * inner.BelowQ) + (_q * inner.BelowP),
        };
    }

    /// <inheritdoc/>
    public override (double Low, double High) Range(double tailMass)
    {
        (double low, double high) = _mechanism.Range(tailMass);
        return (Sampled(low), Sampled(high));
    }

    private double Sampled(double loss) =>
        loss > 700 ? loss + Math.Log(_q) : NearOne.LogOnePlus(_q * NearOne.ExpMinusOne(loss));
}
