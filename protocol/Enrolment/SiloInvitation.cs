// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Enrolment;

/// <summary>What an operator hands to a silo's administrator: where the federation is, whom to trust, and credentials for the silo's own containers. Secret.</summary>
public sealed record SiloInvitation
{
    /// <summary>The version of this form, 1.</summary>
    public required int V { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The silo.</summary>
    public required SiloId SiloId { get; init; }

    /// <summary>The one-time code; the join proves it.</summary>
    public required string Code { get; init; }

    /// <summary>The coordinator's message key; the administrator compares its fingerprint over another channel.</summary>
    public required string CoordinatorSpki { get; init; }

    /// <summary>The log's verifier key.</summary>
    public required string LogVkey { get; init; }

    /// <summary>The blob endpoint.</summary>
    public required string StorageEndpoint { get; init; }

    /// <summary>A shared access signature for each container that the silo may use.</summary>
    public required ImmutableSortedDictionary<string, string> Sas { get; init; }

    /// <summary>The blob endpoint of the log where it is another account; null where <see cref="StorageEndpoint"/> has all.</summary>
    public string? LogEndpoint { get; init; }

    /// <summary>The host of the message broker that mailboxes are queues of; null where they are containers. Then the silo has an identity in Entra, and needs no signature.</summary>
    public string? ServiceBus { get; init; }

    /// <summary>The doorbell's address; empty when there is none.</summary>
    public required string BellUrl { get; init; }

    /// <summary>The doorbell's token.</summary>
    public required string BellToken { get; init; }

    /// <summary>When code and credentials end.</summary>
    public required DateTimeOffset Expires { get; init; }

    /// <summary>Reads an invitation.</summary>
    /// <exception cref="FedCloudException"><c>body_malformed</c>.</exception>
    public static SiloInvitation Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            return StrictJson.Deserialize(json, SiloInvitationJson.Default.SiloInvitation) is { V: 1 } invitation
                ? invitation
                : throw new FedCloudException(ErrorCodes.BodyMalformed, "expected an invitation of version 1, found another form", "ask the operator for a new invitation");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.BodyMalformed, $"invitation: {error.Path ?? "the text"} does not have the expected form", "ask the operator for a new invitation", error);
        }
    }

    /// <summary>The invitation as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, SiloInvitationJson.Default.SiloInvitation);

    /// <summary>The invitation without its secrets.</summary>
    public override string ToString() => $"invitation of {SiloId} to {Federation}";
}

/// <summary>Strict JSON of invitations.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    WriteIndented = true)]
[JsonSerializable(typeof(SiloInvitation))]
public sealed partial class SiloInvitationJson : JsonSerializerContext;
