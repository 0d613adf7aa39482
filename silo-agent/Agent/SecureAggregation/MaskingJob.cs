// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>An update to be masked for a round.</summary>
public sealed record MaskingJob
{
    /// <summary>The round, armed in its slot.</summary>
    public required RoundScope Scope { get; init; }

    /// <summary>How the update lies in the ring; of one segment, the model.</summary>
    public required RingLayout Layout { get; init; }

    /// <summary>The silo's secrets of the epoch; the caller disposes them.</summary>
    public required EpochSecrets Secrets { get; init; }

    /// <summary>The trainer's <c>update.safetensors</c>.</summary>
    public required string UpdatePath { get; init; }

    /// <summary>The bytes before its first coordinate, as <c>AdapterLayout.UpdateHeader</c> makes them.</summary>
    public required int HeaderBytes { get; init; }

    /// <summary>Its coordinates without padding: float32, or int32 where <see cref="IsSummed"/>.</summary>
    public required long Coordinates { get; init; }

    /// <summary>Whether the trainer clipped and rounded each record's vector, so that the update is their sum in ring units.</summary>
    public bool IsSummed { get; init; }

    /// <summary>q_w, from <see cref="DeclaredWeight"/>.</summary>
    public required long Weight { get; init; }

    /// <summary>The largest share of coordinates that may be clamped.</summary>
    public double ClampLimit { get; init; } = 0.001;

    /// <summary>The round's coin key, 32 bytes; the caller disposes it.</summary>
    public required SecretBytes CoinKey { get; init; }

    /// <summary>32 fresh random bytes for this masking's noise; the caller disposes them. Null exactly where the layout has no noise.</summary>
    public SecretBytes? NoiseKey { get; init; }

    /// <summary>The folder of masked vectors, each in a file named after its rid.</summary>
    public required string Folder { get; init; }
}
