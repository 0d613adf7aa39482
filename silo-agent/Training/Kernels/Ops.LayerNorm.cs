// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Training.Kernels;

/// <content>LayerNorm (Ba et al. 2016).</content>
internal static unsafe partial class Ops
{
    /// <summary>y = (x - μ) · r · w + b with r = 1 / sqrt(variance + ε). Returns μ and r.</summary>
    public static (float Mean, float Inverse) LayerNorm(float* x, float* w, float* b, float* y, int n, float epsilon)
    {
        float mean = Sum(x, n) / n;
        float r = 1f / MathF.Sqrt((SquaredDistance(x, mean, n) / n) + epsilon);
        (Vector<float> means, Vector<float> scale) = (new(mean), new(r));
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Store(((Load(x + i) - means) * scale * Load(w + i)) + Load(b + i), y + i);
        }

        for (; i < n; i++)
        {
            y[i] = ((x[i] - mean) * r * w[i]) + b[i];
        }

        return (mean, r);
    }

    /// <summary>Adds the gradient of LayerNorm to dx, and to dw and db where they train: dx += r · (g - mean(g) - x̂ · mean(g · x̂)) with g = dy · w and x̂ = (x - μ) · r.</summary>
    public static void LayerNormBackward(float* x, float* w, float mean, float r, float* dy, float* dx, float* dw, float* db, int n)
    {
        float pull = Dot(dy, w, n) / n;
        float turn = CentredDot(x, mean, dy, w, n) * r / n; // mean(g · x̂)
        (Vector<float> means, Vector<float> scale, Vector<float> pulls, Vector<float> turns) = (new(mean), new(r), new(pull), new(turn));
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> normal = (Load(x + i) - means) * scale;
            Store(Load(dx + i) + (scale * ((Load(dy + i) * Load(w + i)) - pulls - (normal * turns))), dx + i);
        }

        for (; i < n; i++)
        {
            dx[i] += r * ((dy[i] * w[i]) - pull - ((x[i] - mean) * r * turn));
        }

        for (i = 0; dw is not null && i < n; i++)
        {
            dw[i] += dy[i] * (x[i] - mean) * r;
        }

        for (i = 0; db is not null && i < n; i++)
        {
            db[i] += dy[i];
        }
    }

    private static float Sum(float* x, int n)
    {
        Vector<float> sums = Vector<float>.Zero;
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            sums += Load(x + i);
        }

        float sum = Vector.Sum(sums);
        for (; i < n; i++)
        {
            sum += x[i];
        }

        return sum;
    }

    // Σ (x - μ) · a · b: the mean is taken off before the sum, so that a row far from zero loses no digits.
    private static float CentredDot(float* x, float mean, float* a, float* b, int n)
    {
        (Vector<float> means, Vector<float> sums) = (new(mean), Vector<float>.Zero);
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            sums += (Load(x + i) - means) * Load(a + i) * Load(b + i);
        }

        float sum = Vector.Sum(sums);
        for (; i < n; i++)
        {
            sum += (x[i] - mean) * a[i] * b[i];
        }

        return sum;
    }

    private static float SquaredDistance(float* x, float mean, int n)
    {
        (Vector<float> means, Vector<float> sums) = (new(mean), Vector<float>.Zero);
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> away = Load(x + i) - means;
            sums += away * away;
        }

        float sum = Vector.Sum(sums);
        for (; i < n; i++)
        {
            sum += (x[i] - mean) * (x[i] - mean);
        }

        return sum;
    }
}
