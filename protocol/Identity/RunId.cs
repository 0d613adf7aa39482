// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Identity;

/// <summary>A training run; equal to the member <c>job</c> of its configuration.</summary>
/// <param name="Value">The validated text; see <see cref="Identifier"/>.</param>
[JsonConverter(typeof(RunIdJsonConverter))]
public readonly record struct RunId(string Value) : IComparable<RunId>
{
    /// <summary>Parses a run id.</summary>
    /// <exception cref="FedCloudException"><c>id_malformed</c>.</exception>
    public static RunId Parse(string? text) => new(Identifier.Require(text, "run id"));

    /// <inheritdoc/>
    public int CompareTo(RunId other) => string.CompareOrdinal(Value, other.Value);

    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>Reads and writes a run id as a JSON string or property name.</summary>
public sealed class RunIdJsonConverter : JsonConverter<RunId>
{
    /// <inheritdoc/>
    public override RunId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Convert(reader.GetString());

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, RunId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);

    /// <inheritdoc/>
    public override RunId ReadAsPropertyName(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Convert(reader.GetString());

    /// <inheritdoc/>
    public override void WriteAsPropertyName(Utf8JsonWriter writer, RunId value, JsonSerializerOptions options) => writer.WritePropertyName(value.Value);

    private static RunId Convert(string? text) =>
        Identifier.IsValid(text) ? new RunId(text!) : throw new JsonException("not a valid run id");
}
