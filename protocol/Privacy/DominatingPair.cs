// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>A pair of distributions (P, Q) that dominates a mechanism on neighbouring inputs (Zhu, Dong and Wang 2022, Definition 7).</summary>
/// <remarks>The privacy loss is ln(dP/dQ) under P. Everything an accountant needs is how much of P and of Q lies above each loss.</remarks>
public abstract class DominatingPair
{
    /// <summary>The masses on either side of a privacy loss.</summary>
    /// <param name="loss">The loss, in nats.</param>
    public abstract TailMasses At(double loss);

    /// <summary>Losses outside of which each distribution has at most a given mass on each side.</summary>
    /// <param name="tailMass">The mass, between 0 and 1/2.</param>
    public abstract (double Low, double High) Range(double tailMass);

    /// <summary>The pair with P and Q exchanged: the other direction of the neighbouring relation.</summary>
    public DominatingPair Reversed() => new ReversedPair(this);

    private sealed class ReversedPair(DominatingPair forward) : DominatingPair
    {
        public override TailMasses At(double loss)
        {
            TailMasses masses = forward.At(-loss);
            return new TailMasses(masses.BelowQ, masses.BelowP, masses.AboveQ, masses.AboveP);
        }

        public override (double Low, double High) Range(double tailMass)
        {
            (double low, double high) = forward.Range(tailMass);
            return (-high, -low);
        }
    }
}
