// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;

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

/// <summary>The exact length in bytes of an update file for each set of exchanged factors.</summary>
/// <param name="A">Only A factors travel.</param>
/// <param name="B">Only B factors travel.</param>
/// <param name="Both">Both travel.</param>
public sealed record UpdateLengths(long A, long B, long Both)
{
    /// <summary>The length for a set of factors.</summary>
    public long Of(ExchangedFactor exchanged) => exchanged switch
    {
        ExchangedFactor.A => A,
        ExchangedFactor.B => B,
        _ => Both,
    };
}

/// <summary>The coordinates of an update for each set of exchanged factors.</summary>
/// <param name="A">Only A factors travel.</param>
/// <param name="B">Only B factors travel.</param>
/// <param name="Both">Both travel.</param>
public sealed record UpdateCoordinates(long A, long B, long Both)
{
    /// <summary>The coordinates for a set of factors.</summary>
    public long Of(ExchangedFactor exchanged) => exchanged switch
    {
        ExchangedFactor.A => A,
        ExchangedFactor.B => B,
        _ => Both,
    };
}
