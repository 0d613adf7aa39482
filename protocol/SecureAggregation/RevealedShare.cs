// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A share that its holder reveals to open a sum, as 64 lower-case hexadecimal digits.</summary>
/// <remarks>Revealed on purpose and part of what an auditor may read, so it is not zeroed. Its text shows no digits, lest it be logged.</remarks>
/// <param name="Hex">The validated digits.</param>
[JsonConverter(typeof(RevealedShareJsonConverter))]
public readonly record struct RevealedShare(string Hex)
{
    /// <summary>The share of 32 bytes.</summary>
    public static RevealedShare Of(ReadOnlySpan<byte> share) =>
        share.Length == Shamir.ShareBytes ? new(Convert.ToHexStringLower(share)) : throw new ArgumentException("a share has 32 bytes", nameof(share));

    /// <summary>The 32 bytes.</summary>
    public byte[] ToBytes() => Convert.FromHexString(Hex);

    /// <inheritdoc/>
    public override string ToString() => "share";
}

/// <summary>Reads and writes a revealed share as a JSON string.</summary>
public sealed class RevealedShareJsonConverter : JsonConverter<RevealedShare>
{
    /// <inheritdoc/>
    public override RevealedShare Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return text is { Length: 2 * Shamir.ShareBytes } && text.All(char.IsAsciiHexDigitLower) ? new RevealedShare(text) : throw new JsonException("not a share");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, RevealedShare value, JsonSerializerOptions options) => writer.WriteStringValue(value.Hex);
}
