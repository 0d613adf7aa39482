// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>y = x·Wᵀ + b + s·(x·Aᵀ)·Bᵀ: a linear layer with an optional bias and an optional LoRA adapter (Hu et al. 2022), whose weight may be decomposed (<see cref="WeightDecomposition"/>).</summary>
public sealed unsafe class Linear : IDisposable
{
    private readonly bool _isInOut;
    private readonly Matrix? _hidden; // x·Aᵀ, kept for the backward pass: (N, r)
    private readonly Matrix? _hiddenGradient;
    private readonly WeightDecomposition? _decomposition;

    /// <summary>Makes a layer.</summary>
    /// <param name="module">Its full name.</param>
    /// <param name="weight">W: (out, in), or (in, out).</param>
    /// <param name="adapter">The adapter; null for a plain layer.</param>
    /// <param name="rows">The most rows of x.</param>
    /// <param name="bias">b: (1, out); null for none.</param>
    /// <param name="isInOut">Whether W is (in, out), as GPT-2's checkpoints have it.</param>
    public Linear(string module, Parameter weight, LoraFactors? adapter, int rows, Parameter? bias = null, bool isInOut = false)
    {
        Module = module;
        Weight = weight;
        Bias = bias;
        Adapter = adapter;
        _isInOut = isInOut;
        if (adapter is not null)
        {
            _hidden = new Matrix(rows, adapter.Rank);
            _hiddenGradient = new Matrix(rows, adapter.Rank);
            _decomposition = adapter.Magnitude is { } magnitude ? new WeightDecomposition(magnitude, rows) : null;
        }
    }

    /// <summary>The module's name.</summary>
    public string Module { get; }

    /// <summary>W: (out, in), or (in, out).</summary>
    public Parameter Weight { get; }

    /// <summary>b: (1, out); null for none.</summary>
    public Parameter? Bias { get; }

    /// <summary>The adapter; null for a plain layer.</summary>
    public LoraFactors? Adapter { get; }

    /// <summary>The base model's weights.</summary>
    internal IEnumerable<Parameter> Parameters => Bias is null ? [Weight] : [Weight, Bias];

    /// <summary>Whether the weight is decomposed.</summary>
    internal bool IsDecomposed => _decomposition is not null;

    private int In => _isInOut ? Weight.Rows : Weight.Columns;

    private int Out => _isInOut ? Weight.Columns : Weight.Rows;

    /// <summary>y = f(x).</summary>
    /// <param name="x">(n, in).</param>
    /// <param name="y">(n, out).</param>
    /// <param name="n">Rows.</param>
    /// <param name="threads">The most threads.</param>
    public void Forward(float* x, float* y, int n, int threads)
    {
        if (_decomposition is { } decomposition)
        {
            Multiply(x, decomposition.Product, n, 0, threads);
            decomposition.Forward(Bias is { } added ? added.Value.P : null, y, n, threads);
            return;
        }

        if (Bias is { } bias)
        {
            Workers.Rows(n, threads, new FillRows(bias.Value.P, y, Out));
        }

        Multiply(x, y, n, Bias is null ? 0 : 1, threads);
    }

    /// <summary>Brings a decomposed weight up to date after weight or adapter have changed; does nothing for any other.</summary>
    internal void Measure(int threads)
    {
        if (Adapter is { } lora)
        {
            _decomposition?.Measure(Weight.Operand, lora, _isInOut, threads);
        }
    }

    /// <summary>Makes a decomposed weight what it is without decomposition.</summary>
    internal void ResetMagnitude(int threads)
    {
        Measure(threads);
        _decomposition?.Reset();
    }

