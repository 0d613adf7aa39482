// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Tests.Kernels;

/// <summary>Row operations against their formulas in binary64, at widths that are no multiple of a vector.</summary>
public sealed unsafe class OpsTests
{
    private const int N = 37;

    private static readonly double[] Points = [.. Enumerable.Range(0, N).Select(i => (i - 18) * 0.41), -40, -0.2, -1e-3, 0, 1e-6, 0.2499, 0.2501, 40, 90, 1000];

    [Fact]
    public void Gelu_AnyValue_AgreesWithTheFormulaAndItsDerivative()
    {
        int n = Points.Length;
        using Matrix x = Row(Points);
        using Matrix m = new(1, n);
        using Matrix d = new(1, n);
        using Matrix ones = Row([.. Points.Select(_ => 1.0)]);

        Ops.Gelu(x.P, m.P, n);
        Ops.GeluBackward(x.P, ones.P, d.P, n);

        for (int i = 0; i < n; i++)
        {
            double at = x.P[i];
            Assert.Equal(Gelu(at), m.P[i], tolerance: 1e-6 * Math.Max(1, Math.Abs(at)));
            Assert.Equal((Gelu(at + 1e-5) - Gelu(at - 1e-5)) / 2e-5, d.P[i], tolerance: 1e-5);
        }
    }

