// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Messages;

/// <summary>What a claim check of secure aggregation holds: signed bodies, and bytes that signed bodies hash. It has no authority of its own.</summary>
public sealed record Parcel
{
    /// <summary>The role of its claim check in a frame.</summary>
    public const string Role = "parcel";

    /// <summary>The largest parcel that is read: the shares of 255 silos with 64 slots.</summary>
    public const int MaxBytes = 64 << 20;

    /// <summary>Signed bodies.</summary>
    public ImmutableArray<DsseEnvelope> Envelopes { get; init; } = [];

    /// <summary>Bytes by name.</summary>
    public ImmutableSortedDictionary<string, byte[]> Parts { get; init; } = ImmutableSortedDictionary.Create<string, byte[]>(StringComparer.Ordinal);

    /// <summary>The name of a ciphertext of shares, for or from a silo.</summary>
    public static string Ciphertext(int idx) => FormattableString.Invariant($"{idx}/ciphertext");

    /// <summary>The name of a slice of commitments, for or from a silo.</summary>
    public static string Slice(int idx) => FormattableString.Invariant($"{idx}/slice");

    /// <summary>The parcel as JSON; the same bytes for the same content.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ParcelJson.Default.Parcel);

    /// <summary>Reads a parcel strictly.</summary>
    /// <exception cref="FedCloudException"><c>message_malformed</c>.</exception>
    public static Parcel FromJson(ReadOnlySpan<byte> json)
    {
        try
        {
            Parcel parcel = StrictJson.Deserialize(json, ParcelJson.Default.Parcel) ?? throw new JsonException("null");
            return parcel.Envelopes.IsDefault || parcel.Envelopes.Any(envelope => envelope.Signatures.IsDefault)
                ? throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a list of envelopes with signatures, found null")
                : parcel;
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.MessageMalformed, $"{error.Path ?? "the parcel"} does not have the expected form", cause: error);
        }
    }
}

/// <summary>Strict JSON of parcels.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Parcel))]
public sealed partial class ParcelJson : JsonSerializerContext;
