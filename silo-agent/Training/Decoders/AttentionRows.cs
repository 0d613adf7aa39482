// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>The sizes of grouped-query attention: sequences of length t, heads of width d, of which several share one key and value head.</summary>
internal readonly record struct HeadShape(int T, int D, int Heads, int Groups)
{
    /// <summary>Query heads that share a key and value head.</summary>
    public int Sharing => Heads / Groups;

    /// <summary>The width of all query heads.</summary>
    public int Q => Heads * D;

    /// <summary>From a token's queries to the next token's.</summary>
    public required int QueryStride { get; init; }

    /// <summary>From a token's keys, or values, to the next token's.</summary>
    public required int KeyStride { get; init; }

    /// <summary>What the products of queries and keys are scaled by.</summary>
    public required float Scale { get; init; }

    /// <summary>How many keys a query sees, itself included.</summary>
    public required int Window { get; init; }

    /// <summary>The soft cap of the scores; 0 for none.</summary>
    public required float Cap { get; init; }

    /// <summary>The first key that a query sees.</summary>
    public int First(int query) => Math.Max(0, query + 1 - Window);
}

/// <summary>Queries that are computed together against the keys up to the last of them: what lies further right is zero, and never computed.</summary>
internal readonly record struct QueryBlock(int Start, int End)
{
    private const int Most = 48;

    /// <summary>Its queries.</summary>
    public int Count => End - Start;

    /// <summary>The first block of t queries.</summary>
    public static QueryBlock First(int t) => new(0, Math.Min(Most, t));

    /// <summary>The block after it; empty after the last.</summary>
    public QueryBlock Next(int t) => new(End, Math.Min(End + Most, t));
}

/// <summary>Rows of one head that no query writes.</summary>
internal static unsafe class Padding
{
    /// <summary>Sets rows from the first one up to the end to zero, d wide, a stride apart.</summary>
    public static void Clear(float* rows, int stride, int d, int first, int end)
    {
        for (int t = first; t < end; t++)
        {
            new Span<float>(rows + ((long)t * stride), d).Clear();
        }
    }
}

/// <summary>Causal attention; a row is one head of one sequence. p keeps the weights, (B·H·T, T), of which each block of queries fills the columns from the first key that any of them sees up to its end. Where scores are capped, slopes keeps the caps' derivatives in the same places. Padding attends to nothing.</summary>
internal readonly unsafe struct AttentionRows(float* q, float* k, float* v, float* p, float* slopes, float* attended, int* lengths, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int h) = (i / s.Heads, i % s.Heads);
        long square = (long)i * s.T * s.T;
        float* queries = q + ((long)b * s.T * s.QueryStride) + (h * s.D);
        float* output = attended + ((long)b * s.T * s.Q) + (h * s.D);
        long pair = ((long)b * s.T * s.KeyStride) + (h / s.Sharing * s.D);
        int length = lengths[b];
        Padding.Clear(output, s.Q, s.D, length, s.T);
        for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
        {
            int first = s.First(block.Start);
            int width = block.End - first;
            long at = square + ((long)block.Start * s.T) + first;
            long keys = pair + ((long)first * s.KeyStride);
            float* rows = p + at;
            Gemm.Multiply(false, true, block.Count, width, s.D, s.Scale, queries + ((long)block.Start * s.QueryStride), s.QueryStride, k + keys, s.KeyStride, 0, rows, s.T); // (t, D)·(D, T) -> (t, T)
            for (int t = 0; t < block.Count; t++)
            {
                Weigh(rows + ((long)t * s.T), slopes + at + ((long)t * s.T), s.First(block.Start + t) - first, block.Start + t + 1 - first, width);
            }

            Gemm.Multiply(false, false, block.Count, s.D, width, 1, rows, s.T, v + keys, s.KeyStride, 0, output + ((long)block.Start * s.Q), s.Q); // (t, T)·(T, D) -> (t, D)
        }
    }

    // Scores to weights: those from start up to end, which the query sees; the others become zero.
    private void Weigh(float* row, float* slope, int start, int end, int width)
    {
        if (s.Cap > 0)
        {
            Ops.SoftCap(row + start, slope + start, s.Cap, end - start);
        }

        new Span<float>(row, start).Clear();
        Ops.Softmax(row + start, end - start, width - start);
    }
}

/// <summary>The gradients of queries, keys and values; a row is one key and value head of one sequence, since its query heads add to the same dk and dv. dp is scratch, (B·H·T, T). Padding has the gradient zero.</summary>
internal readonly unsafe struct AttentionBackwardRows(float* q, float* k, float* v, float* p, float* slopes, float* dattended, float* dp, float* dq, float* dk, float* dv, int* lengths, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int g) = (i / s.Groups, i % s.Groups);
        long pair = ((long)b * s.T * s.KeyStride) + (g * s.D);
        int length = lengths[b];
        Padding.Clear(dk + pair, s.KeyStride, s.D, 0, s.T);
        Padding.Clear(dv + pair, s.KeyStride, s.D, 0, s.T);

        for (int j = 0; j < s.Sharing; j++)
        {
            int h = (g * s.Sharing) + j;
            long head = ((long)b * s.T * s.QueryStride) + (h * s.D);
            long output = ((long)b * s.T * s.Q) + (h * s.D);
            long square = (((long)b * s.Heads) + h) * s.T * s.T;
            Padding.Clear(dq + head, s.QueryStride, s.D, length, s.T);
            for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
            {
                int first = s.First(block.Start);
                Block(
                    block,
                    first,
                    head + ((long)block.Start * s.QueryStride),
                    dattended + output + ((long)block.Start * s.Q),
                    pair + ((long)first * s.KeyStride),
                    square + ((long)block.Start * s.T) + first);
            }
        }
    }

    private void Block(QueryBlock block, int first, long head, float* doutput, long keys, long square)
    {
        int width = block.End - first;
        float* weights = p + square;
        float* scores = dp + square;
        Gemm.Multiply(false, true, block.Count, width, s.D, 1, doutput, s.Q, v + keys, s.KeyStride, 0, scores, s.T); // dP = dO·Vᵀ
        Gemm.Multiply(true, false, width, s.D, block.Count, 1, weights, s.T, doutput, s.Q, 1, dv + keys, s.KeyStride); // dV += Pᵀ·dO
        for (int t = 0; t < block.Count; t++)
        {
            float* row = scores + ((long)t * s.T);
            Ops.SoftmaxBackward(weights + ((long)t * s.T), row, width, s.Scale);
            if (s.Cap > 0)
            {
                int start = s.First(block.Start + t) - first;
                Ops.Multiply(row + start, slopes + square + ((long)t * s.T) + start, block.Start + t + 1 - first - start);
            }
        }

        Gemm.Multiply(false, false, block.Count, s.D, width, 1, scores, s.T, k + keys, s.KeyStride, 0, dq + head, s.QueryStride); // dQ = dS·K
        Gemm.Multiply(true, false, width, s.D, block.Count, 1, scores, s.T, q + head, s.QueryStride, 1, dk + keys, s.KeyStride); // dK += dSᵀ·Q
    }
}