    [Fact]
    public void GeGlu_AnyValue_AgreesWithGelu()
    {
        int n = Points.Length;
        using Matrix g = Row(Points);
        using Matrix u = Row([.. Points.Select((_, i) => (i % 7) - 3.0)]);
        using Matrix dm = Row([.. Points.Select((_, i) => (i % 5) - 1.5)]);
        using Matrix m = new(1, n);
        using Matrix dg = new(1, n);
        using Matrix du = new(1, n);

        Ops.GeGlu(g.P, u.P, m.P, n);
        Ops.GeGluBackward(g.P, u.P, dm.P, dg.P, du.P, n);

        for (int i = 0; i < n; i++)
        {
            double at = g.P[i];
            double tolerance = 1e-5 * Math.Max(1, Math.Abs(at));
            Assert.Equal(Gelu(at) * u.P[i], m.P[i], tolerance);
            Assert.Equal(dm.P[i] * Gelu(at), du.P[i], tolerance);
            Assert.Equal(dm.P[i] * u.P[i] * (Gelu(at + 1e-5) - Gelu(at - 1e-5)) / 2e-5, dg.P[i], tolerance);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(30)]
    public void SoftCap_AnyValue_IsTheTangentWithItsDerivative(float cap)
    {
        int n = Points.Length;
        using Matrix x = Row(Points);
        using Matrix slopes = new(1, n);

        Ops.SoftCap(x.P, slopes.P, cap, n);

        for (int i = 0; i < n; i++)
        {
            double t = Math.Tanh((float)Points[i] / (double)cap);
            Assert.Equal(cap * t, x.P[i], tolerance: 2e-6 * Math.Max(Math.Abs(cap * t), 1e-3));
            Assert.Equal(1 - (t * t), slopes.P[i], tolerance: 1e-6);
        }
    }

    [Fact]
    public void LayerNorm_RowFarFromZero_AgreesWithTheFormulaAndFiniteDifferences()
    {
        Random random = new(1);
        double[] x = [.. Enumerable.Range(0, N).Select(_ => (double)(float)(50 + random.NextDouble()))];
        double[] w = [.. x.Select(_ => (double)(float)(random.NextDouble() + 0.5))];
        double[] b = [.. x.Select(_ => (double)(float)random.NextDouble())];
        double[] dy = [.. x.Select(_ => (double)(float)(random.NextDouble() - 0.5))];
        using Matrix xs = Row(x);
        using Matrix ws = Row(w);
        using Matrix bs = Row(b);
        using Matrix dys = Row(dy);
        using Matrix y = new(1, N);
        using Matrix dx = Row([.. x.Select(_ => 1.0)]); // added to
        using Matrix dw = new(1, N);
        using Matrix db = new(1, N);

        (float mean, float inverse) = Ops.LayerNorm(xs.P, ws.P, bs.P, y.P, N, 1e-3f);
        Ops.LayerNormBackward(xs.P, ws.P, mean, inverse, dys.P, dx.P, dw.P, db.P, N);

        double[] expected = LayerNorm(x, w, b);
        double Along(Func<double, double[]> at) => at(1e-5).Zip(at(-1e-5), (up, down) => (up - down) / 2e-5).Zip(dy, (slope, weight) => slope * weight).Sum();
        double[] Moved(double[] values, int i, double step) => [.. values.Select((value, j) => i == j ? value + step : value)];
        for (int i = 0; i < N; i++)
        {
            Assert.Equal(expected[i], y.P[i], tolerance: 1e-4);
            Assert.Equal(1 + Along(step => LayerNorm(Moved(x, i, step), w, b)), dx.P[i], tolerance: 1e-4);
            Assert.Equal(Along(step => LayerNorm(x, Moved(w, i, step), b)), dw.P[i], tolerance: 1e-4);
            Assert.Equal(dy[i], db.P[i]);
        }
    }

    [Fact]
    public void Exponentials_ScoresFarApart_AreTheFormulasToTwoUnitsInTheLastPlace()
    {
        const int Rest = 5;
        double[] scores = [.. Enumerable.Range(0, 4003).Select(i => 3 - (i * 0.0217))];
        using Matrix row = Row([.. scores, .. Enumerable.Repeat(7.0, Rest)]);

        float logSum = Ops.Exponentials(row.P, scores.Length, scores.Length + Rest, out float sum);

        double expected = scores.Sum(score => Math.Exp((float)score - 3.0));
        Assert.Equal(expected, sum, tolerance: 1e-5 * expected);
        Assert.Equal(3 + Math.Log(expected), logSum, tolerance: 4e-6);
        Assert.All(Enumerable.Range(0, scores.Length), i => Assert.Equal(Math.Exp((float)scores[i] - 3f), row.P[i], tolerance: 2.4e-7 * Math.Exp(scores[i] - 3)));
        Assert.All(Enumerable.Range(scores.Length, Rest), i => Assert.Equal(0f, row.P[i]));
    }

    [Fact]
    public void Exponentials_BelowTheLeastNormalNumberOrNaN_AreZeroOrNaN()
    {
        double[] scores = [.. Enumerable.Range(0, N).Select(i => i % 3 == 0 ? 0.0 : -88.5 * i)];
        using Matrix row = Row(scores);

        Ops.Exponentials(row.P, N, N, out float sum);
        Assert.All(Enumerable.Range(0, N), i => Assert.Equal(i % 3 == 0 ? 1f : 0f, row.P[i], tolerance: 1e-37f));
        Assert.Equal((N + 2) / 3, sum);

        // Also where the bits of its payload would become an exponent.
        foreach (uint bits in (uint[])[0x7FC0_0000, 0x7FC0_0001, 0x7FC0_00FF, 0xFFC0_0101])
        {
            using Matrix poisoned = Row(scores);
            poisoned.P[1] = BitConverter.UInt32BitsToSingle(bits);
            Assert.True(float.IsNaN(Ops.Exponentials(poisoned.P, N, N, out sum)));
            Assert.True(float.IsNaN(sum));
            Assert.True(float.IsNaN(poisoned.P[1]));
        }
    }

    [Fact]
    public void SwiGlu_AnyValue_AgreesWithTheFormulaAndItsDerivative()
    {
        int n = Points.Length;
        double[] gates = [.. Points.Select((point, i) => i % 2 == 0 ? point : -point)];
        using Matrix g = Row(gates);
        using Matrix u = Row([.. Points.Select((_, i) => (i % 7) - 3.0)]);
        using Matrix dm = Row([.. Points.Select((_, i) => (i % 5) - 1.5)]);
        using Matrix m = new(1, n);
        using Matrix dg = new(1, n);
        using Matrix du = new(1, n);

        Ops.SwiGlu(g.P, u.P, m.P, n);
        Ops.SwiGluBackward(g.P, u.P, dm.P, dg.P, du.P, n);

        for (int i = 0; i < n; i++)
        {
            double at = g.P[i];
            double tolerance = 1e-6 * Math.Max(1, Math.Abs(at)) * 3;
            double gate = 1 / (1 + Math.Exp(-at));
            Assert.Equal(at * gate * u.P[i], m.P[i], tolerance);
            Assert.Equal(dm.P[i] * at * gate, du.P[i], tolerance);
            Assert.Equal(dm.P[i] * u.P[i] * gate * (1 + (at * (1 - gate))), dg.P[i], tolerance);
        }
    }

    [Fact]
    public void SoftmaxBackward_ScoresOfARow_GivesTheWeightsAndTheGradientOfWhatWasScaled()
    {
        Random random = new(4);
        double[] scores = [.. Enumerable.Range(0, N).Select(_ => (double)(float)((random.NextDouble() * 8) - 4))];
        double[] dp = [.. scores.Select(_ => (double)(float)(random.NextDouble() - 0.5))];
        double logSum = Math.Log(scores.Sum(Math.Exp));
        double[] p = [.. scores.Select(score => Math.Exp(score - logSum))];
        double dot = p.Zip(dp, (weight, slope) => weight * slope).Sum();
        using Matrix row = Row(scores);
        using Matrix gradients = Row(dp);

        Ops.SoftmaxBackward(row.P, gradients.P, N, (float)logSum, (float)dot, 0.25f);

        for (int i = 0; i < N; i++)
        {
            Assert.Equal(p[i], row.P[i], tolerance: 1e-6);
            Assert.Equal(p[i] * (dp[i] - dot) * 0.25, gradients.P[i], tolerance: 1e-6);
        }
    }

    private static double[] LayerNorm(double[] x, double[] w, double[] b)
    {
        double mean = x.Average();
        double r = 1 / Math.Sqrt(x.Average(value => (value - mean) * (value - mean)) + 1e-3);
        return [.. x.Select((value, i) => ((value - mean) * r * w[i]) + b[i])];
    }

    private static double Gelu(double x) => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + (0.044715 * x * x * x))));

    private static Matrix Row(double[] values)
    {
        Matrix matrix = new(1, values.Length);
        for (int i = 0; i < values.Length; i++)
        {
            matrix.P[i] = (float)values[i];
        }

        return matrix;
    }
}
