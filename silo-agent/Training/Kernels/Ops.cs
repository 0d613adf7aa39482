// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Training.Kernels;

/// <summary>Elementwise and row operations of a transformer, each with its backward pass. Rows are independent, so threads never share a sum.</summary>
internal static unsafe partial class Ops
{
    internal static readonly int Width = Vector<float>.Count;

    /// <summary>The sum of products, in a fixed order.</summary>
    public static float Dot(float* a, float* b, int n)
    {
        Vector<float> sum = Vector<float>.Zero;
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            sum += Load(a + i) * Load(b + i);
        }

        float total = Vector.Sum(sum);
        for (; i < n; i++)
        {
            total += a[i] * b[i];
        }

        return total;
    }

    /// <summary>The sum of products of three, in a fixed order.</summary>
    public static float Dot(float* a, float* b, float* c, int n)
    {
        Vector<float> sum = Vector<float>.Zero;
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            sum += Load(a + i) * Load(b + i) * Load(c + i);
        }

        float total = Vector.Sum(sum);
        for (; i < n; i++)
        {
            total += a[i] * b[i] * c[i];
        }

        return total;
    }

    /// <summary>x *= s.</summary>
    public static void Scale(float* x, float s, int n)
    {
        Vector<float> scale = new(s);
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Store(Load(x + i) * scale, x + i);
        }

        for (; i < n; i++)
        {
            x[i] *= s;
        }
    }

    /// <summary>y += s·x.</summary>
    public static void AddScaled(float* y, float* x, float s, long n)
    {
        long i = 0;
        Vector<float> scale = new(s);
        for (; i + Width <= n; i += Width)
        {
            Store(Load(y + i) + (Load(x + i) * scale), y + i);
        }

        for (; i < n; i++)
        {
            y[i] += x[i] * s;
        }
    }

    /// <summary>RMSNorm (Zhang and Sennrich 2019): y = x · r · w with r = 1 / sqrt(mean(x²) + ε). Returns r.</summary>
    public static float RmsNorm(float* x, float* w, float* y, int n, float epsilon)
    {
        float r = 1f / MathF.Sqrt((Dot(x, x, n) / n) + epsilon);
        Vector<float> scale = new(r);
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Store(Load(x + i) * scale * Load(w + i), y + i);
        }

        for (; i < n; i++)
        {
            y[i] = x[i] * r * w[i];
        }

        return r;
    }

    /// <summary>Adds the gradient of RMSNorm to dx, and to dw where the weight trains.</summary>
    public static void RmsNormBackward(float* x, float* w, float r, float* dy, float* dx, float* dw, int n)
    {
        float k = Dot(x, dy, w, n) * r * r * r / n;
        (Vector<float> scale, Vector<float> pull) = (new(r), new(k));
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Store(Load(dx + i) + ((Load(dy + i) * Load(w + i) * scale) - (Load(x + i) * pull)), dx + i);
        }

        for (; i < n; i++)
        {
            dx[i] += (dy[i] * w[i] * r) - (x[i] * k);
        }

        for (i = 0; dw is not null && i < n; i++)
        {
            dw[i] += dy[i] * x[i] * r;
        }
    }

    /// <summary>Rotary positions (Su et al. 2021) on one head, in the half-split layout of Hugging Face; sign -1 undoes them.</summary>
    public static void Rope(float* head, float* cos, float* sin, int half, float sign)
    {
        Vector<float> direction = new(sign);
        int i = 0;
        for (; i + Width <= half; i += Width)
        {
            (Vector<float> u, Vector<float> v) = (Load(head + i), Load(head + half + i));
            (Vector<float> c, Vector<float> s) = (Load(cos + i), Load(sin + i) * direction);
            Store((u * c) - (v * s), head + i);
            Store((v * c) + (u * s), head + half + i);
        }

        for (; i < half; i++)
        {
            float u = head[i];
            float v = head[half + i];
            float s = sin[i] * sign;
            head[i] = (u * cos[i]) - (v * s);
            head[half + i] = (v * cos[i]) + (u * s);
        }
    }

    /// <summary>Softmax over a row. Returns the logarithm of the sum of exponentials.</summary>
    public static float Softmax(float* row, int n)
    {
        float logSum = Exponentials(row, n, n, out float sum);
        Scale(row, 1f / sum, n);
        return logSum;
    }

    /// <summary>exp(x - max x) over the first n of a row, of which <paramref name="sum"/> is the sum; the rest becomes zero. Returns the logarithm of the sum of exponentials.</summary>
    public static float Exponentials(float* row, int n, int length, out float sum)
    {
        float max = Max(row, n);
        Vector<float> shift = new(max);
        Vector<float> sums = Vector<float>.Zero;
        int j = 0;
        for (; j + Width <= n; j += Width)
        {
            Vector<float> e = Exp(Load(row + j) - shift);
            Store(e, row + j);
            sums += e;
        }

        sum = Vector.Sum(sums);
        for (; j < n; j++)
        {
            row[j] = MathF.Exp(row[j] - max);
            sum += row[j];
        }

        new Span<float>(row + n, length - n).Clear();
        return max + MathF.Log(sum);
    }

    /// <summary>From scores s the weights p = exp(s - logSum) again, written over them, and from the weights' gradients those of what was scaled to scores: ds = p · (dp - dot) · scale, written over dp.</summary>
    /// <param name="s">Scores.</param>
    /// <param name="dp">Gradients of the weights.</param>
    /// <param name="n">How many.</param>
    /// <param name="logSum">The logarithm of the sum of the row's exponentials.</param>
    /// <param name="dot">Σ p·dp.</param>
    /// <param name="scale">What was scaled by.</param>
    public static void SoftmaxBackward(float* s, float* dp, int n, float logSum, float dot, float scale)
    {
        Vector<float> shift = new(logSum);
        (Vector<float> dots, Vector<float> scales) = (new(dot), new(scale));
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> p = Exp(Load(s + i) - shift);
            Store(p, s + i);
            Store(p * (Load(dp + i) - dots) * scales, dp + i);
        }

        for (; i < n; i++)
        {
            s[i] = MathF.Exp(s[i] - logSum);
            dp[i] = s[i] * (dp[i] - dot) * scale;
        }
    }

    /// <summary>SwiGLU (Shazeer 2020): m = silu(g) · u.</summary>
    public static void SwiGlu(float* g, float* u, float* m, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> x = Load(g + i);
            Store(x / (Vector<float>.One + Exp(-x)) * Load(u + i), m + i);
        }

        for (; i < n; i++)
        {
            m[i] = g[i] / (1f + MathF.Exp(-g[i])) * u[i];
        }
    }

    /// <summary>The gradient of SwiGLU.</summary>
    public static void SwiGluBackward(float* g, float* u, float* dm, float* dg, float* du, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> x = Load(g + i);
            Vector<float> s = Vector<float>.One / (Vector<float>.One + Exp(-x));
            Vector<float> d = Load(dm + i);
            Store(d * x * s, du + i);
            Store(d * Load(u + i) * s * (Vector<float>.One + (x * (Vector<float>.One - s))), dg + i);
        }

        for (; i < n; i++)
        {
            float s = 1f / (1f + MathF.Exp(-g[i]));
            du[i] = dm[i] * g[i] * s;
            dg[i] = dm[i] * u[i] * s * (1f + (g[i] * (1f - s)));
        }
    }

    // Like MathF.Max, NaN if any is NaN, so that a loss that went wrong is seen.
    private static float Max(float* x, int n)
    {
        Vector<float> most = new(float.NegativeInfinity);
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            most = Vector.Max(most, Load(x + i));
        }

        float max = float.NegativeInfinity;
        for (int lane = 0; lane < Width; lane++)
        {
            max = MathF.Max(max, most[lane]);
        }

        for (; i < n; i++)
        {
            max = MathF.Max(max, x[i]);
        }

        return max;
    }

    private static Vector<float> Load(float* p) => *(Vector<float>*)p;

    private static void Store(Vector<float> v, float* p) => *(Vector<float>*)p = v;
}
