// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>The gradients of queries, keys and values. The weights are computed again, block by block (Dao et al. 2022).</summary>
/// <remarks>
/// The query heads that share keys and values add to the same dk and dv, so a key and value head of a sequence is work for one thread.
/// Where that leaves threads without work, dq is computed by query heads, and dk and dv by ranges of keys: scores and their gradients
/// are then computed twice, and each sum has the same terms in the same order, so that its bits do not depend on the number of threads.
/// </remarks>
internal readonly unsafe struct AttentionBackward(float* q, float* k, float* v, float* logSums, float* attended, float* dattended, float* dq, float* dk, float* dv, int* starts, HeadShape s)
{
    // Keys of a range: whole blocks of queries, and whole panels of packed keys.
    private const int KeysOfRange = 2 * QueryBlock.Most;

    // Products of the parted way for one of the other, which computes five.
    private const double PartedCost = 7.0 / 5;

    /// <summary>Computes all gradients of a batch.</summary>
    /// <param name="sequences">How many sequences.</param>
    /// <param name="threads">The most threads.</param>
    public void Compute(int sequences, int threads)
    {
        int pairs = sequences * s.Groups;
        double turns = Math.Ceiling((double)pairs / threads) * threads / pairs; // of the threads, for one of perfectly shared work
        if (turns > PartedCost)
        {
            ComputeParted(sequences, threads);
            return;
        }

        Workers.Rows(pairs, threads, new Pairs(this));
    }

    /// <summary>Computes all gradients of a batch in parts that are smaller than a key and value head.</summary>
    /// <inheritdoc cref="Compute"/>
    public void ComputeParted(int sequences, int threads)
    {
        int longest = 0;
        for (int b = 0; b < sequences; b++)
        {
            longest = Math.Max(longest, Length(b));
        }

        Workers.Ranges(sequences * s.Heads, threads, new QueryHeads(this));
        int ranges = (longest + KeysOfRange - 1) / KeysOfRange;
        Workers.Rows(ranges * sequences * s.Groups, threads, new KeyRanges(this, sequences * s.Groups));
    }

    private HeadShape Shape => s;

    private int Length(int b) => starts[b + 1] - starts[b];

    private AttentionScratch Packed(int b, int g, int from, int to)
    {
        AttentionScratch scratch = AttentionScratch.Of(Length(b), s);
        long first = (starts[b] + from) * (long)s.KeyStride;
        long at = (long)from * s.D;
        Gemm.Pack(true, to - from, s.D, s.Scale, k + first + (g * s.D), s.KeyStride, scratch.Keys + at);
        Gemm.Pack(true, to - from, s.D, 1, v + first + (g * s.D), s.KeyStride, scratch.Values + at);
        return scratch;
    }

    private void Clear(int b, int g, int from, int to)
    {
        for (int t = from; t < to; t++)
        {
            long at = ((starts[b] + t) * (long)s.KeyStride) + (g * s.D);
            new Span<float>(dk + at, s.D).Clear();
            new Span<float>(dv + at, s.D).Clear();
        }
    }

    // What a query head gives, and takes, against the keys from one up to another, which are packed.
    private void Head(AttentionScratch scratch, int b, int h, int from, int to, bool givesQueries, bool givesKeys)
    {
        int length = Length(b);
        for (QueryBlock block = QueryBlock.First(length); block.Count > 0; block = block.Next(length))
        {
            int first = Math.Max(from, s.FirstOf(block));
            int last = Math.Min(to, block.End);
            if (first < last)
            {
                Block(scratch, block, b, h, first, last, givesQueries, givesKeys);
            }
        }
    }

    private void Block(AttentionScratch scratch, QueryBlock block, int b, int h, int first, int last, bool givesQueries, bool givesKeys)
    {
        int width = last - first;
        int stride = scratch.Stride;
        long queries = (((long)starts[b] + block.Start) * s.QueryStride) + (h * s.D);
        long keys = s.Pair((long)starts[b] + first, h);
        long output = (((long)starts[b] + block.Start) * s.Q) + (h * s.D);
        float* sums = logSums + ((long)starts[b] * s.Heads) + ((long)h * Length(b));
        float* doutput = dattended + output;
        scratch.Scores(block, first, last, q + queries, s);
        scratch.WeightGradients(block, first, last, doutput, s); // dP = dO·Vᵀ
        for (int t = 0; t < block.Count; t++)
        {
            scratch.Sums[t] = Ops.Dot(attended + output + ((long)t * s.Q), doutput + ((long)t * s.Q), s.D); // Σ p·dp = o·do
        }

        for (int t = block.Start; t < block.End; t++)
        {
            long at = (long)(t - block.Start) * stride;
            float* weights = scratch.Weights + at;
            float* scores = scratch.Gradients + at;
            (int vector, int start, int end) = s.Seen(t, first, last);
            Ops.SoftmaxBackward(weights + vector, scores + vector, end - vector, sums[t], scratch.Sums[t - block.Start], s.Scale);
            if (s.Cap > 0)
            {
                Ops.Multiply(scores + vector, scratch.Slopes + at + vector, end - vector);
            }

            foreach (nint all in (ReadOnlySpan<nint>)[(nint)weights, (nint)scores])
            {
                new Span<float>((float*)all, start).Clear();
                new Span<float>((float*)all + end, width - end).Clear();
            }
        }

        if (givesKeys)
        {
            Gemm.Multiply(true, false, width, s.D, block.Count, 1, scratch.Weights, stride, doutput, s.Q, 1, dv + keys, s.KeyStride); // dV += Pᵀ·dO
            Gemm.Multiply(true, false, width, s.D, block.Count, 1, scratch.Gradients, stride, q + queries, s.QueryStride, 1, dk + keys, s.KeyStride); // dK += dSᵀ·Q
        }

        if (givesQueries)
        {
            Gemm.Multiply(false, false, block.Count, s.D, width, 1, scratch.Gradients, stride, k + keys, s.KeyStride, 0, dq + queries, s.QueryStride); // dQ = dS·K
        }
    }

    /// <summary>All gradients; a row is one key and value head of one sequence, with the query heads that share it.</summary>
    private readonly struct Pairs(AttentionBackward all) : IRowJob
    {
        public void Row(int i)
        {
            (int b, int g) = (i / all.Shape.Groups, i % all.Shape.Groups);
            int length = all.Length(b);
            all.Clear(b, g, 0, length);
            AttentionScratch scratch = all.Packed(b, g, 0, length);
            for (int h = g * all.Shape.Sharing; h < (g + 1) * all.Shape.Sharing; h++)
            {
                all.Head(scratch, b, h, 0, length, givesQueries: true, givesKeys: true);
            }
        }
    }

    /// <summary>The gradients of queries; a row is one query head of one sequence, and those that share a key and value head follow each other.</summary>
    private readonly struct QueryHeads(AttentionBackward all) : IRangeJob
    {
        public void Range(int start, int end)
        {
            for (int i = start; i < end; i++)
            {
                (int b, int h) = (i / all.Shape.Heads, i % all.Shape.Heads);
                int length = all.Length(b);
                AttentionScratch scratch = i == start || all.Shape.IsFirstOfPair(h) ? all.Packed(b, h / all.Shape.Sharing, 0, length) : AttentionScratch.Of(length, all.Shape);
                all.Head(scratch, b, h, 0, length, givesQueries: true, givesKeys: false);
            }
        }
    }

    /// <summary>The gradients of keys and values; a row is a range of keys of one key and value head of one sequence, and ranges that most queries see come first.</summary>
    private readonly struct KeyRanges(AttentionBackward all, int pairs) : IRowJob
    {
        public void Row(int i)
        {
            int pair = i % pairs;
            (int b, int g) = (pair / all.Shape.Groups, pair % all.Shape.Groups);
            int from = i / pairs * KeysOfRange;
            int to = Math.Min(from + KeysOfRange, all.Length(b));
            if (from >= to)
            {
                return;
            }

            all.Clear(b, g, from, to);
            AttentionScratch scratch = all.Packed(b, g, from, to);
            for (int h = g * all.Shape.Sharing; h < (g + 1) * all.Shape.Sharing; h++)
            {
                all.Head(scratch, b, h, from, to, givesQueries: false, givesKeys: true);
            }
        }
    }
}
