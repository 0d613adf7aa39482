// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A run of coordinates that is clipped, scaled and checked by itself (secure-aggregation, section 8).</summary>
public sealed record RingSegment
{
    /// <summary>The name of the first segment: the model update.</summary>
    public const string Model = "model";

    /// <summary>The name of the segment of SCAFFOLD control variates.</summary>
    public const string Variates = "variates";

    /// <summary>The name of the last segment: metrics, released as sums.</summary>
    public const string Metrics = "metrics";

    /// <summary>Its name, one of the three.</summary>
    public required string Name { get; init; }

    /// <summary>Its coordinates, padding included.</summary>
    public required long Length { get; init; }

    /// <summary>C, the largest L2 norm of a silo's vector.</summary>
    public required double Clip { get; init; }

    /// <summary>R, the largest absolute value of a coordinate; by default C, and then nothing is ever clamped.</summary>
    public required double Range { get; init; }

    /// <summary>Whether the silo's weight multiplies it.</summary>
    public required bool Weighted { get; init; }

    /// <summary>z of the noise that silos add on the ring (section 8.1): the honest sum's standard deviation over <see cref="RingLayout.Sensitivity"/>; 0 without such noise.</summary>
    public double NoiseMultiplier { get; init; }

    /// <summary>The most clipped vectors that a silo's vector is the sum of: the plan's <c>max_records</c> with unit record, else 1.</summary>
    public long MaxRecords { get; init; } = 1;
}
