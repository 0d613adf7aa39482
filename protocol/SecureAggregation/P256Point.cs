// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A public key for key agreement: a point on P-256, checked, as 65 bytes of uncompressed X9.62.</summary>
/// <remarks>
/// NIST SP 800-186, section 3.2.1.3, and SP 800-56A, section 5.6.2.3.3. The group has prime order, so a point on the curve that is
/// not the identity needs no further check; the identity has no form of 65 bytes. Points are public: this code is not constant-time.
/// </remarks>
[JsonConverter(typeof(P256PointJsonConverter))]
public sealed class P256Point : IEquatable<P256Point>
{
    /// <summary>The bytes of the encoding.</summary>
    public const int EncodedBytes = 65;

    // SubjectPublicKeyInfo of id-ecPublicKey on prime256v1 up to the point (RFC 5480).
    private static readonly byte[] SpkiHead = Convert.FromHexString("3059301306072a8648ce3d020106082a8648ce3d030107034200");

    private static readonly BigInteger Prime = Unsigned("FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF");
    private static readonly BigInteger CoefficientB = Unsigned("5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B");

    private readonly byte[] _encoded;

    private P256Point(byte[] encoded) => _encoded = encoded;

    /// <summary>The 65 bytes 04 ‖ X ‖ Y.</summary>
    public ReadOnlySpan<byte> Encoded => _encoded;

    /// <summary>The encoding in lower-case hexadecimal digits.</summary>
    public string Hex => Convert.ToHexStringLower(_encoded);

    /// <summary>Reads an uncompressed point and checks that it is on the curve.</summary>
    /// <exception cref="FedCloudException"><c>agreement_key_invalid</c>: length, prefix, a coordinate not below the prime, the identity, or off the curve.</exception>
    public static P256Point FromEncoded(ReadOnlySpan<byte> encoded) =>
        TryRead(encoded) ?? throw new FedCloudException(ErrorCodes.AgreementKeyInvalid, $"expected {EncodedBytes} bytes of an uncompressed point on P-256, found {encoded.Length} bytes that are none");

    /// <summary>Reads a DER SubjectPublicKeyInfo; only the one canonical form of an uncompressed point on P-256 is taken.</summary>
    /// <exception cref="FedCloudException"><c>agreement_key_invalid</c>.</exception>
    public static P256Point FromSpki(ReadOnlySpan<byte> der) => der.StartsWith(SpkiHead)
        ? FromEncoded(der[SpkiHead.Length..])
        : throw new FedCloudException(ErrorCodes.AgreementKeyInvalid, "expected the SubjectPublicKeyInfo of a P-256 key, found another form");

    /// <summary>The DER SubjectPublicKeyInfo, 91 bytes.</summary>
    public byte[] ToSpki() => [.. SpkiHead, .. _encoded];

    /// <inheritdoc/>
    public bool Equals(P256Point? other) => other is not null && _encoded.AsSpan().SequenceEqual(other._encoded);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as P256Point);

    /// <inheritdoc/>
    public override int GetHashCode() => BitConverter.ToInt32(_encoded, 1);

    /// <inheritdoc/>
    public override string ToString() => Hex;

    internal static P256Point? TryRead(ReadOnlySpan<byte> encoded)
    {
        if (encoded.Length != EncodedBytes || encoded[0] != 0x04)
        {
            return null;
        }

        BigInteger x = new(encoded[1..33], isUnsigned: true, isBigEndian: true);
        BigInteger y = new(encoded[33..65], isUnsigned: true, isBigEndian: true);

        // y^2 = x^3 - 3x + b mod p, both coordinates reduced.
        return x < Prime && y < Prime && ((y * y) - (x * x * x) + (3 * x) - CoefficientB) % Prime == 0
            ? new P256Point(encoded.ToArray())
            : null;
    }

    private static BigInteger Unsigned(string hex) => new(Convert.FromHexString(hex), isUnsigned: true, isBigEndian: true);
}

/// <summary>Reads and writes a point as a JSON string of 130 lower-case hexadecimal digits.</summary>
public sealed class P256PointJsonConverter : JsonConverter<P256Point>
{
    /// <inheritdoc/>
    public override P256Point Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        string? text = reader.TokenType == JsonTokenType.String ? reader.GetString() : null;
        return text is { Length: 2 * P256Point.EncodedBytes } && text.All(char.IsAsciiHexDigitLower) && P256Point.TryRead(Convert.FromHexString(text)) is { } point
            ? point
            : throw new JsonException("not a point on P-256");
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, P256Point value, JsonSerializerOptions options) => writer.WriteStringValue(value.Hex);
}
