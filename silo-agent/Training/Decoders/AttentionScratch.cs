// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>One thread's room for the attention of one head: packed keys and values, and the scores of one block of queries. It grows with the longest sequence, not with its square.</summary>
internal sealed unsafe class AttentionScratch
{
    private const int Line = 16; // elements

    [ThreadStatic]
    private static AttentionScratch? _own;

    private readonly int _columns;
    private readonly int _d;

    private AttentionScratch(int columns, int d)
    {
        _columns = columns;
        _d = d;
        Keys = Allocate(columns * d);
        Values = Allocate(columns * d);
        Weights = Allocate(QueryBlock.Most * Stride);
        Gradients = Allocate(QueryBlock.Most * Stride);
        Slopes = Allocate(QueryBlock.Most * Stride);
    }

#pragma warning disable MA0055 // owns unmanaged memory for the life of its thread
    ~AttentionScratch()
    {
        foreach (nint part in (ReadOnlySpan<nint>)[(nint)Keys, (nint)Values, (nint)Weights, (nint)Gradients, (nint)Slopes])
        {
            AlignedMemory.Free((void*)part);
        }
    }
#pragma warning restore MA0055

    /// <summary>Kᵀ, scaled, in panels.</summary>
    public float* Keys { get; }

    /// <summary>Vᵀ in panels.</summary>
    public float* Values { get; }

    /// <summary>(48, <see cref="Stride"/>): scores, then weights.</summary>
    public float* Weights { get; }

    /// <summary>(48, <see cref="Stride"/>): of the weights, then of the scores.</summary>
    public float* Gradients { get; }

    /// <summary>(48): the sums of the rows' exponentials; in the backward pass, of weights times their gradients.</summary>
    public float[] Sums { get; } = new float[QueryBlock.Most];

    /// <summary>(48, <see cref="Stride"/>): the derivatives of capped scores.</summary>
    public float* Slopes { get; }

    /// <summary>The distance between the rows of a block: an odd number of the cache's lines, so that a column's elements do not fall into the same few of its sets.</summary>
    public int Stride => (((_columns + Line - 1) / Line) | 1) * Line;

    /// <summary>The bytes of one thread's room.</summary>
    /// <param name="length">The longest sequence.</param>
    /// <param name="d">The width of a head.</param>
    public static long Bytes(long length, long d) => sizeof(float) * (((length + GemmTile.MostColumns) * 2 * d) + ((length + GemmTile.MostColumns + Line) * 3 * QueryBlock.Most));

    /// <summary>This thread's room, for a sequence of this length.</summary>
    public static AttentionScratch Of(int length, HeadShape s)
    {
        if (_own is null || _own._columns < length || _own._d < s.D)
        {
            _own = new AttentionScratch(Math.Max(Gemm.PackedColumns(length), _own?._columns ?? 0), Math.Max(s.D, _own?._d ?? 0));
        }

        return _own;
    }

    /// <summary>The scaled and capped scores of a block of queries against the keys from one, where a panel begins, up to another.</summary>
    public void Scores(QueryBlock block, int first, int last, float* queries, HeadShape s)
    {
        Multiply(block, first, last, queries, s.QueryStride, Keys, Weights, s.D);
        for (int t = block.Start; s.Cap > 0 && t < block.End; t++)
        {
            (int vector, _, int end) = s.Seen(t, first, last);
            long at = ((long)(t - block.Start) * Stride) + vector;
            Ops.SoftCap(Weights + at, Slopes + at, s.Cap, end - vector);
        }
    }

    /// <summary>The gradients of a block's weights, dO·Vᵀ.</summary>
    public void WeightGradients(QueryBlock block, int first, int last, float* doutput, HeadShape s) => Multiply(block, first, last, doutput, s.Q, Values, Gradients, s.D);

    // Whole tiles only: what is computed beyond the last key lies in the row's rest.
    private void Multiply(QueryBlock block, int first, int last, float* rows, int stride, float* panels, float* to, int d) =>
        Gemm.MultiplyPacked(block.Count, first, Gemm.PackedColumns(last) - first, d, rows, stride, panels, to, Stride);

    private static float* Allocate(int count) => (float*)AlignedMemory.Allocate((nuint)count * sizeof(float));
}
