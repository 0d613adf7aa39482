// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;

namespace FedCloud.Training.Decoders.Families;

/// <summary>The fields of rotary positions: <c>rope_theta</c>, <c>rope_local_base_freq</c> and <c>rope_scaling</c>, or in newer files all of them in <c>rope_parameters</c>. Where a file has both forms, they have to agree.</summary>
internal static class RotaryFields
{
    private const string Theta = "rope_theta";
    private const string Parameters = "rope_parameters";

    // Hugging Face's names of the kinds of layers (layer_types).
    private const string Full = "full_attention";
    private const string Windowed = "sliding_attention";

    private static readonly string[] Kinds = ["rope_type", "type"];

    private static readonly string[] StretchFields = ["factor", "low_freq_factor", "high_freq_factor", "original_max_position_embeddings"];

    /// <summary>The positions of all layers.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="otherwise">The base where it names none.</param>
    /// <exception cref="Protocol.Errors.FedCloudException"><c>config_unsupported</c>.</exception>
    public static RotaryPositions Read(ConfigFields config, double otherwise) =>
        Agreed(Field(config, Theta), otherwise, Field(config, "rope_scaling"), Field(config, Parameters));

    /// <summary>The positions of layers that see everything, and of those that see a window: <c>rope_parameters</c> holds one object for each.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="full">The base of the first where it names none.</param>
    /// <param name="windowed">The base of the second where it names none.</param>
    /// <exception cref="Protocol.Errors.FedCloudException"><c>config_unsupported</c>.</exception>
    public static (RotaryPositions Full, RotaryPositions Windowed) ReadByLayerType(ConfigFields config, double full, double windowed)
    {
        Place both = Field(config, Parameters);
        RequireKnown(both, [Full, Windowed]);
        return (
            Agreed(Field(config, Theta), full, Field(config, "rope_scaling"), both.Member(Full)),
            Agreed(Field(config, "rope_local_base_freq"), windowed, both.Member(Windowed)));
    }

    // The base may stand beside or inside; whatever is said twice has to be said alike.
    private static RotaryPositions Agreed(Place theta, double otherwise, params ReadOnlySpan<Place> places)
    {
        List<(Place From, double Value)> bases = theta.Value is null ? [] : [(theta, BaseOf(theta))];
        List<(Place From, RotaryStretch? Value)> stretches = [];
        foreach (Place place in places)
        {
            if (place.Value is null)
            {
                continue;
            }

            stretches.Add((place, StretchOf(place)));
            if (place.Member(Theta) is { Value: not null } inside)
            {
                bases.Add((inside, BaseOf(inside)));
            }
        }

        return new RotaryPositions(Single(bases, otherwise), Single(stretches, otherwise: null));
    }

    private static T Single<T>(List<(Place From, T Value)> given, T otherwise)
    {
        foreach ((Place from, T value) in given.Skip(1))
        {
            if (!EqualityComparer<T>.Default.Equals(value, given[0].Value))
            {
                throw ConfigFields.Malformed($"expected {given[0].From.Name} and {from.Name} to agree, found {given[0].From.Text} and {from.Text}");
            }
        }

        return given.Count == 0 ? otherwise : given[0].Value;
    }

    private static double BaseOf(Place place) => place.Number() is >= 1 and < 1e12 and double value
        ? value
        : throw ConfigFields.Malformed($"expected {place.Name} to be a number from 1 to 1e12, found {place.Text}");

    private static RotaryStretch? StretchOf(Place place)
    {
        RequireObject(place);
        string[] kinds = [.. Kinds.Select(place.Member).Where(kind => kind.Value is not null).Select(kind => kind.Value?.ToString() ?? string.Empty).Distinct(StringComparer.Ordinal)];
        string kind = kinds.Length <= 1 ? kinds.FirstOrDefault("default") : throw ConfigFields.Malformed($"expected {place.Name}.rope_type and its older name type to agree, found {place.Text}");
        switch (kind)
        {
            case "default":
                RequireKnown(place, [.. Kinds, Theta]);
                return null;
            case "llama3":
                RequireKnown(place, [.. Kinds, Theta, .. StretchFields]);
                double Number(string name) => place.Member(name).Number();
                RotaryStretch stretch = new(Number("factor"), Number("low_freq_factor"), Number("high_freq_factor"), Number("original_max_position_embeddings"));
                bool possible = stretch is { Factor: >= 1 and < 1e6, LowFrequencyFactor: > 0, HighFrequencyFactor: < 1e6, OriginalPositions: >= 1 and < 1e9 } && stretch.LowFrequencyFactor < stretch.HighFrequencyFactor;
                return possible ? stretch : throw ConfigFields.Malformed($"expected {place.Name} of type llama3 with {string.Join(", ", StretchFields)} in their ranges, found {place.Text}");
            default:
                throw ConfigFields.Malformed($"expected {place.Name}.rope_type to be default or llama3, found {ConfigFields.Printable(kind)}");
        }
    }

    private static void RequireObject(Place place)
    {
        if (place.Value is { ValueKind: not JsonValueKind.Object })
        {
            throw ConfigFields.Malformed($"expected {place.Name} to be an object, found {place.Text}");
        }
    }

    private static void RequireKnown(Place place, ReadOnlySpan<string> known)
    {
        RequireObject(place);
        if (place.Value is not { } value)
        {
            return;
        }

        foreach (JsonProperty member in value.EnumerateObject())
        {
            if (member.Value.ValueKind != JsonValueKind.Null && !known.Contains(member.Name))
            {
                throw ConfigFields.Malformed($"expected {place.Name} to have {string.Join(", ", known)} and nothing else, found {ConfigFields.Printable(member.Name)}");
            }
        }
    }

    private static Place Field(ConfigFields config, string name) => new(name, config.Find(name));

    /// <summary>A value, and where it stands; null when it is absent.</summary>
    private readonly record struct Place(string Name, JsonElement? Value)
    {
        public string Text => Value is { } value ? ConfigFields.Printable(ConfigFields.Compact(value)) : "none";

        public Place Member(string name) => new(
            $"{Name}.{name}",
            Value is { ValueKind: JsonValueKind.Object } value && value.TryGetProperty(name, out JsonElement member) && member.ValueKind != JsonValueKind.Null ? member : null);

        public double Number() => Value is { ValueKind: JsonValueKind.Number } value ? value.GetDouble() : double.NaN;
    }
}
