// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Audit;

/// <summary>Who signed an entry.</summary>
public sealed record EntryActor
{
    /// <summary>The kind of a silo's agent, which signs with IK.</summary>
    public const string Silo = "silo";

    /// <summary>The kind of the coordinator, which signs with CK.</summary>
    public const string Coordinator = "coordinator";

    /// <summary>The kind of a silo's administrator, who signs with AK.</summary>
    public const string Admin = "admin";

    /// <summary>One of the three kinds.</summary>
    public required string Kind { get; init; }

    /// <summary>The silo's id for a silo and its administrator; <c>coordinator</c> for the coordinator.</summary>
    public required string Id { get; init; }

    /// <summary>The fingerprint of the key that signed.</summary>
    public required Sha256Digest KeyId { get; init; }

    /// <summary>What numbers the actor's entries: kind and id, the same across its keys.</summary>
    [JsonIgnore]
    public ActorKey Key => new(Kind, Id);
}

/// <summary>An actor across its keys.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Id">The id.</param>
public readonly record struct ActorKey(string Kind, string Id)
{
    /// <inheritdoc/>
    public override string ToString() => $"{Kind} {Id}";
}
