// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>What a feed-forward layer does between its matrices.</summary>
public enum FeedForwardKind
{
    /// <summary>silu(gate) · up (Shazeer 2020).</summary>
    SwiGlu,

    /// <summary>gelu(gate) · up (Shazeer 2020), with GELU's tanh.</summary>
    GeGlu,

    /// <summary>gelu(up), with GELU's tanh (Hendrycks and Gimpel 2016); there is no gate.</summary>
    Gelu,
}
