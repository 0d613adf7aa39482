// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>x += added, unless that is null; y = RMSNorm(x), and 1 / rms of each row. Rows of width c.</summary>
internal readonly unsafe struct NormRows(float* added, float* x, float* weight, float* y, float* inverse, int c, float epsilon) : IRowJob
{
    public void Row(int i)
    {
        long at = (long)i * c;
        if (added is not null)
        {
            Ops.AddScaled(x + at, added + at, 1, c);
        }

        inverse[i] = Ops.RmsNorm(x + at, weight, y + at, c, epsilon);
    }
}

/// <summary>Adds the gradient through RMSNorm to dx, and the weight's to dw where it trains.</summary>
internal readonly unsafe struct NormBackwardRows(float* x, float* weight, float* inverse, float* dy, float* dx, float* dw, int c) : IRowJob
{
    public void Row(int i) => Ops.RmsNormBackward(x + ((long)i * c), weight, inverse[i], dy + ((long)i * c), dx + ((long)i * c), dw, c);
}

/// <summary>x += added, unless that is null; y = LayerNorm(x), and μ and 1 / deviation of each row. Rows of width c.</summary>
internal readonly unsafe struct LayerNormRows(float* added, float* x, float* weight, float* bias, float* y, float* mean, float* inverse, int c, float epsilon) : IRowJob
{
    public void Row(int i)
    {
        long at = (long)i * c;
        if (added is not null)
        {
            Ops.AddScaled(x + at, added + at, 1, c);
        }

        (mean[i], inverse[i]) = Ops.LayerNorm(x + at, weight, bias, y + at, c, epsilon);
    }
}

/// <summary>Adds the gradient through LayerNorm to dx, and the weight's and the bias's to dw and db where they train.</summary>
internal readonly unsafe struct LayerNormBackwardRows(float* x, float* weight, float* mean, float* inverse, float* dy, float* dx, float* dw, float* db, int c) : IRowJob
{
    public void Row(int i) => Ops.LayerNormBackward(x + ((long)i * c), weight, mean[i], inverse[i], dy + ((long)i * c), dx + ((long)i * c), dw, db, c);
}

/// <summary>Writes the same row, of width c, everywhere.</summary>
internal readonly unsafe struct FillRows(float* row, float* y, int c) : IRowJob
{
    public void Row(int i) => new ReadOnlySpan<float>(row, c).CopyTo(new Span<float>(y + ((long)i * c), c));
}

/// <summary>Turns the heads of each token, the distance between tokens apart, by its position; the sign −1 turns back. Heads of width 2·half.</summary>
internal readonly unsafe struct RopeRows(float* heads, float* cos, float* sin, int count, int stride, int half, int* positions, float sign) : IRowJob
{
    public void Row(int i)
    {
        long at = (long)positions[i] * half;
        for (int h = 0; h < count; h++)
        {
            Ops.Rope(heads + ((long)i * stride) + (h * 2 * half), cos + at, sin + at, half, sign);
        }
    }
}

/// <summary>What a feed-forward layer does between its matrices. Rows of width f; g is null where there is no gate.</summary>
internal readonly unsafe struct FeedForwardRows(FeedForwardKind kind, float* g, float* u, float* m, int f) : IRowJob
{
    public void Row(int i)
    {
        long at = (long)i * f;
        switch (kind)
        {
            case FeedForwardKind.SwiGlu:
                Ops.SwiGlu(g + at, u + at, m + at, f);
                break;
            case FeedForwardKind.GeGlu:
                Ops.GeGlu(g + at, u + at, m + at, f);
                break;
            default:
                Ops.Gelu(u + at, m + at, f);
                break;
        }
    }
}

/// <summary>The gradients of g and u from m's.</summary>
internal readonly unsafe struct FeedForwardBackwardRows(FeedForwardKind kind, float* g, float* u, float* dm, float* dg, float* du, int f) : IRowJob
{
    public void Row(int i)
    {
        long at = (long)i * f;
        switch (kind)
        {
            case FeedForwardKind.SwiGlu:
                Ops.SwiGluBackward(g + at, u + at, dm + at, dg + at, du + at, f);
                break;
            case FeedForwardKind.GeGlu:
                Ops.GeGluBackward(g + at, u + at, dm + at, dg + at, du + at, f);
                break;
            default:
                Ops.GeluBackward(u + at, dm + at, du + at, f);
                break;
        }
    }
}

/// <summary>Caps the logits of each row. Rows of width v.</summary>
internal readonly unsafe struct SoftCapRows(float* logits, float cap, int v) : IRowJob
{
    public void Row(int i) => Ops.SoftCap(logits + ((long)i * v), null, cap, v);
}

/// <summary>Turns the logits of each row into the gradient of its cross-entropy, which goes to <c>losses</c>, times the row's scale. Rows of width v. Through a cap above 0 the gradient is that of what was capped.</summary>
internal readonly unsafe struct LossRows(float* logits, int* targets, float* scales, double* losses, int v, float cap) : IRowJob
{
    public void Row(int i)
    {
        float* row = logits + ((long)i * v);
        float target = row[targets[i]];
        float slope = 1;
        if (cap > 0)
        {
            float logSum = Ops.LogSumExp(row, v);
            losses[i] = logSum - target;
            slope -= target / cap * (target / cap);
            Ops.CappedSoftmaxGradient(row, logSum, cap, v);
        }
        else
        {
            losses[i] = Ops.Softmax(row, v) - target;
        }

        row[targets[i]] -= slope;
        Ops.Scale(row, scales[i], v);
    }
}
