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

/// <summary>Turns the logits of each row into the gradient of its cross-entropy, which goes to <c>losses</c>, times the row's scale. Rows of width v; a target of −1 does not count.</summary>
internal readonly unsafe struct LossRows(float* logits, int* targets, float* scales, double* losses, int v) : IRowJob
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
        Ops.Scale(row, scales[i], v);
    }
}
