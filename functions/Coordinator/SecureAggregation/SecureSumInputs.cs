// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Coordinator.SecureAggregation;

/// <summary>What opens a round's sum.</summary>
public sealed record SecureSumInputs
{
    /// <summary>The round.</summary>
    public required RoundScope Scope { get; init; }

    /// <summary>U3.</summary>
    public required U3Agreement Agreement { get; init; }

    /// <summary>The checked secrets; the caller disposes them.</summary>
    public required RevealedSecrets Secrets { get; init; }

    /// <summary>What the configuration says about the sum.</summary>
    public required SumTerms Terms { get; init; }

    /// <summary>The ingested vector of each silo of U3.</summary>
    public required ImmutableSortedDictionary<int, BlobName> Vectors { get; init; }
}
