// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>What a witness has pinned and knows beside its state.</summary>
public sealed record WitnessSettings
{
    /// <summary>The log's identity.</summary>
    public required string Origin { get; init; }

    /// <summary>The hash of the first roster, pinned when the silo joined: entry 0 must name it.</summary>
    public required Sha256Digest FirstRoster { get; init; }

    /// <summary>The keys that the rosters name as the log's: one, and two while a rotation overlaps.</summary>
    public required ImmutableArray<NoteKey> LogKeys { get; init; }
}
