// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;
using Xunit;

namespace FedCloud.Training.Tests.Kernels;

public sealed unsafe class GemmTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(13, 33, 7)]
    [InlineData(12, 32, 384)]
    [InlineData(50, 70, 400)]
    [InlineData(200, 31, 5)]
    [InlineData(193, 2100, 3)]
    public void Multiply_OddShapes_AgreesWithTheDefinition(int m, int n, int k)
    {
        foreach ((bool ta, bool tb) in new[] { (false, false), (false, true), (true, false), (true, true) })
        {
            using Matrix a = Fill(ta ? k : m, ta ? m : k, 1);
            using Matrix b = Fill(tb ? n : k, tb ? k : n, 2);
            using Matrix c = Fill(m, n, 3);
            float[] before = c.Span.ToArray();

            Gemm.Multiply(ta, tb, m, n, k, 0.5f, a.P, a.Columns, b.P, b.Columns, 2, c.P, n, threads: 2);

            for (int i = 0; i < m; i += 7)
            {
                for (int j = 0; j < n; j += 5)
                {
                    double expected = 2.0 * before[(i * n) + j];
                    for (int p = 0; p < k; p++)
                    {
                        expected += 0.5 * (ta ? a.P[(p * m) + i] : a.P[(i * k) + p]) * (tb ? b.P[(j * k) + p] : b.P[(p * n) + j]);
                    }

                    Assert.Equal(expected, c.P[(i * n) + j], 1e-3);
                }
            }
        }
    }

    private static Matrix Fill(int rows, int columns, int seed)
    {
        Random random = new(seed);
        Matrix matrix = new(rows, columns);
        foreach (ref float value in matrix.Span)
        {
            value = (float)((random.NextDouble() * 2) - 1);
        }

        return matrix;
    }
}
