// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Llama;

/// <summary>y = RMSNorm(x), and 1 / rms of each row. Rows of width c.</summary>
internal readonly unsafe struct NormRows(float* x, float* weight, float* y, float* inverse, int c, float epsilon) : IRowJob
{
    public void Row(int i) => inverse[i] = Ops.RmsNorm(x + ((long)i * c), weight, y + ((long)i * c), c, epsilon);
}

/// <summary>Adds the gradient through RMSNorm to dx, and the weight's to dw where it trains.</summary>
internal readonly unsafe struct NormBackwardRows(float* x, float* weight, float* inverse, float* dy, float* dx, float* dw, int c) : IRowJob
{
    public void Row(int i) => Ops.RmsNormBackward(x + ((long)i * c), weight, inverse[i], dy + ((long)i * c), dx + ((long)i * c), dw, c);
}

/// <summary>Turns the heads of each token by its position; the sign −1 turns back. Sequences of length t, heads of width 2·half.</summary>
internal readonly unsafe struct RopeRows(float* heads, float* cos, float* sin, int count, int half, int t, float sign) : IRowJob
{
    public void Row(int i)
    {
        long at = (long)(i % t) * half;
        for (int h = 0; h < count; h++)
        {
            Ops.Rope(heads + ((((long)i * count) + h) * 2 * half), cos + at, sin + at, half, sign);
        }
    }
}

/// <summary>m = silu(g)·u. Rows of width f.</summary>
internal readonly unsafe struct SwiGluRows(float* g, float* u, float* m, int f) : IRowJob
{
    public void Row(int i) => Ops.SwiGlu(g + ((long)i * f), u + ((long)i * f), m + ((long)i * f), f);
}

/// <summary>The gradients of g and u from m's.</summary>
internal readonly unsafe struct SwiGluBackwardRows(float* g, float* u, float* dm, float* dg, float* du, int f) : IRowJob
{
    public void Row(int i)
    {
        long at = (long)i * f;
        Ops.SwiGluBackward(g + at, u + at, dm + at, dg + at, du + at, f);
    }
}

/// <summary>Turns the logits of each row into the scaled gradient of its cross-entropy, which goes to <c>losses</c>. Rows of width v; a target of −1 does not count.</summary>
internal readonly unsafe struct LossRows(float* logits, int* targets, double* losses, int v, float scale) : IRowJob
{
    public void Row(int i)
    {
        float* row = logits + ((long)i * v);
        losses[i] = 0;
        if (targets[i] < 0)
        {
            new Span<float>(row, v).Clear();
            return;
        }

        float target = row[targets[i]];
        losses[i] = Ops.Softmax(row, v, v) - target;
        row[targets[i]] -= 1;
        for (int j = 0; j < v; j++)
        {
            row[j] *= scale;
        }
    }
}

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

/// <summary>Causal attention; a row is one head of one sequence. p keeps the weights, (B·H·T, T).</summary>
internal readonly unsafe struct AttentionRows(float* q, float* k, float* v, float* p, float* attended, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int h) = (i / s.Heads, i % s.Heads);
        float* weights = p + ((long)i * s.T * s.T);
        long head = ((long)b * s.T * s.Q) + (h * s.D);
        long pair = ((long)b * s.T * s.Kv) + (h / s.Sharing * s.D);
        Gemm.Multiply(false, true, s.T, s.T, s.D, s.Scale, q + head, s.Q, k + pair, s.Kv, 0, weights, s.T); // (T, D)·(D, T) -> (T, T)
        for (int t = 0; t < s.T; t++)
        {
            Ops.Softmax(weights + ((long)t * s.T), t + 1, s.T); // causal
        }

        Gemm.Multiply(false, false, s.T, s.D, s.T, 1, weights, s.T, v + pair, s.Kv, 0, attended + head, s.Q); // (T, T)·(T, D) -> (T, D)
    }
}

/// <summary>The gradients of queries, keys and values; a row is one key and value head of one sequence, since its query heads add to the same dk and dv. dp is scratch, (B·H·T, T).</summary>
internal readonly unsafe struct AttentionBackwardRows(float* q, float* k, float* v, float* p, float* dattended, float* dp, float* dq, float* dk, float* dv, HeadShape s) : IRowJob
{
    public void Row(int i)
    {
        (int b, int g) = (i / s.Groups, i % s.Groups);
        long pair = ((long)b * s.T * s.Kv) + (g * s.D);
        for (int j = 0; j < s.Sharing; j++)
        {
            int h = (g * s.Sharing) + j;
            float beta = j == 0 ? 0 : 1;
            long head = ((long)b * s.T * s.Q) + (h * s.D);
            float* weights = p + ((((long)b * s.Heads) + h) * s.T * s.T);
            float* scores = dp + ((((long)b * s.Heads) + h) * s.T * s.T);
            Gemm.Multiply(false, true, s.T, s.T, s.D, 1, dattended + head, s.Q, v + pair, s.Kv, 0, scores, s.T); // dP = dO·Vᵀ
            Gemm.Multiply(true, false, s.T, s.D, s.T, 1, weights, s.T, dattended + head, s.Q, beta, dv + pair, s.Kv); // dV += Pᵀ·dO
            for (int t = 0; t < s.T; t++)
            {
                SoftmaxBackward(weights + ((long)t * s.T), scores + ((long)t * s.T));
            }

            Gemm.Multiply(false, false, s.T, s.D, s.T, 1, scores, s.T, k + pair, s.Kv, 0, dq + head, s.Q); // dQ = dS·K
            Gemm.Multiply(true, false, s.T, s.D, s.T, 1, scores, s.T, q + head, s.Q, beta, dk + pair, s.Kv); // dK += dSᵀ·Q
        }
    }

    private void SoftmaxBackward(float* row, float* drow)
    {
        float dot = Ops.Dot(row, drow, s.T);
        for (int j = 0; j < s.T; j++)
        {
            drow[j] = row[j] * (drow[j] - dot) * s.Scale;
        }
    }
}
