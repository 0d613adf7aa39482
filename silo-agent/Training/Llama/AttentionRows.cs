// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Llama;

/// <summary>The sizes of grouped-query attention: sequences of length t, heads of width d, of which several share one key and value head.</summary>
internal readonly record struct HeadShape(int T, int D, int Heads, int Groups)
{
    /// <summary>Query heads that share a key and value head.</summary>
    public int Sharing => Heads / Groups;

    /// <summary>The width of all query heads.</summary>
    public int Q => Heads * D;

    /// <summary>The width of all key heads.</summary>
    public int Kv => Groups * D;

    /// <summary>What the products of queries and keys are scaled by.</summary>
    public float Scale => 1f / MathF.Sqrt(D);
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

/// <summary>Causal attention; a row is one head of one sequence. p keeps the weights, (B·H·T, T), of which each block of queries fills the columns up to its end. Padding attends to nothing.</summary>
internal readonly unsafe struct AttentionRows(float* q, float* k, float* v, float* p, float* attended, int* lengths, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int h) = (i / s.Heads, i % s.Heads);
        float* weights = p + ((long)i * s.T * s.T);
        float* queries = q + ((long)b * s.T * s.Q) + (h * s.D);
        float* output = attended + ((long)b * s.T * s.Q) + (h * s.D);
        long pair = ((long)b * s.T * s.Kv) + (h / s.Sharing * s.D);
        int length = lengths[b];
        Padding.Clear(output, s.Q, s.D, length, s.T);
        for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
        {
            float* rows = weights + ((long)block.Start * s.T);
            long at = (long)block.Start * s.Q;
            Gemm.Multiply(false, true, block.Count, block.End, s.D, s.Scale, queries + at, s.Q, k + pair, s.Kv, 0, rows, s.T); // (t, D)·(D, T) -> (t, T)
            for (int t = 0; t < block.Count; t++)
            {
                Ops.Softmax(rows + ((long)t * s.T), block.Start + t + 1, block.End); // causal
            }

            Gemm.Multiply(false, false, block.Count, s.D, block.End, 1, rows, s.T, v + pair, s.Kv, 0, output + at, s.Q); // (t, T)·(T, D) -> (t, D)
        }
    }
}

/// <summary>The gradients of queries, keys and values; a row is one key and value head of one sequence, since its query heads add to the same dk and dv. dp is scratch, (B·H·T, T). Padding has the gradient zero.</summary>
internal readonly unsafe struct AttentionBackwardRows(float* q, float* k, float* v, float* p, float* dattended, float* dp, float* dq, float* dk, float* dv, int* lengths, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int g) = (i / s.Groups, i % s.Groups);
        long pair = ((long)b * s.T * s.Kv) + (g * s.D);
        int length = lengths[b];
        Padding.Clear(dk + pair, s.Kv, s.D, 0, s.T);
        Padding.Clear(dv + pair, s.Kv, s.D, 0, s.T);

        for (int j = 0; j < s.Sharing; j++)
        {
            int h = (g * s.Sharing) + j;
            long head = ((long)b * s.T * s.Q) + (h * s.D);
            long square = (((long)b * s.Heads) + h) * s.T * s.T;
            Padding.Clear(dq + head, s.Q, s.D, length, s.T);
            for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
            {
                Block(block, head + ((long)block.Start * s.Q), pair, square + ((long)block.Start * s.T));
            }
        }
    }

    private void Block(QueryBlock block, long head, long pair, long square)
    {
        float* weights = p + square;
        float* scores = dp + square;
        Gemm.Multiply(false, true, block.Count, block.End, s.D, 1, dattended + head, s.Q, v + pair, s.Kv, 0, scores, s.T); // dP = dO·Vᵀ
        Gemm.Multiply(true, false, block.End, s.D, block.Count, 1, weights, s.T, dattended + head, s.Q, 1, dv + pair, s.Kv); // dV += Pᵀ·dO
        for (int t = 0; t < block.Count; t++)
        {
            Ops.SoftmaxBackward(weights + ((long)t * s.T), scores + ((long)t * s.T), block.End, s.Scale);
        }

        Gemm.Multiply(false, false, block.Count, s.D, block.End, 1, scores, s.T, k + pair, s.Kv, 0, dq + head, s.Q); // dQ = dS·K
        Gemm.Multiply(true, false, block.End, s.D, block.Count, 1, scores, s.T, q + head, s.Q, 1, dk + pair, s.Kv); // dK += dSᵀ·Q
    }
}
