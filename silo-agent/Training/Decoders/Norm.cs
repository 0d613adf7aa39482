// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>A norm over rows of activations.</summary>
internal sealed unsafe class Norm : IDisposable
{
    private readonly float _epsilon;
    private readonly Matrix _inverse; // r of each row of the last forward pass
    private readonly Matrix? _mean; // μ of each, of LayerNorm
    private readonly Matrix? _onePlus; // 1 + w

    /// <summary>Makes a norm.</summary>
    /// <param name="kind">Its kind.</param>
    /// <param name="weight">w: (1, c).</param>
    /// <param name="bias">b: (1, c), of LayerNorm.</param>
    /// <param name="epsilon">ε.</param>
    /// <param name="rows">The most rows.</param>
    public Norm(NormKind kind, Parameter weight, Parameter? bias, float epsilon, int rows)
    {
        _epsilon = epsilon;
        Weight = weight;
        Bias = bias;
        _inverse = new Matrix(rows, 1);
        _mean = kind == NormKind.Layer ? new Matrix(rows, 1) : null;
        _onePlus = kind == NormKind.RmsOnePlus ? new Matrix(1, weight.Value.Columns) : null;
    }

    public Parameter Weight { get; }

    public Parameter? Bias { get; }

    public IEnumerable<Parameter> Parameters => Bias is null ? [Weight] : [Weight, Bias];

    private int Width => Weight.Value.Columns;

    /// <summary>y = norm(x).</summary>
    /// <param name="x">(rows, c).</param>
    /// <param name="y">(rows, c).</param>
    /// <param name="rows">Rows.</param>
    /// <param name="threads">The most threads.</param>
    /// <param name="added">(rows, c): what is added to x before, while it is near; null for nothing.</param>
    public void Forward(float* x, float* y, int rows, int threads, float* added = null)
    {
        if (_mean is { } mean && Bias is { } bias)
        {
            Workers.Rows(rows, threads, new LayerNormRows(added, x, Weight.Value.P, bias.Value.P, y, mean.P, _inverse.P, Width, _epsilon));
            return;
        }

        if (_onePlus is { } scale)
        {
            for (int i = 0; i < Width; i++)
            {
                scale.P[i] = 1 + Weight.Value.P[i];
            }
        }

        Workers.Rows(rows, threads, new NormRows(added, x, Scale, y, _inverse.P, Width, _epsilon));
    }

    /// <summary>Adds the gradient of x to dx. The weight's gradient is one sum over rows, so rows run in order when it trains.</summary>
    /// <param name="x">(rows, c), as in the forward pass.</param>
    /// <param name="dy">(rows, c).</param>
    /// <param name="dx">(rows, c).</param>
    /// <param name="rows">Rows.</param>
    /// <param name="threads">The most threads.</param>
    public void Backward(float* x, float* dy, float* dx, int rows, int threads)
    {
        float* dw = Weight.Gradient is { } gradient ? gradient.P : null;
        float* db = Bias?.Gradient is { } added ? added.P : null;
        int most = dw is null && db is null ? threads : 1;
        if (_mean is { } mean)
        {
            Workers.Rows(rows, most, new LayerNormBackwardRows(x, Weight.Value.P, mean.P, _inverse.P, dy, dx, dw, db, Width));
            return;
        }

        Workers.Rows(rows, most, new NormBackwardRows(x, Scale, _inverse.P, dy, dx, dw, Width));
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Weight.Dispose();
        Bias?.Dispose();
        _inverse.Dispose();
        _mean?.Dispose();
        _onePlus?.Dispose();
    }

    private float* Scale => _onePlus is { } scale ? scale.P : Weight.Value.P;
}
