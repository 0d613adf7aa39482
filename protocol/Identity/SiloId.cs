// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Identity;

/// <summary>A silo (a hospital, a bank) in a federation.</summary>
/// <param name="Value">The validated text; see <see cref="Identifier"/>.</param>
[JsonConverter(typeof(SiloIdJsonConverter))]
public readonly record struct SiloId(string Value) : IComparable<SiloId>
{
    /// <summary>Parses a silo id.</summary>
    /// <exception cref="FedCloudException"><c>id_malformed</c>.</exception>
    public static SiloId Parse(string? text) => new(Identifier.Require(text, "silo id"));

    /// <inheritdoc/>
    public int CompareTo(SiloId other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>Reads and writes a silo id as a JSON string or property name.</summary>
public sealed class SiloIdJsonConverter : JsonConverter<SiloId>
{
    /// <inheritdoc/>
    public override SiloId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Convert(reader.GetString());

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, SiloId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);

    /// <inheritdoc/>
    public override SiloId ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Convert(reader.GetString());

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, SiloId value, JsonSerializerOptions options) => writer.WritePropertyName(value.Value);

    private static SiloId Convert(string? text) =>
        Identifier.IsValid(text) ? new SiloId(text!) : throw new JsonException("not a valid silo id");
}
