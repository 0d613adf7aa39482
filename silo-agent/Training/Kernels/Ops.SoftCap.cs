// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Training.Kernels;

/// <content>Soft caps (Gemma Team 2024, section 2): cap · tanh(x / cap), which never leaves ± cap.</content>
internal static unsafe partial class Ops
{
    // Below, 1 - exp loses digits to cancellation, and the first terms of tanh's series are exact to binary32.
    private const float Small = 0.25f;

    /// <summary>Caps a row.</summary>
    /// <param name="x">The row, capped in place.</param>
    /// <param name="slopes">Receives the derivatives, 1 - tanh²(x / cap); null for none.</param>
    /// <param name="cap">The cap.</param>
    /// <param name="n">Its length.</param>
    public static void SoftCap(float* x, float* slopes, float cap, int n)
    {
        (Vector<float> caps, Vector<float> shrink) = (new(cap), new(1f / cap));
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> t = Tanh(Load(x + i) * shrink);
            Store(caps * t, x + i);
            if (slopes is not null)
            {
                Store(Vector<float>.One - (t * t), slopes + i);
            }
        }

        for (; i < n; i++)
        {
            float t = MathF.Tanh(x[i] * (1f / cap));
            x[i] = cap * t;
            if (slopes is not null)
            {
                slopes[i] = 1f - (t * t);
            }
        }
    }

    /// <summary>x *= y.</summary>
    public static void Multiply(float* x, float* y, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Store(Load(x + i) * Load(y + i), x + i);
        }

        for (; i < n; i++)
        {
            x[i] *= y[i];
        }
    }

    /// <summary>The logarithm of the sum of exponentials of a row.</summary>
    public static float LogSumExp(float* row, int n)
    {
        float max = Max(row, n);
        (Vector<float> shift, Vector<float> sums) = (new(max), Vector<float>.Zero);
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            sums += Exp(Load(row + i) - shift);
        }

        float sum = Vector.Sum(sums);
        for (; i < n; i++)
        {
            sum += MathF.Exp(row[i] - max);
        }

        return max + MathF.Log(sum);
    }

    /// <summary>Turns capped logits c into softmax(c) · (1 - (c / cap)²): the gradient of their log-sum-exp with respect to what was capped.</summary>
    public static void CappedSoftmaxGradient(float* row, float logSum, float cap, int n)
    {
        (Vector<float> shift, Vector<float> shrink) = (new(logSum), new(1f / cap));
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> c = Load(row + i);
            Vector<float> t = c * shrink;
            Store(Exp(c - shift) * (Vector<float>.One - (t * t)), row + i);
        }

        for (; i < n; i++)
        {
            float t = row[i] * (1f / cap);
            row[i] = MathF.Exp(row[i] - logSum) * (1f - (t * t));
        }
    }

    private static Vector<float> Tanh(Vector<float> x)
    {
        Vector<float> size = Vector.Abs(x);
        Vector<float> e = Exp(size * -2f);
        Vector<float> large = (Vector<float>.One - e) / (Vector<float>.One + e);
        large = Vector.ConditionalSelect(Vector.LessThan(x, Vector<float>.Zero), -large, large);
        Vector<float> q = x * x;
        Vector<float> series = x * (Vector<float>.One + (q * (new Vector<float>(-1f / 3) + (q * (new Vector<float>(2f / 15) + (q * (new Vector<float>(-17f / 315) + (q * (62f / 2835)))))))));
        return Vector.ConditionalSelect(Vector.LessThan(size, new Vector<float>(Small)), series, large);
    }
}
