// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>The feed-forward part of one layer, with a gate or without, and what its backward pass needs of the forward pass.</summary>
internal sealed unsafe class FeedForward : IDisposable
{
    private readonly ModelConfig _c;
    private readonly int _threads;
    private readonly LayerScratch _scratch;
    private readonly Linear? _gate;
    private readonly Linear _up;
    private readonly Linear[] _inputs; // gate and up
    private readonly Linear _down;
    private readonly Matrix? _gated; // (N, F)
    private readonly Matrix _raised; // (N, F)
    private readonly Matrix _product; // (N, F)

    public FeedForward(ModelParts parts, string prefix, LayerScratch scratch)
    {
        _c = parts.Config;
        _threads = parts.Threads;
        _scratch = scratch;
        int f = _c.Intermediate;
        _gate = _c.Names.Gate is { } gate ? parts.Linear(prefix + gate, f, _c.Hidden, _c.FeedForwardBias) : null;
        _up = parts.Linear(prefix + _c.Names.Up, f, _c.Hidden, _c.FeedForwardBias);
        _inputs = _gate is null ? [_up] : [_gate, _up];
        _down = parts.Linear(prefix + _c.Names.Down, _c.Hidden, f, _c.FeedForwardBias, residual: true);
        _gated = _gate is null ? null : new Matrix(parts.Rows, f);
        _raised = new Matrix(parts.Rows, f);
        _product = new Matrix(parts.Rows, f);
    }

    public IEnumerable<Linear> Linears => [.. _inputs, _down];

    /// <summary>y = f(x).</summary>
    /// <param name="x">(N, C).</param>
    /// <param name="y">(N, C).</param>
    /// <param name="n">Rows.</param>
    public void Forward(float* x, float* y, int n)
    {
        _gate?.Forward(x, Gated, n, _threads); // (N, C) -> (N, F)
        _up.Forward(x, _raised.P, n, _threads);
        Workers.Rows(n, _threads, new FeedForwardRows(_c.FeedForward, Gated, _raised.P, _product.P, _c.Intermediate));
        _down.Forward(_product.P, y, n, _threads); // (N, F) -> (N, C)
    }

    /// <summary>The backward pass.</summary>
    /// <param name="x">(N, C), as in the forward pass.</param>
    /// <param name="dy">(N, C).</param>
    /// <param name="dx">(N, C), written.</param>
    /// <param name="sequences">What the rows are.</param>
    public void Backward(float* x, float* dy, float* dx, Sequences sequences)
    {
        float* dgated = _scratch.Gate is { } gate ? gate.P : null;
        _down.Backward(_product.P, dy, _scratch.Product.P, sequences, _threads);
        Workers.Rows(sequences.N, _threads, new FeedForwardBackwardRows(_c.FeedForward, Gated, _raised.P, _scratch.Product.P, dgated, _scratch.Up.P, _c.Intermediate));
        Linear.Backward(_inputs, x, _gate is null ? [(nint)_scratch.Up.P] : [(nint)dgated, (nint)_scratch.Up.P], dx, sequences, _threads);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Linear linear in Linears)
        {
            linear.Dispose();
        }

        _gated?.Dispose();
        _raised.Dispose();
        _product.Dispose();
    }

    private float* Gated => _gated is { } gated ? gated.P : null;
}
