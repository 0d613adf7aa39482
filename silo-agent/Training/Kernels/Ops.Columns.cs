// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Training.Kernels;

/// <content>Element by element.</content>
internal static unsafe partial class Ops
{
    /// <summary>y = x·s + b, element by element; b may be null.</summary>
    public static void ScaleAdd(float* x, float* s, float* b, float* y, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> product = Load(x + i) * Load(s + i);
            Store(b is null ? product : product + Load(b + i), y + i);
        }

        for (; i < n; i++)
        {
            y[i] = (x[i] * s[i]) + (b is null ? 0 : b[i]);
        }
    }

    /// <summary>y += a·b, element by element.</summary>
    public static void AddProducts(float* y, float* a, float* b, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Store(Load(y + i) + (Load(a + i) * Load(b + i)), y + i);
        }

        for (; i < n; i++)
        {
            y[i] += a[i] * b[i];
        }
    }

    /// <summary>y = a / b, element by element; y may be a.</summary>
    public static void Quotients(float* a, float* b, float* y, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Store(Load(a + i) / Load(b + i), y + i);
        }

        for (; i < n; i++)
        {
            y[i] = a[i] / b[i];
        }
    }
}
