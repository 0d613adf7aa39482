// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What the configuration says about a round's sum (secure-aggregation, section 8).</summary>
public sealed record SumTerms
{
    /// <summary>How updates lie in the ring.</summary>
    public required RingLayout Layout { get; init; }

    /// <summary>The model segment's coordinates without padding.</summary>
    public required long Coordinates { get; init; }

    /// <summary>q_min; with uniform weights s_w, and then the weight sum is exact.</summary>
    public required long MinWeight { get; init; }

    /// <summary>The plan's <c>aggregate_norm_max</c>; null for the norm that the check of the model segment implies.</summary>
    public required double? NormMaximum { get; init; }
}
