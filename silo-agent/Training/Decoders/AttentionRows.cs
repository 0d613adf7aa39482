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

    /// <summary>Where the keys, or values, of a query head begin.</summary>
    /// <param name="token">The first token.</param>
    /// <param name="head">The query head.</param>
    public long Pair(long token, int head) => (token * KeyStride) + (head / Sharing * D);

    /// <summary>Whether no query head before it shares its key and value head.</summary>
    public bool IsFirstOfPair(int head) => head % Sharing == 0;

    /// <summary>The first key that a query sees.</summary>
    public int First(int query) => Math.Max(0, query + 1 - Window);

    /// <summary>The keys that a query sees of those from one, where a panel begins, up to another, counted from the first of them; and where the vector begins that holds the first it sees, so that which keys share a vector does not depend on where the panel begins.</summary>
    public (int Vector, int Start, int End) Seen(int query, int first, int last)
    {
        int end = Math.Clamp(query + 1 - first, 0, last - first);
        int start = Math.Clamp(First(query) - first, 0, end);
        return (start / Ops.Width * Ops.Width, start, end);
    }

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

/// <summary>Causal attention; a row is one query head of one sequence, and those that share a key and value head follow each other. Weights live for a block of queries only; of each query the logarithm of its sum of exponentials is kept, (N·H), sequence by sequence and head by head.</summary>
internal readonly unsafe struct AttentionRows(float* q, float* k, float* v, float* logSums, float* attended, int* starts, HeadShape s) : IRangeJob
{
    public void Range(int start, int end)
    {
        for (int i = start; i < end; i++)
        {
            (int b, int h) = (i / s.Heads, i % s.Heads);
            int length = starts[b + 1] - starts[b];
            AttentionScratch scratch = AttentionScratch.Of(length, s);
            long pair = s.Pair(starts[b], h);
            if (i == start || s.IsFirstOfPair(h))
            {
                Gemm.Pack(true, length, s.D, s.Scale, k + pair, s.KeyStride, scratch.Keys);
            }

            Head(scratch, starts[b], length, h, pair);
        }
    }

    private void Head(AttentionScratch scratch, long start, int length, int h, long pair)
    {
        float* queries = q + (start * s.QueryStride) + (h * s.D);
        float* output = attended + (start * s.Q) + (h * s.D);
        float* sums = logSums + (start * s.Heads) + ((long)h * length);
        for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
        {
            int first = s.FirstOf(block);
            int width = block.End - first;
            scratch.Scores(block, first, block.End, queries + ((long)block.Start * s.QueryStride), s);
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
