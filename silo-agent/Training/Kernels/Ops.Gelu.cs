// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Training.Kernels;

/// <content>GELU with tanh (Hendrycks and Gimpel 2016, section 2), since ½ · (1 + tanh(u)) is the logistic function of 2u: gelu(x) = x · σ(2u) with u = √(2/π) · (x + 0.044715 · x³).</content>
internal static unsafe partial class Ops
{
    private const float GeluTwice = 1.5957691216057308f; // 2·√(2/π)
    private const float GeluCube = 0.044715f;

    /// <summary>m = gelu(x).</summary>
    public static void Gelu(float* x, float* m, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> v = Load(x + i);
            Store(v * GeluGate(v), m + i);
        }

        for (; i < n; i++)
        {
            m[i] = x[i] * GeluGate(x[i]);
        }
    }

    /// <summary>The gradient of GELU.</summary>
    public static void GeluBackward(float* x, float* dm, float* dx, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> v = Load(x + i);
            Store(Load(dm + i) * GeluSlope(v, GeluGate(v)), dx + i);
        }

        for (; i < n; i++)
        {
            dx[i] = dm[i] * GeluSlope(x[i], GeluGate(x[i]));
        }
    }

    /// <summary>GEGLU (Shazeer 2020): m = gelu(g) · u.</summary>
    public static void GeGlu(float* g, float* u, float* m, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> v = Load(g + i);
            Store(v * GeluGate(v) * Load(u + i), m + i);
        }

        for (; i < n; i++)
        {
            m[i] = g[i] * GeluGate(g[i]) * u[i];
        }
    }

    /// <summary>The gradient of GEGLU.</summary>
    public static void GeGluBackward(float* g, float* u, float* dm, float* dg, float* du, int n)
    {
        int i = 0;
        for (; i + Width <= n; i += Width)
        {
            Vector<float> v = Load(g + i);
            Vector<float> s = GeluGate(v);
            Vector<float> d = Load(dm + i);
            Store(d * v * s, du + i);
            Store(d * Load(u + i) * GeluSlope(v, s), dg + i);
        }

        for (; i < n; i++)
        {
            float s = GeluGate(g[i]);
            du[i] = dm[i] * g[i] * s;
            dg[i] = dm[i] * u[i] * GeluSlope(g[i], s);
        }
    }

    private static Vector<float> GeluGate(Vector<float> x) =>
        Vector<float>.One / (Vector<float>.One + Exp(x * (new Vector<float>(-GeluTwice) - (x * x * (GeluTwice * GeluCube)))));

    private static float GeluGate(float x) => 1f / (1f + MathF.Exp(x * (-GeluTwice - (x * x * (GeluTwice * GeluCube)))));

    // s + x · s · (1 - s) · d(2u)/dx
    private static Vector<float> GeluSlope(Vector<float> x, Vector<float> s) =>
        s + (x * s * (Vector<float>.One - s) * (new Vector<float>(GeluTwice) + (x * x * (3 * GeluTwice * GeluCube))));

    private static float GeluSlope(float x, float s) => s + (x * s * (1f - s) * (GeluTwice + (x * x * (3 * GeluTwice * GeluCube))));
}
