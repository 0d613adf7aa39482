// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>One layer: attention and feed-forward, each between a norm, perhaps a second norm, and a residual sum; and what the backward pass needs of the forward pass.</summary>
internal sealed unsafe class DecoderLayer : IDisposable
{
    private readonly int _c;
    private readonly int _threads;
    private readonly LayerScratch _scratch;
    private readonly Norm _attentionNorm;
    private readonly Norm? _attentionOutputNorm;
    private readonly Norm _feedForwardNorm;
    private readonly Norm? _feedForwardOutputNorm;
    private readonly Attention _attention;
    private readonly FeedForward _feedForward;
    private readonly Matrix _x0, _xn1, _x1, _xn2; // (N, C)
    private readonly Matrix? _attended, _forwarded; // (N, C), before the second norms

    public DecoderLayer(ModelParts parts, int layer, RotaryTable? rotary, LayerScratch scratch)
    {
        ModelNames names = parts.Config.Names;
        string prefix = $"{names.Layers}{layer}.";
        _c = parts.Config.Hidden;
        _threads = parts.Threads;
        _scratch = scratch;
        _attentionNorm = parts.Norm(prefix + names.AttentionNorm, _c);
        _attentionOutputNorm = parts.NormIf(prefix, names.AttentionOutputNorm, _c);
        _feedForwardNorm = parts.Norm(prefix + names.FeedForwardNorm, _c);
        _feedForwardOutputNorm = parts.NormIf(prefix, names.FeedForwardOutputNorm, _c);
        _attention = new Attention(parts, prefix, layer, rotary, scratch);
        _feedForward = new FeedForward(parts, prefix, scratch);
        _x0 = new Matrix(parts.Rows, _c);
        _xn1 = new Matrix(parts.Rows, _c);
        _x1 = new Matrix(parts.Rows, _c);
        _xn2 = new Matrix(parts.Rows, _c);
        _attended = _attentionOutputNorm is null ? null : new Matrix(parts.Rows, _c);
        _forwarded = _feedForwardOutputNorm is null ? null : new Matrix(parts.Rows, _c);
    }

    public IEnumerable<Linear> Linears => _attention.Linears.Concat(_feedForward.Linears);

    /// <summary>The base model's weights.</summary>
    public IEnumerable<Parameter> Parameters => Norms.SelectMany(norm => norm.Parameters).Concat(Linears.SelectMany(linear => linear.Parameters));

    /// <summary>(N, C): where what comes before this layer leaves the residual stream.</summary>
    public float* Input => _x0.P;

    /// <summary>(N, C): what the layer's output lacks of the residual stream; whatever reads that output adds it.</summary>
    public float* Residual => _x1.P;

    /// <summary>The forward pass.</summary>
    /// <param name="residual">(N, C): what is still to be added to the input; null for nothing.</param>
    /// <param name="y">(N, C): the feed-forward part's output.</param>
    /// <param name="sequences">What the rows are.</param>
    public void Forward(float* residual, float* y, Sequences sequences)
    {
        int n = sequences.N;
        _attentionNorm.Forward(_x0.P, _xn1.P, n, _threads, residual);
        _attention.Forward(_xn1.P, Before(_attended, _x1.P), sequences);
        _attentionOutputNorm?.Forward(Before(_attended, _x1.P), _x1.P, n, _threads);
        _feedForwardNorm.Forward(_x1.P, _xn2.P, n, _threads, _x0.P);
        _feedForward.Forward(_xn2.P, Before(_forwarded, y), n);
        _feedForwardOutputNorm?.Forward(Before(_forwarded, y), y, n, _threads);
    }

    /// <summary>The backward pass, on the residual stream's gradient.</summary>
    /// <param name="sequences">What the rows are.</param>
    /// <param name="first">Whether nothing before this layer trains.</param>
    public void Backward(Sequences sequences, bool first)
    {
        int n = sequences.N;
        float* dx = _scratch.Residual.P;
        float* dxn = _scratch.Normed.P;
        _feedForward.Backward(_xn2.P, OutputGradient(_feedForwardOutputNorm, _forwarded, n), dxn, sequences);
        _feedForwardNorm.Backward(_x1.P, dxn, dx, n, _threads);
        _attention.Backward(_xn1.P, OutputGradient(_attentionOutputNorm, _attended, n), first ? null : dxn, sequences);
        if (!first)
        {
            _attentionNorm.Backward(_x0.P, dxn, dx, n, _threads);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (Norm norm in Norms)
        {
            norm.Dispose();
        }

        foreach (Matrix? matrix in (Matrix?[])[_x0, _xn1, _x1, _xn2, _attended, _forwarded])
        {
            matrix?.Dispose();
        }

        _attention.Dispose();
        _feedForward.Dispose();
    }

    private IEnumerable<Norm> Norms =>
        new[] { _attentionNorm, _attentionOutputNorm, _feedForwardNorm, _feedForwardOutputNorm }.OfType<Norm>().Concat(_attention.Norms);

    private static float* Before(Matrix? norm, float* otherwise) => norm is null ? otherwise : norm.P;

    // The gradient of what a part gave: the residual stream's, through the norm after the part where there is one.
    private float* OutputGradient(Norm? norm, Matrix? output, int n)
    {
        if (norm is null || output is null || _scratch.Output is not { } gradient)
        {
            return _scratch.Residual.P;
        }

        NativeMemory.Clear(gradient.P, (nuint)n * (nuint)_c * sizeof(float));
        norm.Backward(output.P, _scratch.Residual.P, gradient.P, n, _threads);
        return gradient.P;
    }
}
