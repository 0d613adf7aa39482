// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Kernels;

public sealed unsafe class GemmTests
{
    public static IEnumerable<string> Kernels => GemmKernel.All.Select(kernel => kernel.Name);

    public static TheoryData<string> EveryKernel => [.. Kernels];

    public static TheoryData<string, bool, bool> Products
    {
        get
        {
            TheoryData<string, bool, bool> products = [];
            foreach (string kernel in Kernels)
            {
                products.Add(kernel, false, false);
                products.Add(kernel, false, true);
                products.Add(kernel, true, false);
                products.Add(kernel, true, true);
            }

            return products;
        }
    }

    [Theory]
    [MemberData(nameof(Products))]
    public void Multiply_AnyShape_AgreesWithTheDefinition(string kernel, bool transposeA, bool transposeB)
    {
        Gen<(int M, int N, int K, int Scale)> shapes =
            from m in Gen.Choose(1, 70)
            from n in Gen.Choose(1, 90)
            from k in Gen.Choose(1, 500)
            from scale in Gen.Choose(0, 2)
            select (m, n, k, scale);

        Prop.ForAll(shapes.ToArbitrary(), shape => Error(kernel, transposeA, transposeB, shape.M, shape.N, shape.K, beta: shape.Scale * 0.5f) < 1e-4)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(40));
    }

    // Rows 4 KiB apart: products as narrow as an adapter then have a tile of their own.
    [Theory]
    [MemberData(nameof(Products))]
    public void Multiply_RowsThatShareASetOfTheCache_AgreesWithTheDefinition(string kernel, bool transposeA, bool transposeB)
    {
        for (int m = 1; m <= 26; m++)
        {
            double error = Error(kernel, transposeA, transposeB, m, n: 1 + (m * 5 % 9), k: 1024, beta: m % 3);

            Assert.True(error < 1e-4, $"m {m}: error {error}");
        }
    }

    // Every remainder of every tile of every kernel: 12, 6 and 4 rows, 32, 16 and 8 columns.
    [Theory]
    [MemberData(nameof(Products))]
    public void Multiply_EveryEdgeOfATile_AgreesWithTheDefinition(string kernel, bool transposeA, bool transposeB)
    {
        for (int n = 1; n <= 41; n++)
        {
            double error = Error(kernel, transposeA, transposeB, m: 1 + (n * 5 % 27), n, k: 1 + (n % 6), beta: n % 3);

            Assert.True(error < 1e-4, $"n {n}: error {error}");
        }
    }

    [Theory]
    [MemberData(nameof(EveryKernel))]
    public void Multiply_LargerThanEveryBlock_AgreesWithTheDefinition(string kernel)
    {
        double error = Error(kernel, transposeA: false, transposeB: true, m: 205, n: 2100, k: 601, beta: 0);

        Assert.True(error < 1e-4, $"error {error}");
    }

    [Theory]
    [MemberData(nameof(EveryKernel))]
    public void Multiply_NothingToSum_ScalesOnly(string kernel)
    {
        using Matrix c = Filled(3, 5, 3);
        float[] expected = [.. c.Span.ToArray().Select(value => value / 2)];

        Gemm.Multiply(false, false, 3, 5, 0, 1, c.P, 1, c.P, 5, 0.5f, c.P, 5, kernel: Kernel(kernel));

        Assert.Equal(expected, c.Span.ToArray());
    }

    [Theory]
    [InlineData(300, 129, 70)]
    [InlineData(65, 700, 401)]
    [InlineData(1000, 8, 401)]
    public void Multiply_TwoThreads_GivesTheBitsOfOne(int m, int n, int k)
    {
        using Matrix a = Filled(m, k, 1);
        using Matrix b = Filled(n, k, 2);
        using Matrix one = new(m, n);
        using Matrix two = new(m, n);

        foreach (GemmKernel kernel in GemmKernel.All)
        {
            Gemm.Multiply(false, true, m, n, k, 1, a.P, k, b.P, k, 0, one.P, n, threads: 1, kernel);
            Gemm.Multiply(false, true, m, n, k, 1, a.P, k, b.P, k, 0, two.P, n, threads: 2, kernel);

            Assert.True(one.Span.SequenceEqual(two.Span), kernel.Name);
        }
    }

    // Sums of more pieces than a block of depth has, of terms longer than one, and of none.
    [Theory]
    [MemberData(nameof(EveryKernel))]
    public void Multiply_SumOfProducts_AgreesWithTheDefinitionOnAnyNumberOfThreads(string kernel)
    {
        Gen<(int M, int N, int[] Depths, int Scale, int Seed)> sums =
            from m in Gen.Choose(1, 230)
            from n in Gen.Choose(1, 90)
            from count in Gen.Choose(1, 11)
            from depths in Gen.Elements(0, 1, 8, 100, 128, 700).ArrayOf(count)
            from scale in Gen.Choose(0, 2)
            from seed in Gen.Choose(1, 1000)
            select (m, n, depths, scale, seed);

        Prop.ForAll(sums.ToArbitrary(), sum => SumError(kernel, sum.M, sum.N, sum.Depths, sum.Scale * 0.5f, sum.Seed) < 1e-4)
            .Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    private static double SumError(string name, int m, int n, int[] depths, float beta, int seed)
    {
        const float Alpha = 0.75f;
        GemmKernel kernel = Kernel(name);
        using Matrix c = Filled(m, n, seed);
        using Matrix onThree = Filled(m, n, seed);
        double[] expected = [.. c.Span.ToArray().Select(value => (double)beta * value)];
        List<Matrix> matrices = [];
        GemmTerm[] terms = new GemmTerm[depths.Length];
        for (int t = 0; t < depths.Length; t++)
        {
            int k = depths[t];
            (bool transposeA, bool transposeB) = (((seed + t) & 1) == 0, ((seed + t) & 2) == 0);
            Matrix a = transposeA ? Filled(k, m, seed + t) : Filled(m, k, seed + t);
            Matrix b = transposeB ? Filled(n, k, seed - t) : Filled(k, n, seed - t);
            matrices.AddRange([a, b]);
            terms[t] = new GemmTerm(transposeA, transposeB, k, t % 3 == 0 ? Alpha : 1, a.P, a.Columns, new GemmOperand(b.P, b.Columns));
            for (int i = 0; i < m * n; i++)
            {
                (int row, int column) = (i / n, i % n);
                double sum = 0;
                for (int l = 0; l < k; l++)
                {
                    sum += (double)a.P[transposeA ? (l * m) + row : (row * k) + l] * b.P[transposeB ? (column * k) + l : (l * n) + column];
                }

                expected[i] += sum * (t % 3 == 0 ? Alpha : 1);
            }
        }

        Gemm.Multiply(m, n, terms, beta, c.P, n, threads: 1, kernel);
        Gemm.Multiply(m, n, terms, beta, onThree.P, n, threads: 3, kernel);

        Assert.True(c.Span.SequenceEqual(onThree.Span));
        matrices.ForEach(matrix => matrix.Dispose());
        double depth = Math.Sqrt(Math.Max(1, depths.Sum()));
        return c.Span.ToArray().Zip(expected, (found, wanted) => Math.Abs(found - wanted) / depth).Max();
    }

    private static GemmKernel Kernel(string name) => GemmKernel.All.Single(kernel => string.Equals(kernel.Name, name, StringComparison.Ordinal));

    private static double Error(string kernel, bool transposeA, bool transposeB, int m, int n, int k, float beta)
    {
        const float Alpha = 0.75f;
        using Matrix a = transposeA ? Filled(k, m, 1) : Filled(m, k, 1);
        using Matrix b = transposeB ? Filled(n, k, 2) : Filled(k, n, 2);
        using Matrix c = Filled(m, n, 3);
        float[] before = c.Span.ToArray();

        Gemm.Multiply(transposeA, transposeB, m, n, k, Alpha, a.P, a.Columns, b.P, b.Columns, beta, c.P, n, threads: 1, Kernel(kernel));

        double worst = 0;
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < n; j++)
            {
                double sum = 0;
                for (int l = 0; l < k; l++)
                {
                    sum += (double)a.Span[transposeA ? (l * m) + i : (i * k) + l] * b.Span[transposeB ? (j * k) + l : (l * n) + j];
                }

                double expected = (Alpha * sum) + (beta * before[(i * n) + j]);
                worst = Math.Max(worst, Math.Abs(expected - c.Span[(i * n) + j]) / Math.Sqrt(k));
            }
        }

        return worst;
    }

    private static Matrix Filled(int rows, int columns, int seed)
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
