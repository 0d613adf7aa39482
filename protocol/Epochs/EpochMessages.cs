// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Epochs;

/// <summary>The names of the signed bodies around an epoch that FCSA-1 leaves to its user (docs/secure-aggregation.md).</summary>
public static class EpochBody
{
    /// <summary>The DSSE payload type of both bodies.</summary>
    public const string PayloadType = "application/vnd.fedcloud.epoch+json";

    /// <summary>Coordinator to silos: advertise keys for an epoch.</summary>
    public const string Call = "epoch_call";

    /// <summary>Silo to coordinator: these epochs are held here.</summary>
    public const string Report = "epoch_report";
}

/// <summary>Asks for E1. Signed by the coordinator's key. The silo recomputes the epoch's parameters from its own roster.</summary>
public sealed record EpochCallBody
{
    /// <summary>Always <see cref="EpochBody.Call"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The epoch's number, above every earlier one.</summary>
    public required long Epoch { get; init; }

    /// <summary>The roster of the epoch.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>The epoch's slots.</summary>
    public required int Slots { get; init; }
}

/// <summary>Says which epochs a silo can serve: at its start, and when it lost one. Signed by the silo's identity key.</summary>
public sealed record EpochReportBody
{
    /// <summary>Always <see cref="EpochBody.Report"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The epochs, ascending by hex.</summary>
    public required ImmutableArray<Sha256Digest> Sids { get; init; }
}

/// <summary>Strict JSON of the bodies.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(EpochCallBody))]
[JsonSerializable(typeof(EpochReportBody))]
public sealed partial class EpochBodyJson : JsonSerializerContext;
