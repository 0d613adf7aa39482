// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Audit;

/// <summary>The DSSE signature of an entry's actor, kept inside the entry.</summary>
public sealed record EntrySignature
{
    /// <summary>Always <see cref="LogEntry.PayloadType"/>; part of what is signed.</summary>
    public required string PayloadType { get; init; }

    /// <summary>The signer's fingerprint; the same as the actor's <c>key_id</c>.</summary>
    [JsonPropertyName("keyid")]
    public required Sha256Digest KeyId { get; init; }

    /// <summary>r‖s, 64 bytes; base64 in JSON.</summary>
    public required byte[] Sig { get; init; }
}
