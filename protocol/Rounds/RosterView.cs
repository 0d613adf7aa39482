// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Rounds;

/// <summary>What a run needs of a roster: its hash and who has which index.</summary>
public sealed record RosterView
{
    /// <summary>The SHA-256 of the roster's JCS bytes.</summary>
    public required Sha256Digest Sha256 { get; init; }

    /// <summary>The roster's version.</summary>
    public required int Version { get; init; }

    /// <summary>Members and their indexes, 1 to n without gaps.</summary>
    public required ImmutableSortedDictionary<SiloId, int> Members { get; init; }
}
