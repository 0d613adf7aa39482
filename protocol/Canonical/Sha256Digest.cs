// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Canonical;

/// <summary>A SHA-256 digest as 64 lower-case hexadecimal digits (FIPS 180-4).</summary>
/// <param name="Hex">The validated digits.</param>
[JsonConverter(typeof(Sha256DigestJsonConverter))]
public readonly record struct Sha256Digest(string Hex)
{
    /// <summary>64 zeros: the value of an absent head.</summary>
    public static Sha256Digest Zero { get; } = new(new string('0', 64));

    /// <summary>The digest of the bytes.</summary>
    public static Sha256Digest Of(ReadOnlySpan<byte> bytes) => new(Convert.ToHexStringLower(SHA256.HashData(bytes)));

    /// <summary>The digest whose 32 raw bytes are given.</summary>
    public static Sha256Digest FromBytes(ReadOnlySpan<byte> raw) =>
        raw.Length == 32 ? new(Convert.ToHexStringLower(raw)) : throw new ArgumentException("a SHA-256 digest has 32 bytes", nameof(raw));

    /// <summary>Whether the text is 64 lower-case hexadecimal digits.</summary>
    public static bool IsValid(string? text) => text is { Length: 64 } && text.All(char.IsAsciiHexDigitLower);

    /// <summary>Parses 64 lower-case hexadecimal digits.</summary>
    /// <exception cref="FedCloudException"><c>digest_malformed</c>.</exception>
    public static Sha256Digest Parse(string? text, string what) =>
        IsValid(text) ? new(text!) : throw new FedCloudException(ErrorCodes.DigestMalformed, $"{what} is not 64 lower-case hexadecimal digits");

    /// <summary>The 32 raw bytes.</summary>
    public byte[] ToBytes() => Convert.FromHexString(Hex);

    /// <inheritdoc/>
    public override string ToString() => Hex;
}

/// <summary>Reads and writes a digest as a JSON string.</summary>
public sealed class Sha256DigestJsonConverter : JsonConverter<Sha256Digest>
{
    /// <inheritdoc/>
    public override Sha256Digest Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? text = reader.GetString();
        return Sha256Digest.IsValid(text) ? new Sha256Digest(text!) : throw new JsonException("not a SHA-256 digest");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, Sha256Digest value, JsonSerializerOptions options) => writer.WriteStringValue(value.Hex);
}
