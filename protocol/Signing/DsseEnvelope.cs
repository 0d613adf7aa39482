// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Signing;

/// <summary>One signature in an envelope.</summary>
/// <param name="KeyId">The signer's fingerprint, lower-case hex.</param>
/// <param name="Sig">r‖s, 64 bytes.</param>
public sealed record DsseSignature(
    [property: JsonPropertyName("keyid")] string KeyId,
    [property: JsonPropertyName("sig")] byte[] Sig);

/// <summary>A signed body: DSSE version 1 with ECDSA P-256 and SHA-256.</summary>
public sealed record DsseEnvelope
{
    /// <summary>The media type of the payload; part of what is signed.</summary>
    [JsonPropertyName("payloadType")]
    public required string PayloadType { get; init; }

    /// <summary>The body's bytes.</summary>
    [JsonPropertyName("payload")]
    public required byte[] Payload { get; init; }

    /// <summary>The signatures; their bytes are not part of the message's identity.</summary>
    [JsonPropertyName("signatures")]
    public required ImmutableArray<DsseSignature> Signatures { get; init; }

    /// <summary>The message's identity, SHA-256 of the PAE.</summary>
    [JsonIgnore]
    public Sha256Digest Identity => Dsse.Identity(PayloadType, Payload);

    /// <summary>The JSON body's member <c>type</c>; null when it has none. Says nothing before a signature is checked.</summary>
    [JsonIgnore]
    public string? BodyType
    {
        get
        {
            try
            {
                using JsonDocument body = JsonDocument.Parse(Payload);
                return body.RootElement.GetProperty("type").GetString();
            }
            catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException)
            {
                return null;
            }
        }
    }

    /// <summary>The canonical bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, DsseEnvelopeJson.Default.DsseEnvelope);

    /// <summary>Reads canonical bytes.</summary>
    /// <exception cref="FedCloudException"><c>json_not_canonical</c> or <c>body_malformed</c>.</exception>
    public static DsseEnvelope Parse(ReadOnlySpan<byte> bytes) => Jcs.Parse(bytes, DsseEnvelopeJson.Default.DsseEnvelope, "envelope");

    /// <summary>Signs a body with a local key.</summary>
    public static DsseEnvelope Sign(string payloadType, byte[] body, ECDsa key) =>
        Assemble(payloadType, body, VerificationKey.Of(key), key.SignData(Dsse.Pae(payloadType, body), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));

    /// <summary>Puts a body and a signature made elsewhere together.</summary>
    public static DsseEnvelope Assemble(string payloadType, byte[] body, VerificationKey signer, byte[] signature) => new()
    {
        PayloadType = payloadType,
        Payload = body,
        Signatures = [new DsseSignature(signer.Fingerprint.Hex, signature)],
    };

    /// <summary>The same body with the signatures of both envelopes.</summary>
    public DsseEnvelope With(DsseEnvelope other) => other.Identity == Identity
        ? this with { Signatures = Signatures.AddRange(other.Signatures) }
        : throw new ArgumentException("the envelopes hold different bodies", nameof(other));

    /// <summary>Whether one of the signatures is the key's.</summary>
    public bool IsSignedBy(VerificationKey key)
    {
        byte[]? pae = null;
        foreach (DsseSignature signature in Signatures)
        {
            if (string.Equals(signature.KeyId, key.Fingerprint.Hex, StringComparison.Ordinal)
                && key.Verify(pae ??= Dsse.Pae(PayloadType, Payload), signature.Sig))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The same body with one key's signatures alone: others may be forged.</summary>
    public DsseEnvelope OnlyBy(VerificationKey key) => this with { Signatures = [.. Signatures.Where(signature => string.Equals(signature.KeyId, key.Fingerprint.Hex, StringComparison.Ordinal) && key.Verify(Dsse.Pae(PayloadType, Payload), signature.Sig)).Take(1)] };

    /// <summary>Checks type and signature; only then may the body be parsed.</summary>
    /// <exception cref="FedCloudException"><c>signature_invalid</c>.</exception>
    public void RequireSignedBy(VerificationKey key, string payloadType, string what)
    {
        if (!string.Equals(PayloadType, payloadType, StringComparison.Ordinal) || !IsSignedBy(key))
        {
            throw new FedCloudException(ErrorCodes.SignatureInvalid, $"{what}: no valid signature of key {key.Fingerprint.Hex[..16]}…");
        }
    }
}

/// <summary>Strict JSON of envelopes.</summary>
[JsonSourceGenerationOptions(
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(DsseEnvelope))]
internal sealed partial class DsseEnvelopeJson : JsonSerializerContext;
