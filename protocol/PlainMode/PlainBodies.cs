// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.PlainMode;

/// <summary>The names that appear in the signed bodies of plain mode (docs/protocol.md).</summary>
/// <remarks>
/// Plain mode is the round without secure aggregation: single updates reach the coordinator inside the envelope of
/// keys-and-identity section 4. It serves federations of two silos and rules that need single updates.
/// </remarks>
public static class PlainBody
{
    /// <summary>The DSSE payload type of every body in this folder.</summary>
    public const string PayloadType = "application/vnd.fedcloud.plain+json";

    /// <summary>Coordinator to silos: a round begins.</summary>
    public const string Start = "plain_start";

    /// <summary>Silo to coordinator: an update is uploaded.</summary>
    public const string Update = "plain_update";

    /// <summary>Silo to coordinator: this silo takes no part in this round.</summary>
    public const string Decline = "plain_decline";

    /// <summary>Coordinator to silos: the round is committed.</summary>
    public const string Result = "plain_result";

    /// <summary>Coordinator to silos: the round is given up.</summary>
    public const string Abandoned = "plain_abandoned";
}

/// <summary>Opens a round. Signed by the coordinator's key. The round is known by <c>rid</c> = SHA-256 of this body's PAE.</summary>
public sealed record PlainStartBody
{
    /// <summary>Always <see cref="PlainBody.Start"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The roster whose indexes <see cref="Cohort"/> uses.</summary>
    public required Sha256Digest RosterSha256 { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round, from 1, rising, never used twice.</summary>
    public required int Round { get; init; }

    /// <summary>The hash of the run's configuration.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>The number of the model version that the round starts from.</summary>
    public required int ModelVersion { get; init; }

    /// <summary>The SHA-256 of that version's bytes, server optimizer state included.</summary>
    public required Sha256Digest ModelSha256 { get; init; }

    /// <summary>The factors that travel in this round: <c>a</c>, <c>b</c> or <c>both</c>.</summary>
    public required string Exchanged { get; init; }

    /// <summary>The exact length of an update, in bytes, before encryption.</summary>
    public required long UpdateLen { get; init; }

    /// <summary>The roster indexes of the silos that take part, ascending.</summary>
    public required ImmutableArray<int> Cohort { get; init; }

    /// <summary>When the round closes, in Unix seconds.</summary>
    public required long Deadline { get; init; }

    /// <summary>The round's identity: the SHA-256 of this body's PAE.</summary>
    public Sha256Digest Rid() => Dsse.Identity(PlainBody.PayloadType, Jcs.Serialize(this, PlainBodyJson.Default.PlainStartBody));
}

/// <summary>Announces an uploaded update. Signed by the silo's identity key.</summary>
public sealed record PlainUpdateBody
{
    /// <summary>Always <see cref="PlainBody.Update"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The SHA-256 of the PAE of the round's start.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The signer's index in the roster that the start names.</summary>
    public required int Idx { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round.</summary>
    public required int Round { get; init; }

    /// <summary>The SHA-256 of the update's plaintext bytes.</summary>
    public required Sha256Digest UpdateSha256 { get; init; }

    /// <summary>The update's length in bytes, equal to the start's <c>update_len</c>.</summary>
    public required long UpdateLen { get; init; }

    /// <summary>The declared weight: 1 with uniform weighting, else the administrator's declared count, at most the plan's maximum.</summary>
    public required long Weight { get; init; }
}

/// <summary>Says that the silo takes no part in the round. Signed by the silo's identity key.</summary>
/// <remarks>Serves rounds under secure aggregation too, whose specification leaves it to its user.</remarks>
public sealed record PlainDeclineBody
{
    /// <summary>Always <see cref="PlainBody.Decline"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The SHA-256 of the PAE of the round's start.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The signer's roster index.</summary>
    public required int Idx { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round.</summary>
    public required int Round { get; init; }

    /// <summary>A code of the error vocabulary that does not depend on record values.</summary>
    public required string Reason { get; init; }
}

/// <summary>One contribution in a committed round.</summary>
/// <param name="Idx">The silo's roster index.</param>
/// <param name="UpdateSha256">The hash of its update.</param>
/// <param name="Weight">Its weight in the mean.</param>
public sealed record PlainMember(int Idx, Sha256Digest UpdateSha256, long Weight);

/// <summary>Closes a committed round. Signed by the coordinator's key.</summary>
public sealed record PlainResultBody
{
    /// <summary>Always <see cref="PlainBody.Result"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The SHA-256 of the PAE of the round's start.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round.</summary>
    public required int Round { get; init; }

    /// <summary>Exactly the updates in the mean, ascending by index.</summary>
    public required ImmutableArray<PlainMember> Members { get; init; }

    /// <summary>The SHA-256 of the aggregate: the mean update as float32, little-endian.</summary>
    public required Sha256Digest AggregateSha256 { get; init; }

    /// <summary>The number of the new model version.</summary>
    public required int ModelVersion { get; init; }

    /// <summary>The SHA-256 of the new version's bytes.</summary>
    public required Sha256Digest NewModelSha256 { get; init; }
}

/// <summary>Gives a round up. Signed by the coordinator's key. The model stays as it was.</summary>
/// <remarks>Serves rounds under secure aggregation too, whose specification leaves it to its user.</remarks>
public sealed record PlainAbandonedBody
{
    /// <summary>Always <see cref="PlainBody.Abandoned"/>.</summary>
    public required string Type { get; init; }

    /// <summary>The SHA-256 of the PAE of the round's start.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round.</summary>
    public required int Round { get; init; }

    /// <summary>Why, as a code of the error vocabulary.</summary>
    public required string Reason { get; init; }
}

/// <summary>Strict JSON of the plain-mode bodies.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(PlainStartBody))]
[JsonSerializable(typeof(PlainUpdateBody))]
[JsonSerializable(typeof(PlainDeclineBody))]
[JsonSerializable(typeof(PlainResultBody))]
[JsonSerializable(typeof(PlainAbandonedBody))]
public sealed partial class PlainBodyJson : JsonSerializerContext;
