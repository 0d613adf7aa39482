// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>The gradient s·dyᵀ·x of a weight (out, in): added up over the batch, or kept apart for each example.</summary>
internal static unsafe class WeightGradient
{
    /// <summary>Adds to the weight's gradient, or writes those of the examples. Does nothing for a weight that does not train.</summary>
    /// <param name="weight">(out, in).</param>
    /// <param name="scale">s.</param>
    /// <param name="dy">(N, out).</param>
    /// <param name="x">(N, in).</param>
    /// <param name="sequences">What the rows are; a sequence is an example.</param>
    /// <param name="threads">The most threads.</param>
    public static void Add(Parameter weight, float scale, float* dy, float* x, Sequences sequences, int threads)
    {
        (int rows, int columns) = (weight.Rows, weight.Columns);
        if (weight.Examples is { } examples)
        {
            // Few sequences share the threads inside their products.
            bool few = sequences.B < threads;
            Workers.Rows(sequences.B, few ? 1 : threads, new ExampleProducts(examples, scale, dy, rows, x, columns, sequences, few ? threads : 1));
        }
        else if (weight.Gradient is { } sum)
        {
            Gemm.Multiply(true, false, rows, columns, sequences.N, scale, dy, rows, x, columns, 1, sum.P, columns, threads);
        }
    }

    /// <summary>The product over one sequence's tokens only: its neighbours have no part in it, so its bits do not depend on them.</summary>
    private readonly struct ExampleProducts(ExampleSlice examples, float scale, float* dy, int rows, float* x, int columns, Sequences sequences, int threads) : IRowJob
    {
        public void Row(int i)
        {
            long first = sequences.Starts[i];
            Gemm.Multiply(true, false, rows, columns, sequences.Length(i), scale, dy + (first * rows), rows, x + (first * columns), columns, 0, examples.Of(i), columns, threads);
        }
    }
}
