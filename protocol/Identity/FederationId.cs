// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Identity;

/// <summary>A federation: the group of silos that train together.</summary>
/// <param name="Value">The validated text; see <see cref="Identifier"/>.</param>
[JsonConverter(typeof(FederationIdJsonConverter))]
public readonly record struct FederationId(string Value) : IComparable<FederationId>
{
    /// <summary>Parses a federation id.</summary>
    /// <exception cref="FedCloudException"><c>id_malformed</c>.</exception>
    public static FederationId Parse(string? text) => new(Identifier.Require(text, "federation id"));

    /// <inheritdoc/>
    public int CompareTo(FederationId other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>Reads and writes a federation id as a JSON string or property name.</summary>
public sealed class FederationIdJsonConverter : JsonConverter<FederationId>
{
    /// <inheritdoc/>
    public override FederationId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Convert(reader.GetString());

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, FederationId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);

    /// <inheritdoc/>
    public override FederationId ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Convert(reader.GetString());

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, FederationId value, JsonSerializerOptions options) => writer.WritePropertyName(value.Value);

    private static FederationId Convert(string? text) =>
        Identifier.IsValid(text) ? new FederationId(text!) : throw new JsonException("not a valid federation id");
}
