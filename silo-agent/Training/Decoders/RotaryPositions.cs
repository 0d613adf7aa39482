// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;

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

    /// <summary>Reads them from <c>config.json</c>: <c>rope_theta</c> and <c>rope_scaling</c>, or in newer files both in <c>rope_parameters</c>.</summary>
    /// <param name="json">The whole configuration.</param>
    /// <param name="otherwise">The base when it names none.</param>
    /// <returns>Null when they are of a kind that is not implemented.</returns>
    internal static RotaryPositions? Read(JsonElement json, double otherwise = DefaultTheta)
    {
        JsonElement? scaling = Member(json, "rope_scaling");
        JsonElement? both = Member(json, "rope_parameters");
        if (scaling is not null && both is not null)
        {
            return null;
        }

        JsonElement? given = Member(json, "rope_theta") ?? (both is { } parameters ? Member(parameters, "rope_theta") : null);
        double theta = given is { } number ? NumberOf(number) : otherwise;
        if ((scaling ?? both) is not { } kind)
        {
            return new RotaryPositions(theta);
        }

        if (kind.ValueKind != JsonValueKind.Object)
        {
            return null;
        }

        string[] names = ["rope_type", "type", "rope_theta", "factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];
        string type = (Member(kind, "rope_type") ?? Member(kind, "type"))?.ToString() ?? "default";
        bool known = kind.EnumerateObject().All(member => names.Contains(member.Name, StringComparer.Ordinal));
        return (known, type) switch
        {
            (true, "default") when kind.EnumerateObject().All(member => member.Name is "rope_type" or "type" or "rope_theta") => new RotaryPositions(theta),
            (true, "llama3") when ReadStretch(kind) is { } stretch => new RotaryPositions(theta, stretch),
            _ => null,
        };
    }

    private static RotaryStretch? ReadStretch(JsonElement kind)
    {
        double Number(string name) => Member(kind, name) is { } value ? NumberOf(value) : double.NaN;
        RotaryStretch stretch = new(Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"), Number("original_max_position_embeddings"));
        bool possible = stretch is { Factor: >= 1 and < 1e6, LowFrequencyFactor: > 0, HighFrequencyFactor: < 1e6, OriginalPositions: >= 1 and < 1e9 } && stretch.LowFrequencyFactor < stretch.HighFrequencyFactor;
        return possible ? stretch : null;
    }

    private static double NumberOf(JsonElement value) => value.ValueKind == JsonValueKind.Number ? value.GetDouble() : double.NaN;

    private static JsonElement? Member(JsonElement json, string name) =>
        json.ValueKind == JsonValueKind.Object && json.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static double Stretched(double angle, RotaryStretch stretch)
    {
        double turns = angle * stretch.OriginalPositions / (2 * Math.PI);
        double share = Math.Clamp((turns - stretch.LowFrequencyFactor) / (stretch.HighFrequencyFactor - stretch.LowFrequencyFactor), 0, 1);
        return ((1 - share) * angle / stretch.Factor) + (share * angle);
    }
}
