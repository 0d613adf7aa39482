// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Kernels;

/// <summary>Products with weights in bfloat16 and in 8 bits: the bits of the same product with the weights widened before.</summary>
public sealed unsafe class CompactProductTests
{
    public static TheoryData<string, WeightStorage, bool, bool> Products
    {
        get
        {
            TheoryData<string, WeightStorage, bool, bool> products = [];
            foreach (string kernel in GemmTests.Kernels)
            {
                foreach (bool transposed in (bool[])[false, true])
                {
                    products.Add(kernel, WeightStorage.BF16, transposed, false);
                    products.Add(kernel, WeightStorage.Int8, transposed, false);
                    products.Add(kernel, WeightStorage.Int8, transposed, true);
                }
            }

            return products;
        }
    }

    [Theory]
    [MemberData(nameof(Products))]
    public void Multiply_AnyShape_GivesTheBitsOfTheWidenedMatrix(string kernel, WeightStorage storage, bool transposed, bool columnsHaveScales)
    {
        Gen<(int M, int N, int K, int Threads, int Beta)> shapes =
            from m in Gen.Choose(1, 40)
            from n in Gen.Choose(1, 90)
            from k in Gen.Choose(1, 500)
            from threads in Gen.Choose(1, 3)
            from beta in Gen.Choose(0, 1)
            select (m, n, k, threads, beta);

        Prop.ForAll(shapes.ToArbitrary(), shape => IsEqual(kernel, storage, transposed, columnsHaveScales, shape.M, shape.N, shape.K, shape.Threads, shape.Beta))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(30));
    }

    [Theory]
    [MemberData(nameof(Products))]
    public void Multiply_LargerThanEveryBlock_GivesTheBitsOfTheWidenedMatrix(string kernel, WeightStorage storage, bool transposed, bool columnsHaveScales)
    {
        Assert.True(IsEqual(kernel, storage, transposed, columnsHaveScales, m: 7, n: 2100, k: 401, threads: 1, beta: 0));
        Assert.True(IsEqual(kernel, storage, transposed, columnsHaveScales, m: 205, n: 70, k: 401, threads: 2, beta: 1));
    }

    [Theory]
    [InlineData(WeightStorage.F32, false)]
    [InlineData(WeightStorage.BF16, false)]
    [InlineData(WeightStorage.Int8, false)]
    [InlineData(WeightStorage.Int8, true)]
    public void WidenRow_AnyLength_IsTheNumberTimesItsScale(WeightStorage storage, bool columnsHaveScales)
    {
        for (int columns = 1; columns <= 75; columns++)
        {
            using Matrix source = CompactMatrices.Filled(3, columns, seed: columns);
            using CompactMatrix? compact = storage == WeightStorage.F32 ? null : CompactMatrices.Of(source, storage, columnsHaveScales);
            using Matrix found = new(1, columns + 1);

            (compact?.Operand ?? new GemmOperand(source.P, columns)).WidenRow(2, columns, found.P);

            float[] expected = compact is null ? source.Span[(2 * columns)..].ToArray() : [.. Enumerable.Range(0, columns).Select(column => CompactMatrices.Value(compact, 2, column))];
            Assert.Equal(expected, found.Span[..columns].ToArray());
            Assert.Equal(0, found.Span[columns]); // and nothing behind it is written
        }
    }

    [Theory]
    [InlineData(WeightStorage.BF16, false)]
    [InlineData(WeightStorage.Int8, false)]
    [InlineData(WeightStorage.Int8, true)]
    public void Norms_AnyStorage_AreThoseOfTheWidenedMatrix(WeightStorage storage, bool ofColumns)
    {
        using Matrix source = CompactMatrices.Filled(9, 37, seed: 3);
        using CompactMatrix compact = CompactMatrices.Of(source, storage, ofColumns);
        using Matrix widened = CompactMatrices.Widened(compact);
        float[] norms = new float[ofColumns ? 37 : 9];

        compact.Operand.Norms(9, 37, ofColumns, norms);

        for (int i = 0; i < norms.Length; i++)
        {
            double squares = Enumerable.Range(0, ofColumns ? 9 : 37).Sum(j => Math.Pow(ofColumns ? widened.Span[(j * 37) + i] : widened.Span[(i * 37) + j], 2));
            Assert.Equal(Math.Sqrt(squares), norms[i], tolerance: 1e-6);
        }
    }

    private static bool IsEqual(string name, WeightStorage storage, bool transposed, bool columnsHaveScales, int m, int n, int k, int threads, int beta)
    {
        GemmKernel kernel = GemmKernel.All.Single(one => string.Equals(one.Name, name, StringComparison.Ordinal));
        using Matrix a = CompactMatrices.Filled(m, k, 1);
        using Matrix source = transposed ? CompactMatrices.Filled(n, k, 2) : CompactMatrices.Filled(k, n, 2);
        using CompactMatrix b = CompactMatrices.Of(source, storage, columnsHaveScales);
        using Matrix widened = CompactMatrices.Widened(b);
        using Matrix expected = CompactMatrices.Filled(m, n, 3);
        using Matrix found = CompactMatrices.Filled(m, n, 3);

        Gemm.Multiply(false, transposed, m, n, k, 0.75f, a.P, k, widened.P, widened.Columns, beta, expected.P, n, threads: 1, kernel);
        Gemm.Multiply(m, n, [new GemmTerm(false, transposed, k, 0.75f, a.P, k, b.Operand)], beta, found.P, n, threads, kernel);

        return expected.Span.SequenceEqual(found.Span) && expected.Span.IndexOfAnyExcept(0) >= 0;
    }
}
