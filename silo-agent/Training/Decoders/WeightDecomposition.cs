// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>DoRA (Liu et al. 2024): each row of the adapted weight W' = W + s·B·A is brought to a length of its own, y = (m / |W'|) ⊙ (x·W'ᵀ) + b.</summary>
/// <remarks>The lengths |W'| are constants of the backward pass (section 4.3 there, and PEFT's <c>DoraLinearLayer</c>). They follow from weight and factors, so <see cref="Measure"/> has to be called after those have changed.</remarks>
internal sealed unsafe class WeightDecomposition : IDisposable
{
    private const int ColumnBlock = 64;

    private readonly Matrix _norms; // |W'|: (1, out)
    private readonly Matrix _gains; // m / |W'|: (1, out)
    private readonly Matrix _product; // x·W'ᵀ for the backward pass, then its gradient: (N, out)

    /// <summary>Makes room for the rows of a batch.</summary>
    /// <param name="magnitude">m, (1, out).</param>
    /// <param name="rows">The most rows of x.</param>
    public WeightDecomposition(Parameter magnitude, int rows)
    {
        Magnitude = magnitude;
        int outputs = magnitude.Value.Columns;
        _norms = new Matrix(1, outputs);
        _gains = new Matrix(1, outputs);
        _product = new Matrix(rows, outputs);
    }

    /// <summary>m, (1, out).</summary>
    public Parameter Magnitude { get; }

    /// <summary>Where the forward pass puts x·W'ᵀ, (n, out).</summary>
    public float* Product => _product.P;

    private int Out => Magnitude.Value.Columns;

    /// <summary>Computes |W'| of every row, and with it the gains.</summary>
    /// <param name="weight">W: (out, in), or (in, out).</param>
    /// <param name="lora">A and B.</param>
    /// <param name="isInOut">Whether W is (in, out).</param>
    /// <param name="threads">The most threads.</param>
    public void Measure(GemmOperand weight, LoraFactors lora, bool isInOut, int threads)
    {
        NormJob job = new(weight, isInOut, lora.A.Value.P, lora.B.Value.P, lora.Scaling, lora.A.Value.Columns, lora.Rank, _norms.P);
        Workers.Rows(Out, threads, job);
        Ops.Quotients(Magnitude.Value.P, _norms.P, _gains.P, Out);
    }

    /// <summary>Makes the lengths those of W', so that the layer is as without decomposition.</summary>
    public void Reset()
    {
        _norms.Span.CopyTo(Magnitude.Value.Span);
        _gains.Span.Fill(1);
    }

    /// <summary>y = gain ⊙ product + b.</summary>
    public void Forward(float* bias, float* y, int n, int threads) => Workers.Rows(n, threads, new GainRows(_product.P, _gains.P, bias, y, Out));

    /// <summary>Adds dm = Σ dy ⊙ product / |W'| where m trains, and returns the gradient of the product, gain ⊙ dy, (n, out).</summary>
    public float* Backward(float* dy, int n, int threads)
    {
        if (Magnitude.Gradient is { } gradient)
        {
            Workers.Rows((Out + ColumnBlock - 1) / ColumnBlock, threads, new MagnitudeColumns(dy, _product.P, _norms.P, gradient.P, n, Out));
        }

        Workers.Rows(n, threads, new GainRows(dy, _gains.P, null, _product.P, Out));
        return _product.P;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _norms.Dispose();
        _gains.Dispose();
        _product.Dispose();
    }

    /// <summary>|W'| of one row, in pieces on the stack: W' is nowhere as a whole. W is what products count with, in any storage.</summary>
    private readonly struct NormJob(GemmOperand weight, bool isInOut, float* a, float* b, float scaling, int inputs, int rank, float* norms) : IRowJob
    {
        private const int Piece = 256;

        public void Row(int i)
        {
            float* piece = stackalloc float[Piece];
            double squares = 0;
            for (int start = 0; start < inputs; start += Piece)
            {
                int count = Math.Min(Piece, inputs - start);
                for (int j = 0; isInOut && j < count; j++)
                {
                    weight.At(start + j, i).WidenRow(0, 1, piece + j);
                }

                if (!isInOut)
                {
                    weight.At(i, start).WidenRow(0, count, piece);
                }

                for (int k = 0; k < rank; k++)
                {
                    Ops.AddScaled(piece, a + ((long)k * inputs) + start, scaling * b[((long)i * rank) + k], count);
                }

                squares += Ops.Dot(piece, piece, count);
            }

            norms[i] = (float)Math.Sqrt(squares);
        }
    }

    /// <summary>y = gain ⊙ x + b, row by row; b may be null.</summary>
    private readonly struct GainRows(float* x, float* gains, float* bias, float* y, int width) : IRowJob
    {
        public void Row(int i) => Ops.ScaleAdd(x + ((long)i * width), gains, bias, y + ((long)i * width), width);
    }

    /// <summary>dm of a block of columns, over all rows in their order: so its bits do not depend on the threads.</summary>
    private readonly struct MagnitudeColumns(float* dy, float* product, float* norms, float* gradient, int n, int width) : IRowJob
    {
        public void Row(int i)
        {
            int start = i * ColumnBlock;
            int count = Math.Min(ColumnBlock, width - start);
            float* sum = stackalloc float[ColumnBlock];
            new Span<float>(sum, ColumnBlock).Clear();
            for (int row = 0; row < n; row++)
            {
                long at = ((long)row * width) + start;
                Ops.AddProducts(sum, dy + at, product + at, count);
            }

            Ops.Quotients(sum, norms + start, sum, count);
            Ops.AddScaled(gradient + start, sum, 1, count);
        }
    }
}
