// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>Llama 3.1's stretching of rotary positions: slow turns become slower by a factor, fast ones stay, and those between are blended (Grattafiori et al. 2024, section 3.4.2; Hugging Face's <c>rope_type</c> <c>llama3</c>).</summary>
/// <param name="Factor">How much slower the slow ones turn.</param>
/// <param name="LowFrequencyFactor">Slow is what turns less often than this over the original positions.</param>
/// <param name="HighFrequencyFactor">Fast is what turns more often than this over the original positions.</param>
/// <param name="OriginalPositions">The positions that the model was first trained on.</param>
public sealed record RotaryStretch(double Factor, double LowFrequencyFactor, double HighFrequencyFactor, double OriginalPositions);

/// <summary>Rotary positions (Su et al. 2021, section 3.2.2).</summary>
/// <param name="Theta">The base of the frequencies.</param>
/// <param name="Stretch">How they are stretched; null for not at all.</param>
public sealed record RotaryPositions(double Theta, RotaryStretch? Stretch = null)
{
    /// <summary>The base that the paper has.</summary>
    internal const double DefaultTheta = 10_000;

    /// <summary>The angle of one position, for each of the pairs of coordinates of a head.</summary>
    /// <param name="headWidth">The width of a head, even.</param>
    /// <returns>Radians, headWidth / 2 of them, descending.</returns>
    public double[] Angles(int headWidth)
    {
        double[] angles = new double[headWidth / 2];
        for (int i = 0; i < angles.Length; i++)
        {
            double angle = Math.Pow(Theta, -2.0 * i / headWidth);
            angles[i] = Stretch is { } stretch ? Stretched(angle, stretch) : angle;
        }

        return angles;
    }

    private static double Stretched(double angle, RotaryStretch stretch)
    {
        double turns = angle * stretch.OriginalPositions / (2 * Math.PI);
        double share = Math.Clamp((turns - stretch.LowFrequencyFactor) / (stretch.HighFrequencyFactor - stretch.LowFrequencyFactor), 0, 1);
        return ((1 - share) * angle / stretch.Factor) + (share * angle);
    }
}
