// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>Gradients of activations, which all layers share since none outlives its layer's backward pass.</summary>
internal sealed class LayerScratch : IDisposable
{
    public LayerScratch(ModelConfig config, int rows)
    {
        int q = config.Heads * config.HeadWidth;
        Residual = new Matrix(rows, config.Hidden);
        Normed = new Matrix(rows, config.Hidden);
        Output = config.Names.AttentionOutputNorm is null && config.Names.FeedForwardOutputNorm is null ? null : new Matrix(rows, config.Hidden);
        Heads = new HeadBuffers(config, rows);
        RawQueries = config.Names.QueryNorm is null ? null : new Matrix(rows, q);
        RawKeys = config.Names.KeyNorm is null ? null : new Matrix(rows, config.KeyValueHeads * config.HeadWidth);
        Attended = new Matrix(rows, q);
        Product = new Matrix(rows, config.Intermediate);
        Gate = config.Names.Gate is null ? null : new Matrix(rows, config.Intermediate);
        Up = new Matrix(rows, config.Intermediate);
    }

    /// <summary>(N, C): the residual stream's gradient, to which every part adds.</summary>
    public Matrix Residual { get; }

    /// <summary>(N, C): of what a norm gave.</summary>
    public Matrix Normed { get; }

    /// <summary>(N, C): of what goes into a norm after a part.</summary>
    public Matrix? Output { get; }

    public HeadBuffers Heads { get; }

    /// <summary>(N, H·D): of queries before their norm.</summary>
    public Matrix? RawQueries { get; }

    /// <summary>(N, G·D): of keys before their norm.</summary>
    public Matrix? RawKeys { get; }

    /// <summary>(N, H·D).</summary>
    public Matrix Attended { get; }

    /// <summary>(N, F): of what goes into the last matrix of a feed-forward layer.</summary>
    public Matrix Product { get; }

    /// <summary>(N, F).</summary>
    public Matrix? Gate { get; }

    /// <summary>(N, F).</summary>
    public Matrix Up { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Matrix? matrix in (Matrix?[])[Residual, Normed, Output, RawQueries, RawKeys, Attended, Product, Gate, Up])
        {
            matrix?.Dispose();
        }

        Heads.Dispose();
    }
}
