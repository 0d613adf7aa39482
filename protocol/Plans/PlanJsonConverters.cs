// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Protocol.Plans;

/// <summary>Reads and writes <see cref="Algorithm"/> as <c>ffa_lora</c>, <c>rolora</c>, <c>fedavg</c>.</summary>
public sealed class AlgorithmJsonConverter() : JsonStringEnumConverter<Algorithm>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes <see cref="Weighting"/> in lower case.</summary>
public sealed class WeightingJsonConverter() : JsonStringEnumConverter<Weighting>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes <see cref="Schedule"/> in lower case.</summary>
public sealed class ScheduleJsonConverter() : JsonStringEnumConverter<Schedule>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes <see cref="ServerRule"/> in lower case.</summary>
public sealed class ServerRuleJsonConverter() : JsonStringEnumConverter<ServerRule>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes <see cref="PrivacyClaim"/> in lower case.</summary>
public sealed class PrivacyClaimJsonConverter() : JsonStringEnumConverter<PrivacyClaim>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes <see cref="GradientClipping"/> in lower case.</summary>
public sealed class GradientClippingJsonConverter() : JsonStringEnumConverter<GradientClipping>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>Reads and writes <see cref="Privacy.NoiseProfile"/> in lower case.</summary>
public sealed class NoiseProfileJsonConverter() : JsonStringEnumConverter<Privacy.NoiseProfile>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);

/// <summary>The one spelling of a real number in signed bodies: plain decimal digits, no exponent, no needless zeros.</summary>
public static class DecimalString
{
    private const int MaxLength = 32;

    /// <summary>The canonical spelling.</summary>
    public static string Format(decimal value) => value.ToString("0.############################", CultureInfo.InvariantCulture);

    /// <summary>Reads a canonical spelling; null for any other text.</summary>
    public static decimal? Parse(string? text) =>
        text is { Length: > 0 and <= MaxLength }
        && decimal.TryParse(text, NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal value)
        && string.Equals(Format(value), text, StringComparison.Ordinal)
            ? value
            : null;
}

/// <summary>Reads and writes a real number as its canonical decimal string.</summary>
public sealed class DecimalStringJsonConverter : JsonConverter<decimal>
{
    /// <inheritdoc/>
    public override decimal Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        DecimalString.Parse(reader.GetString()) ?? throw new JsonException("not a canonical decimal string");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, decimal value, JsonSerializerOptions options) => writer.WriteStringValue(DecimalString.Format(value));
}

/// <summary>Reads and writes a map to real numbers, each as its canonical decimal string.</summary>
public sealed class DecimalMapJsonConverter : JsonConverter<ImmutableSortedDictionary<string, decimal>>
{
    /// <inheritdoc/>
    public override ImmutableSortedDictionary<string, decimal> Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        ImmutableSortedDictionary<string, decimal>.Builder values = ImmutableSortedDictionary.CreateBuilder<string, decimal>(StringComparer.Ordinal);
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            throw new JsonException("not a map");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            string name = reader.GetString() ?? string.Empty;
            reader.Read();
            decimal? value = reader.TokenType == JsonTokenType.String ? DecimalString.Parse(reader.GetString()) : null;
            if (value is not { } real || !values.TryAdd(name, real))
            {
                throw new JsonException("not a canonical decimal string, each name once");
            }
        }

        return values.ToImmutable();
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, ImmutableSortedDictionary<string, decimal> value, JsonSerializerOptions options)
    {
        writer.WriteStartObject();
        foreach ((string name, decimal real) in value)
        {
            writer.WriteString(name, DecimalString.Format(real));
        }

        writer.WriteEndObject();
    }
}

/// <summary>Reads and writes an optional real number as its canonical decimal string or null.</summary>
public sealed class NullableDecimalStringJsonConverter : JsonConverter<decimal?>
{
    /// <inheritdoc/>
    public override decimal? Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) =>
        reader.TokenType == JsonTokenType.Null ? null : DecimalString.Parse(reader.GetString()) ?? throw new JsonException("not a canonical decimal string");

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, decimal? value, JsonSerializerOptions options)
    {
        if (value is { } real)
        {
            writer.WriteStringValue(DecimalString.Format(real));
        }
        else
        {
            writer.WriteNullValue();
        }
    }
}
