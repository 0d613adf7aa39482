// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>What an auditor knows from elsewhere and pins (audit-log, section 8).</summary>
public sealed record AuditPolicy
{
    /// <summary>The largest policy file, in bytes.</summary>
    public const int MaxBytes = 1 << 20;

    /// <summary>The version of this record's shape: 1.</summary>
    public required int V { get; init; }

    /// <summary>The verifier key of the first log key.</summary>
    public required string LogVkey { get; init; }

    /// <summary>The hash of the first roster.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>The number of witness lines below which nothing counts as witnessed; the roster may ask for more.</summary>
    public required int MinWitnesses { get; init; }

    /// <summary>The image digests that may be deployed; null for any.</summary>
    public required ImmutableArray<Sha256Digest>? Images { get; init; }

    /// <summary>Reads a policy.</summary>
    /// <exception cref="FedCloudException"><c>audit_policy_malformed</c>.</exception>
    public static AuditPolicy Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            if (json.Length <= MaxBytes && StrictJson.Deserialize(json, AuditPolicyJson.Default.AuditPolicy) is { V: 1, MinWitnesses: >= 0 } policy)
            {
                NoteKey.Parse(policy.LogVkey);
                return policy;
            }
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.AuditPolicyMalformed, $"{error.Path ?? "the text"} does not have the expected form", cause: error);
        }
        catch (FedCloudException error)
        {
            throw new FedCloudException(ErrorCodes.AuditPolicyMalformed, $"log_vkey: {error.Found}", cause: error);
        }

        throw new FedCloudException(ErrorCodes.AuditPolicyMalformed, "expected version 1 and a number of witnesses that is not negative, found another");
    }

    /// <summary>The policy as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, AuditPolicyJson.Default.AuditPolicy);
}

/// <summary>Strict JSON of auditors' policies.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(AuditPolicy))]
public sealed partial class AuditPolicyJson : JsonSerializerContext;
