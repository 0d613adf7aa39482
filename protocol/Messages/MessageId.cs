// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Messages;

/// <summary>The id of a message: 32 lower-case hexadecimal digits. Half of them cannot be guessed, else another sender could take an id first.</summary>
/// <param name="Value">The validated digits.</param>
[JsonConverter(typeof(MessageIdJsonConverter))]
public readonly record struct MessageId(string Value)
{
    /// <summary>How many random bytes an id needs.</summary>
    public const int RandomBytes = 8;

    /// <summary>An id whose order by text is the order of sending.</summary>
    /// <param name="moment">The sender's moment; rises with every message of one sender.</param>
    /// <param name="random">8 random bytes.</param>
    public static MessageId Of(long moment, ReadOnlySpan<byte> random) =>
        random.Length == RandomBytes && moment >= 0
            ? new($"{moment:x16}{Convert.ToHexStringLower(random)}")
            : throw new ArgumentException("a message id is made of a moment from 0 on and 8 random bytes", nameof(random));

    /// <summary>Whether the text is 32 lower-case hexadecimal digits.</summary>
    public static bool IsValid(string? text) => text is { Length: 32 } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Parses an id.</summary>
    /// <exception cref="FedCloudException"><c>id_malformed</c>.</exception>
    public static MessageId Parse(string? text) =>
        IsValid(text) ? new(text!) : throw new FedCloudException(ErrorCodes.IdMalformed, "a message id is not 32 lower-case hexadecimal digits", "do not use the message");

    /// <inheritdoc/>
    public override string ToString() => Value;
}

/// <summary>Reads and writes a message id as a JSON string.</summary>
public sealed class MessageIdJsonConverter : JsonConverter<MessageId>
{
    /// <inheritdoc/>
    public override MessageId Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? text = reader.GetString();
        return MessageId.IsValid(text) ? new MessageId(text!) : throw new JsonException("not a message id");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, MessageId value, JsonSerializerOptions options) => writer.WriteStringValue(value.Value);
}
