// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>Logits and their cross-entropy, and its gradient, for a block of rows at a time and only for rows that count: a batch's logits, (N, V), never exist whole.</summary>
internal sealed unsafe class HeadLoss : IDisposable
{
    // A block is so large that packing the head's weights for it is little work beside the products, or that its logits fill a cache.
    private const int LeastRows = 192;
    private const int CachedLogits = 1 << 20;

    private readonly ModelConfig _c;
    private readonly int _threads;
    private readonly Matrix _rows, _gradients; // (R, C)
    private readonly Matrix _logits; // (R, V)
    private readonly Matrix _scales; // (N)
    private readonly Matrix _blockScales; // (R)
    private readonly int[] _counted; // the rows that count
    private readonly Matrix _blockTargets; // (R) int32
    private readonly Matrix _blockLosses; // (R) binary64
    private readonly double[] _losses; // (N)
    private Matrix? _headGradient; // (V, C), where the head trains: of the last loss

    /// <summary>Makes its buffers.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="rows">N, the most rows.</param>
    /// <param name="threads">The most threads.</param>
    public HeadLoss(ModelConfig config, int rows, int threads)
    {
        _c = config;
        _threads = threads;
        int r = BlockRows(config, rows);
        _rows = new(r, config.Hidden);
        _gradients = new(r, config.Hidden);
        _logits = new(r, config.Vocabulary);
        _scales = new(rows, 1);
        _blockScales = new(r, 1);
        _blockTargets = new(r, 1);
        _blockLosses = new(r, sizeof(double) / sizeof(float));
        _counted = new int[rows];
        _losses = new double[rows];
    }

    /// <summary>R, the rows of a block.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="rows">N, the most rows.</param>
    public static int BlockRows(ModelConfig config, int rows) => Math.Min(rows, Math.Max(LeastRows, CachedLogits / config.Vocabulary));

    /// <summary>What scales the gradient of each row; the caller fills it before <see cref="Run"/>.</summary>
    public Span<float> Scales(int n) => new(_scales.P, n);

    /// <summary>The logits of one row, until the next call or loss.</summary>
    /// <param name="head">(V, C).</param>
    /// <param name="xn">The normed row, (C).</param>
    public ReadOnlySpan<float> Logits(Parameter head, float* xn)
    {
        Multiply(head, xn, 1);
        return new(_logits.P, _c.Vocabulary);
    }

    /// <summary>The sum of -log p over the rows that count, in their order.</summary>
    /// <param name="head">(V, C).</param>
    /// <param name="xn">(N, C): the normed residual stream.</param>
    /// <param name="targets">(N): the wanted next tokens; -1 where none counts.</param>
    /// <param name="dxn">(N, C), written; null where no gradient is wanted.</param>
    public double Run(Parameter head, float* xn, ReadOnlySpan<int> targets, float* dxn)
    {
        int c = _c.Hidden;
        int counted = 0;
        for (int i = 0; i < targets.Length; i++)
        {
            if (targets[i] >= 0)
            {
                _counted[counted++] = i;
            }
        }

        Array.Clear(_losses, 0, targets.Length);
        if (dxn is not null)
        {
            NativeMemory.Clear(dxn, (nuint)targets.Length * (nuint)c * sizeof(float));
            if (head.Gradient is not null)
            {
                _headGradient ??= new Matrix(_c.Vocabulary, c);
                _headGradient.Span.Clear();
            }
        }

        double sum = 0;
        for (int start = 0; start < counted; start += _rows.Rows)
        {
            ReadOnlySpan<int> block = _counted.AsSpan(start, Math.Min(_rows.Rows, counted - start));
            Gather(block, xn, targets);
            Multiply(head, _rows.P, block.Length);
            Workers.Rows(block.Length, _threads, new LossRows(_logits.P, (int*)_blockTargets.P, _blockScales.P, (double*)_blockLosses.P, _c.Vocabulary, _c.LogitCap ?? 0));
            for (int i = 0; i < block.Length; i++)
            {
                double loss = ((double*)_blockLosses.P)[i];
                _losses[block[i]] = loss;
                sum += loss; // in row order, whatever the threads
            }

            if (dxn is not null)
            {
                Backward(head, block, dxn);
            }
        }

        return sum;
    }

    /// <summary>Adds the gradient of the head in the last <see cref="Run"/>, where it trains.</summary>
    public void Backward(Parameter head)
    {
        if (head.Gradient is { } sum && _headGradient is { } gradient)
        {
            Ops.AddScaled(sum.P, gradient.P, 1, (long)_c.Vocabulary * _c.Hidden);
        }
    }

    /// <summary>The sum of -log p over some rows of the last <see cref="Run"/>.</summary>
    /// <param name="first">The first row.</param>
    /// <param name="count">How many.</param>
    public double Sum(int first, int count)
    {
        double sum = 0;
        foreach (double loss in _losses.AsSpan(first, count))
        {
            sum += loss;
        }

        return sum;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Matrix matrix in (Matrix[])[_rows, _gradients, _logits, _scales, _blockScales, _blockTargets, _blockLosses])
        {
            matrix.Dispose();
        }

        _headGradient?.Dispose();
    }

    private void Gather(ReadOnlySpan<int> block, float* xn, ReadOnlySpan<int> targets)
    {
        int c = _c.Hidden;
        for (int i = 0; i < block.Length; i++)
        {
            NativeMemory.Copy(xn + ((long)block[i] * c), _rows.P + ((long)i * c), (nuint)c * sizeof(float));
            ((int*)_blockTargets.P)[i] = targets[block[i]];
            _blockScales.P[i] = _scales.P[block[i]];
        }
    }

    private void Multiply(Parameter head, float* rows, int n)
    {
        (int c, int v) = (_c.Hidden, _c.Vocabulary);
        Gemm.Multiply(n, v, [new GemmTerm(false, true, c, 1, rows, c, head.Operand)], 0, _logits.P, v, _threads); // (R, C) -> (R, V)
        if (_c.LogitCap is { } cap)
        {
            Workers.Rows(n, _threads, new SoftCapRows(_logits.P, cap, v));
        }
    }

    // The block's logits are the gradient of its loss by now.
    private void Backward(Parameter head, ReadOnlySpan<int> block, float* dxn)
    {
        (int n, int c, int v) = (block.Length, _c.Hidden, _c.Vocabulary);
        Gemm.Multiply(n, c, [new GemmTerm(false, false, v, 1, _logits.P, v, head.Operand)], 0, _gradients.P, c, _threads); // (R, V) -> (R, C)
        for (int i = 0; i < n; i++)
        {
            NativeMemory.Copy(_gradients.P + ((long)i * c), dxn + ((long)block[i] * c), (nuint)c * sizeof(float));
        }

        if (_headGradient is { } gradient)
        {
            Gemm.Multiply(true, false, v, c, n, 1, _logits.P, v, _rows.P, c, 1, gradient.P, c, _threads);
        }
    }
}
