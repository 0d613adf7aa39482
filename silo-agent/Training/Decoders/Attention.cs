// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>Causal grouped-query attention of one layer, and what its backward pass needs of the forward pass: no weights, which it computes again.</summary>
/// <remarks>Order as in Hugging Face: projections, norms of heads, rotary positions, scores scaled and capped, softmax, output.</remarks>
internal sealed unsafe class Attention : IDisposable
{
    private readonly ModelConfig _c;
    private readonly int _threads;
    private readonly RotaryTable? _rotary;
    private readonly LayerScratch _scratch;
    private readonly int _window;
    private readonly Linear[] _inputs;
    private readonly Linear _output;
    private readonly Norm? _queryNorm;
    private readonly Norm? _keyNorm;
    private readonly Matrix? _rawQueries; // before their norm
    private readonly Matrix? _rawKeys;
    private readonly HeadBuffers _heads;
    private readonly Matrix _logSums; // (B·H·T): of the exponentials of each query's scores
    private readonly Matrix _attended; // (N, H·D)

    public Attention(ModelParts parts, string prefix, int layer, RotaryTable? rotary, LayerScratch scratch)
    {
        _c = parts.Config;
        _threads = parts.Threads;
        _rotary = rotary;
        _scratch = scratch;
        _window = _c.IsWindowed(layer) && _c.Window is { } window ? window : int.MaxValue;
        int d = _c.HeadWidth;
        (int q, int kv) = (_c.Heads * d, _c.KeyValueHeads * d);
        int[] widths = _c.Names.AttentionInputs.Count == 1 ? [q + (2 * kv)] : [q, kv, kv];
        _inputs = [.. _c.Names.AttentionInputs.Select((module, i) => parts.Linear(prefix + module, widths[i], _c.Hidden, _c.AttentionInputBias))];
        _output = parts.Linear(prefix + _c.Names.AttentionOutput, _c.Hidden, q, _c.AttentionOutputBias, residual: true);
        _queryNorm = parts.NormIf(prefix, _c.Names.QueryNorm, d, _c.Heads);
        _keyNorm = parts.NormIf(prefix, _c.Names.KeyNorm, d, _c.KeyValueHeads);
        _rawQueries = _queryNorm is null ? null : new Matrix(parts.Rows, q);
        _rawKeys = _keyNorm is null ? null : new Matrix(parts.Rows, kv);
        _heads = new HeadBuffers(_c, parts.Rows);
        _logSums = new Matrix(parts.Rows * _c.Heads, 1);
        _attended = new Matrix(parts.Rows, q);
    }

    public IEnumerable<Linear> Linears => [.. _inputs, _output];

    public IEnumerable<Norm> Norms => new[] { _queryNorm, _keyNorm }.OfType<Norm>();

    /// <summary>y = attention(x).</summary>
    /// <param name="x">(N, C).</param>
    /// <param name="y">(N, C).</param>
    /// <param name="sequences">What the rows are.</param>
    public void Forward(float* x, float* y, Sequences sequences)
    {
        int n = sequences.N;
        for (int i = 0; i < _inputs.Length; i++)
        {
            _inputs[i].Forward(x, Input(i, _rawQueries, _rawKeys, _heads), n, _threads); // (N, C) -> (N, H·D), (N, G·D)
        }

        if (_rawQueries is { } queries)
        {
            _queryNorm?.Forward(queries.P, _heads.Q, n * _c.Heads, _threads);
        }

        if (_rawKeys is { } keys)
        {
            _keyNorm?.Forward(keys.P, _heads.K, n * _c.KeyValueHeads, _threads);
        }

        Turn(_heads, sequences, 1);
        Workers.Ranges(sequences.B * _c.Heads, _threads, new AttentionRows(_heads.Q, _heads.K, _heads.V, _logSums.P, _attended.P, sequences.Starts, Shape));
        _output.Forward(_attended.P, y, n, _threads); // (N, H·D) -> (N, C)
    }

    /// <summary>The backward pass.</summary>
    /// <param name="x">(N, C), as in the forward pass.</param>
    /// <param name="dy">(N, C).</param>
    /// <param name="dx">(N, C), written; null when nothing before this layer trains.</param>
    /// <param name="sequences">What the rows are.</param>
    public void Backward(float* x, float* dy, float* dx, Sequences sequences)
    {
        HeadBuffers d = _scratch.Heads;
        _output.Backward(_attended.P, dy, _scratch.Attended.P, sequences, _threads);
        new AttentionBackward(_heads.Q, _heads.K, _heads.V, _logSums.P, _attended.P, _scratch.Attended.P, d.Q, d.K, d.V, sequences.Starts, Shape)
            .Compute(sequences.B, _threads);
        Turn(d, sequences, -1);
        NormBackward(_queryNorm, _rawQueries, d.Q, _scratch.RawQueries, sequences.N, _c.Heads);
        NormBackward(_keyNorm, _rawKeys, d.K, _scratch.RawKeys, sequences.N, _c.KeyValueHeads);
        Span<nint> dys = stackalloc nint[_inputs.Length];
        for (int i = 0; i < dys.Length; i++)
        {
            dys[i] = (nint)Input(i, _scratch.RawQueries, _scratch.RawKeys, d);
        }

        Linear.Backward(_inputs, x, dys, dx, sequences, _threads);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (IDisposable part in Linears.Concat<IDisposable>(Norms))
        {
            part.Dispose();
        }

        foreach (Matrix? matrix in (Matrix?[])[_rawQueries, _rawKeys, _logSums, _attended])
        {
            matrix?.Dispose();
        }

        _heads.Dispose();
    }

    private HeadShape Shape => new(_c.HeadWidth, _c.Heads, _c.KeyValueHeads)
    {
        QueryStride = _heads.QueryStride,
        KeyStride = _heads.KeyStride,
        Scale = _c.AttentionScale ?? (1f / MathF.Sqrt(_c.HeadWidth)),
        Window = _window,
        Cap = _c.AttentionCap ?? 0,
    };

    // Where a module's product, or its gradient, lies: before the norm of heads where there is one.
    private static float* Input(int module, Matrix? queries, Matrix? keys, HeadBuffers heads) => module switch
    {
        0 when queries is not null => queries.P,
        1 when keys is not null => keys.P,
        _ => heads.Part(module),
    };

    private void Turn(HeadBuffers heads, Sequences sequences, float sign)
    {
        _rotary?.Turn(heads.Q, _c.Heads, heads.QueryStride, sequences, sign, _threads);
        _rotary?.Turn(heads.K, _c.KeyValueHeads, heads.KeyStride, sequences, sign, _threads);
    }

    private void NormBackward(Norm? norm, Matrix? raw, float* dy, Matrix? dx, int n, int heads)
    {
        if (norm is not null && raw is not null && dx is not null)
        {
            NativeMemory.Clear(dx.P, (nuint)n * (nuint)dx.Columns * sizeof(float));
            norm.Backward(raw.P, dy, dx.P, n * heads, _threads);
        }
    }
}