    /// <summary>Adds the gradients of whatever trains in layers of the same x, and writes dx: one sum of all that they pull on it.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="x">(n, in), as in the forward pass.</param>
    /// <param name="dys">Of each layer: (n, out).</param>
    /// <param name="dx">(n, in); null when nothing before these layers trains.</param>
    /// <param name="sequences">What the rows are.</param>
    /// <param name="threads">The most threads.</param>
    internal static void Backward(ReadOnlySpan<Linear> layers, float* x, ReadOnlySpan<nint> dys, float* dx, Sequences sequences, int threads)
    {
        Span<GemmTerm> terms = stackalloc GemmTerm[2 * layers.Length];
        int count = 0;
        for (int i = 0; i < layers.Length; i++)
        {
            Linear layer = layers[i];
            float* dy = layer.BackwardOfParameters(x, (float*)dys[i], sequences, threads);
            terms[count++] = new GemmTerm(false, layer._isInOut, layer.Out, 1, dy, layer.Out, layer.Weight.Operand); // dy·W
            if (layer.Adapter is { } lora && layer._hiddenGradient is { } dh)
            {
                terms[count++] = new GemmTerm(false, false, lora.Rank, 1, dh.P, lora.Rank, lora.A.Operand); // dh·A
            }
        }

        if (dx is not null)
        {
            Gemm.Multiply(sequences.N, layers[0].In, terms[..count], 0, dx, layers[0].In, threads);
        }
    }

    /// <inheritdoc cref="Backward(ReadOnlySpan{Linear}, float*, ReadOnlySpan{nint}, float*, Sequences, int)"/>
    internal void Backward(float* x, float* dy, float* dx, Sequences sequences, int threads) => Backward([this], x, [(nint)dy], dx, sequences, threads);

    // Gives back dy as it is for the product without gains and bias, and leaves dh.
    private float* BackwardOfParameters(float* x, float* dy, Sequences sequences, int threads)
    {
        int n = sequences.N;
        AddBiasGradient(dy, n);
        if (_decomposition is { } decomposition)
        {
            dy = decomposition.Backward(dy, n, threads);
        }

        WeightGradient.Add(Weight, 1, _isInOut ? x : dy, _isInOut ? dy : x, sequences, threads); // dW += dyᵀ·x, or its transpose
        if (Adapter is { } lora && _hidden is { } h && _hiddenGradient is { } dh)
        {
            int r = lora.Rank;
            WeightGradient.Add(lora.B, lora.Scaling, dy, h.P, sequences, threads); // dB += s·dyᵀ·h
            Gemm.Multiply(false, false, n, r, Out, lora.Scaling, dy, Out, lora.B.Value.P, r, 0, dh.P, r, threads); // dh = s·dy·B
            WeightGradient.Add(lora.A, 1, dh.P, x, sequences, threads); // dA += dhᵀ·x
        }

        return dy;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weight.Dispose();
        Bias?.Dispose();
        foreach (Parameter parameter in Adapter?.Parameters ?? [])
        {
            parameter.Dispose();
        }

        _decomposition?.Dispose();
        _hidden?.Dispose();
        _hiddenGradient?.Dispose();
    }

    private void Multiply(float* x, float* y, int n, float beta, int threads)
    {
        GemmTerm product = new(false, !_isInOut, In, 1, x, In, Weight.Operand); // (n, in) -> (n, out)
        if (Adapter is { } lora && _hidden is { } h)
        {
            int r = lora.Rank;
            Gemm.Multiply(false, true, n, r, In, 1, x, In, lora.A.Value.P, In, 0, h.P, r, threads); // (n, in) -> (n, r)
            GemmTerm adapted = new(false, true, r, lora.Scaling, h.P, r, lora.B.Operand); // (n, r) -> (n, out)
            Gemm.Multiply(n, Out, [product, adapted], beta, y, Out, threads);
            return;
        }

        Gemm.Multiply(n, Out, [product], beta, y, Out, threads);
    }

    private void AddBiasGradient(float* dy, int n)
    {
        for (int i = 0; Bias?.Gradient is { } gradient && i < n; i++)
        {
            Ops.AddScaled(gradient.P, dy + ((long)i * Out), 1, Out);
        }
    }
}
