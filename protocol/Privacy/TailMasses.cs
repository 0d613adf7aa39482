// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>The masses of a pair (P, Q) on either side of a privacy loss, each with its own relative accuracy.</summary>
/// <param name="AboveP">P[loss > t].</param>
/// <param name="AboveQ">Q[loss > t].</param>
/// <param name="BelowP">P[loss ≤ t].</param>
/// <param name="BelowQ">Q[loss ≤ t].</param>
public readonly record struct TailMasses(double AboveP, double AboveQ, double BelowP, double BelowQ)
{
    /// <summary>All of both masses above.</summary>
    internal static TailMasses AllAbove => new(1, 1, 0, 0);

    /// <summary>All of both masses below.</summary>
    internal static TailMasses AllBelow => new(0, 0, 1, 1);

    /// <summary>The masses between this loss and a larger one, taken from the smaller tail.</summary>
    internal (double P, double Q) Until(TailMasses upper) => (
        AboveP <= 0.5 ? AboveP - upper.AboveP : upper.BelowP - BelowP,
        AboveQ <= 0.5 ? AboveQ - upper.AboveQ : upper.BelowQ - BelowQ);
}
