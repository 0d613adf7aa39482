// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The grid on which the noise of claim A is added, and what rounding to it costs (privacy, section 5, rules S4 and S5).</summary>
/// <remarks>
/// Grid g = 2^floor(log2(sigma / 2^30)), so sigma is 2^30 to 2^31 grid units and sums of clipped gradients fit 64-bit integers.
/// Rounding moves each of two neighbouring sums by at most g sqrt(d) / 2, so the sensitivity is C + g sqrt(d) and the ledger and
/// the reported epsilon use z_eff = sigma / (C + g sqrt(d)). Noise on a fixed grid has the same support whatever the data
/// (Mironov 2012, "On significance of the least significant bits").
/// </remarks>
public sealed class GridNoisePlan
{
    private const int Bits = 30;

    /// <summary>The grid of a job.</summary>
    /// <param name="noiseMultiplier">z, before rounding is paid for.</param>
    /// <param name="clipNorm">C, the L2 bound of one record's gradient.</param>
    /// <param name="coordinates">d, the number of trained parameters.</param>
    public GridNoisePlan(double noiseMultiplier, double clipNorm, long coordinates)
    {
        ClipNorm = PrivacyArguments.Noise(clipNorm, "the clip norm");
        Sigma = PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier") * clipNorm;
        if (Sigma < 1e-250)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "noise multiplier times clip norm", "at least 1E-250", PrivacyArguments.Text(Sigma));
        }

        Coordinates = PrivacyArguments.Count(coordinates, "the number of coordinates", 1, 1L << 40);
        Grid = Math.ScaleB(1, Math.ILogB(Sigma) - Bits);
        EffectiveNoiseMultiplier = Sigma / (ClipNorm + (Grid * Math.Sqrt(coordinates)));
        SigmaUnits = (long)Math.Ceiling(Sigma / Grid);
    }

    /// <summary>C.</summary>
    public double ClipNorm { get; }

    /// <summary>sigma = z C, in the gradients' units.</summary>
    public double Sigma { get; }

    /// <summary>d.</summary>
    public long Coordinates { get; }

    /// <summary>g, a power of two, in the gradients' units.</summary>
    public double Grid { get; }

    /// <summary>z_eff, what accountants and ledger use; always below z.</summary>
    public double EffectiveNoiseMultiplier { get; }

    /// <summary>sigma in whole grid units, rounded up (by less than 1e-9 of it): the parameter of both samplers.</summary>
    public long SigmaUnits { get; }

    /// <summary>A coordinate of the clipped sum in grid units, rounded to the nearest, ties to even.</summary>
    /// <param name="value">The coordinate, in the gradients' units; finite.</param>
    public long ToGrid(double value)
    {
        double units = Math.Round(value / Grid, MidpointRounding.ToEven);
        return Math.Abs(units) < Math.ScaleB(1, 62)
            ? (long)units
            : throw PrivacyArguments.Refusal(ErrorCodes.NoiseInvalid, "a coordinate of the clipped sum", "below 2^62 grid units", PrivacyArguments.Text(value));
    }

    /// <summary>A noised coordinate in the gradients' units: post-processing.</summary>
    /// <param name="units">The coordinate, in grid units.</param>
    public double FromGrid(long units) => units * Grid;
}
