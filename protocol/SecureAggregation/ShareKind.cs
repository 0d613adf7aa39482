// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Which secret of a slot a share belongs to; the number is the byte in the share's commitment.</summary>
public enum ShareKind
{
    /// <summary>The private key of the pairwise masks, revealed for a silo that dropped out.</summary>
    PairwiseKey = 0,

    /// <summary>The seed of the self mask, revealed for a silo whose input counts.</summary>
    SelfSeed = 1,
}
