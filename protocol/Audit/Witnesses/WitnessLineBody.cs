// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>Silo to coordinator: a line under a checkpoint (audit-log, W3). Signed by the silo's identity key; the line itself by its witness key.</summary>
public sealed record WitnessLineBody
{
    /// <summary>The DSSE payload type.</summary>
    public const string PayloadType = "application/vnd.fedcloud.witness+json";

    /// <summary>What <see cref="Type"/> says.</summary>
    public const string WitnessLine = "witness_line";

    /// <summary>Always <see cref="WitnessLine"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The silo.</summary>
    public required SiloId SiloId { get; init; }

    /// <summary>The checkpoint's number of entries.</summary>
    public required long Size { get; init; }

    /// <summary>The checkpoint's root.</summary>
    public required Sha256Digest Root { get; init; }

    /// <summary>The DER signature of the witness key over the checkpoint's text, in base64.</summary>
    public required string Signature { get; init; }
}

/// <summary>JSON of a witness's line.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true)]
[JsonSerializable(typeof(WitnessLineBody))]
public sealed partial class WitnessLineJson : JsonSerializerContext;
