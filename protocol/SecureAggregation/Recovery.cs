// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What the responses of a round give.</summary>
public abstract record Recovery
{
    private Recovery()
    {
    }

    /// <summary>Every secret was put together and checked.</summary>
    /// <param name="Secrets">The secrets, which the receiver disposes.</param>
    public sealed record Complete(RevealedSecrets Secrets) : Recovery;

    /// <summary>More valid shares are needed.</summary>
    /// <param name="Dealers">The silos whose secrets have fewer than t valid shares.</param>
    public sealed record Waiting(ImmutableArray<int> Dealers) : Recovery;

    /// <summary>Valid shares give another secret than the advertised one: the round fails, and these dealers are named (<c>secret_mismatch</c>).</summary>
    /// <param name="Dealers">The silos whose dealt shares contradict what they advertised.</param>
    public sealed record Inconsistent(ImmutableArray<int> Dealers) : Recovery;
}
