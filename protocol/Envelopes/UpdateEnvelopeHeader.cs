// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Envelopes;

/// <summary>The readable part of an update envelope (keys-and-identity, section 4).</summary>
public sealed record UpdateEnvelopeHeader
{
    /// <summary>The wrapping algorithm that version 1 knows.</summary>
    public const string WrapAlgorithm = "RSA-OAEP-256";

    /// <summary>The content encryption that version 1 knows.</summary>
    public const string ContentEncryption = "A256GCM-STREAM-1M";

    /// <summary>Always 1.</summary>
    public required int V { get; init; }

    /// <summary>The wrapping key's full identifier with version.</summary>
    public required string Kid { get; init; }

    /// <summary>Always <see cref="WrapAlgorithm"/>.</summary>
    public required string Alg { get; init; }

    /// <summary>Always <see cref="ContentEncryption"/>.</summary>
    public required string Enc { get; init; }

    /// <summary>The data key, wrapped; base64.</summary>
    public required string WrappedDek { get; init; }

    /// <summary>7 random bytes, lower-case hex.</summary>
    public required string NoncePrefix { get; init; }

    /// <summary>The round: in plain mode the SHA-256 of the PAE of its start.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The sender's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The plaintext's length in bytes.</summary>
    public required long TotalLen { get; init; }

    /// <summary>The SHA-256 of the plaintext.</summary>
    public required Sha256Digest PlaintextSha256 { get; init; }
}

/// <summary>Strict JSON of the header.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(UpdateEnvelopeHeader))]
public sealed partial class UpdateEnvelopeHeaderJson : JsonSerializerContext;
