// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Protocol.Audit;

/// <summary>The value of a field of an entry: an integer, a string or a boolean (audit-log, section 7).</summary>
[JsonConverter(typeof(EntryFieldJsonConverter))]
public readonly record struct EntryField
{
    private EntryField(long? integer, bool? flag, string? text)
    {
        Integer = integer;
        Flag = flag;
        Text = text;
    }

    /// <summary>The integer, or null when the value is of another kind.</summary>
    public long? Integer { get; }

    /// <summary>The boolean, or null when the value is of another kind.</summary>
    public bool? Flag { get; }

    /// <summary>The string, or null when the value is of another kind.</summary>
    public string? Text { get; }

    /// <summary>An integer.</summary>
    public static EntryField Of(long integer) => new(integer, null, null);

    /// <summary>A boolean.</summary>
    public static EntryField Of(bool flag) => new(null, flag, null);

    /// <summary>A string.</summary>
    public static EntryField Of(string text) => new(null, null, text);

    /// <inheritdoc/>
    public override string ToString() => Text ?? Integer?.ToString(CultureInfo.InvariantCulture) ?? (Flag is true ? "true" : "false");
}

/// <summary>Reads and writes a field's value as JSON.</summary>
public sealed class EntryFieldJsonConverter : JsonConverter<EntryField>
{
    /// <inheritdoc/>
    public override EntryField Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => reader.TokenType switch
    {
        JsonTokenType.Number when reader.TryGetInt64(out long integer) => EntryField.Of(integer),
        JsonTokenType.True => EntryField.Of(true),
        JsonTokenType.False => EntryField.Of(false),
        JsonTokenType.String => EntryField.Of(reader.GetString() ?? string.Empty),
        _ => throw new JsonException("a field is an integer, a string or a boolean"),
    };

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, EntryField value, JsonSerializerOptions options)
    {
        if (value.Integer is { } integer)
        {
            writer.WriteNumberValue(integer);
        }
        else if (value.Flag is { } flag)
        {
            writer.WriteBooleanValue(flag);
        }
        else
        {
            writer.WriteStringValue(value.Text);
        }
    }
}
