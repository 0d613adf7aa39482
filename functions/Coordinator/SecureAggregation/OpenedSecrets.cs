// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Coordinator.SecureAggregation;

/// <summary>The secrets of an opened sum as they are kept for audit: they open only this sum (secure-aggregation, section 10).</summary>
public sealed record OpenedSecrets
{
    /// <summary>b_u of each silo of U3, in hex.</summary>
    public required ImmutableSortedDictionary<int, RevealedShare> B { get; init; }

    /// <summary>s_v of each silo of U2 outside U3, in hex.</summary>
    public required ImmutableSortedDictionary<int, RevealedShare> S { get; init; }

    /// <summary>The secrets as JSON; the same bytes for the same secrets.</summary>
    public static byte[] ToJson(RevealedSecrets secrets)
    {
        ArgumentNullException.ThrowIfNull(secrets);
        OpenedSecrets opened = new()
        {
            B = secrets.SelfSeeds.ToImmutableSortedDictionary(seed => seed.Key, seed => RevealedShare.Of(seed.Value.Span)),
            S = secrets.PairwiseKeys.ToImmutableSortedDictionary(key => key.Key, key => ScalarOf(key.Value)),
        };
        return JsonSerializer.SerializeToUtf8Bytes(opened, OpenedSecretsJson.Default.OpenedSecrets);
    }

    /// <summary>Reads secrets back.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: they are no secrets.</exception>
    public static OpenedSecrets Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, OpenedSecretsJson.Default.OpenedSecrets) ?? throw new JsonException("null");
        }
        catch (JsonException)
        {
            // Not as its cause: the parser's text could quote a secret.
            throw new FedCloudException(ErrorCodes.StorageFailed, "expected the secrets of an opened sum, found other bytes");
        }
    }

    private static RevealedShare ScalarOf(AgreementKey key)
    {
        Span<byte> scalar = stackalloc byte[Fcsa1.KeyBytes];
        key.CopyScalarTo(scalar);
        RevealedShare revealed = RevealedShare.Of(scalar);
        CryptographicOperations.ZeroMemory(scalar);
        return revealed;
    }
}

/// <summary>Strict JSON of opened secrets.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(OpenedSecrets))]
public sealed partial class OpenedSecretsJson : JsonSerializerContext;
