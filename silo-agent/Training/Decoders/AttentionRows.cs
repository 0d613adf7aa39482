// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>The sizes of grouped-query attention: heads of width d, of which several share one key and value head.</summary>
internal readonly record struct HeadShape(int D, int Heads, int Groups)
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

    /// <summary>The first key that is computed for a block: where the panel of packed keys begins in which its first query's first key lies.</summary>
    public int FirstOf(QueryBlock block) => Gemm.PanelOf(First(block.Start));
}

/// <summary>Queries that are computed together against the keys up to the last of them: what lies further right is zero, and never computed.</summary>
internal readonly record struct QueryBlock(int Start, int End)
{
    /// <summary>The most queries of a block: a whole number of tiles of every kernel.</summary>
    public const int Most = 48;

    /// <summary>Its queries.</summary>
    public int Count => End - Start;

    /// <summary>The first block of t queries.</summary>
    public static QueryBlock First(int t) => new(0, Math.Min(Most, t));

    /// <summary>The block after it; empty after the last.</summary>
    public QueryBlock Next(int t) => new(End, Math.Min(End + Most, t));
}

/// <summary>Causal attention; a row is one key and value head of one sequence, with the query heads that share it. Weights live for a block of queries only; of each query the logarithm of its sum of exponentials is kept, (N·H), sequence by sequence and head by head.</summary>
internal readonly unsafe struct AttentionRows(float* q, float* k, float* v, float* logSums, float* attended, int* starts, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int g) = (i / s.Groups, i % s.Groups);
        long start = starts[b];
        int length = starts[b + 1] - starts[b];
        long pair = (start * s.KeyStride) + (g * s.D);
        AttentionScratch scratch = AttentionScratch.Of(length, s);
        Gemm.Pack(true, length, s.D, s.Scale, k + pair, s.KeyStride, scratch.Keys);
        for (int h = g * s.Sharing; h < (g + 1) * s.Sharing; h++)
        {
            float* queries = q + (start * s.QueryStride) + (h * s.D);
            float* output = attended + (start * s.Q) + (h * s.D);
            float* sums = logSums + (start * s.Heads) + ((long)h * length);
            for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
            {
                int first = s.FirstOf(block);
                int width = block.End - first;
                scratch.Scores(block, first, queries, s);
                for (int t = block.Start; t < block.End; t++)
                {
                    float* row = scratch.Weights + ((long)(t - block.Start) * scratch.Stride);
                    int seen = s.First(t) - first;
                    new Span<float>(row, seen).Clear();
                    sums[t] = Ops.Exponentials(row + seen, t + 1 - first - seen, width - seen, out scratch.Sums[t - block.Start]);
                }

                Gemm.Multiply(false, false, block.Count, s.D, width, 1, scratch.Weights, scratch.Stride, v + pair + ((long)first * s.KeyStride), s.KeyStride, 0, output + ((long)block.Start * s.Q), s.Q); // (t, T)·(T, D) -> (t, D)
                for (int t = block.Start; t < block.End; t++)
                {
                    Ops.Scale(output + ((long)t * s.Q), 1f / scratch.Sums[t - block.Start], s.D);
                }
            }
        }
    }
}

/// <summary>The gradients of queries, keys and values; a row is one key and value head of one sequence, since its query heads add to the same dk and dv. The weights are computed again, block by block (Dao et al. 2022).</summary>
internal readonly unsafe struct AttentionBackwardRows(float* q, float* k, float* v, float* logSums, float* attended, float* dattended, float* dq, float* dk, float* dv, int* starts, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int g) = (i / s.Groups, i % s.Groups);
        long start = starts[b];
        int length = starts[b + 1] - starts[b];
        long pair = (start * s.KeyStride) + (g * s.D);
        Clear(dk + pair, length);
        Clear(dv + pair, length);
        AttentionScratch scratch = AttentionScratch.Of(length, s);
        Gemm.Pack(true, length, s.D, s.Scale, k + pair, s.KeyStride, scratch.Keys);
        Gemm.Pack(true, length, s.D, 1, v + pair, s.KeyStride, scratch.Values);
        for (int h = g * s.Sharing; h < (g + 1) * s.Sharing; h++)
        {
            long head = (start * s.QueryStride) + (h * s.D);
            long output = (start * s.Q) + (h * s.D);
            float* sums = logSums + (start * s.Heads) + ((long)h * length);
            for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
            {
                Block(scratch, block, sums, head, output, pair);
            }
        }
    }

    private void Clear(float* rows, int length)
    {
        for (int t = 0; t < length; t++)
        {
            new Span<float>(rows + ((long)t * s.KeyStride), s.D).Clear();
        }
    }

    private void Block(AttentionScratch scratch, QueryBlock block, float* sums, long head, long output, long pair)
    {
        int first = s.FirstOf(block);
        int width = block.End - first;
        int stride = scratch.Stride;
        long queries = head + ((long)block.Start * s.QueryStride);
        long keys = pair + ((long)first * s.KeyStride);
        output += (long)block.Start * s.Q;
        float* doutput = dattended + output;
        scratch.Scores(block, first, q + head, s);
        scratch.WeightGradients(block, first, doutput, s); // dP = dO·Vᵀ
        for (int t = block.Start; t < block.End; t++)
        {
            long at = (long)(t - block.Start) * stride;
            float* weights = scratch.Weights + at;
            float* scores = scratch.Gradients + at;
            int start = s.First(t) - first;
            int end = t + 1 - first;
            long row = (long)(t - block.Start) * s.Q;
            float dot = Ops.Dot(attended + output + row, doutput + row, s.D); // Σ p·dp = o·do
            Ops.SoftmaxBackward(weights + start, scores + start, end - start, sums[t], dot, s.Scale);
            if (s.Cap > 0)
            {
                Ops.Multiply(scores + start, scratch.Slopes + at + start, end - start);
            }

            foreach (nint all in (ReadOnlySpan<nint>)[(nint)weights, (nint)scores])
            {
                new Span<float>((float*)all, start).Clear();
                new Span<float>((float*)all + end, width - end).Clear();
            }
        }

        Gemm.Multiply(true, false, width, s.D, block.Count, 1, scratch.Weights, stride, doutput, s.Q, 1, dv + keys, s.KeyStride); // dV += Pᵀ·dO
        Gemm.Multiply(false, false, block.Count, s.D, width, 1, scratch.Gradients, stride, k + keys, s.KeyStride, 0, dq + queries, s.QueryStride); // dQ = dS·K
        Gemm.Multiply(true, false, width, s.D, block.Count, 1, scratch.Gradients, stride, q + queries, s.QueryStride, 1, dk + keys, s.KeyStride); // dK += dSᵀ·Q
    }
}
