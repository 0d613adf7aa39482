// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;

namespace FedCloud.Training.Optimization;

/// <summary>AdamW's settings.</summary>
/// <param name="Beta1">Decay of the first moment.</param>
/// <param name="Beta2">Decay of the second moment.</param>
/// <param name="Epsilon">Guard against division by zero.</param>
/// <param name="WeightDecay">Decoupled weight decay.</param>
/// <param name="ClipNorm">The largest global L2 norm of the gradient; 0 switches clipping off.</param>
public sealed record AdamWOptions(double Beta1, double Beta2, double Epsilon, double WeightDecay, double ClipNorm);

/// <summary>AdamW (Loshchilov and Hutter 2019, Algorithm 2) with global-norm clipping.</summary>
public sealed class AdamW
{
    private readonly AdamWOptions _options;
    private readonly Parameter[] _parameters;
    private readonly float[][] _first;
    private readonly float[][] _second;

    /// <summary>Begins with zero moments.</summary>
    public AdamW(IEnumerable<Parameter> parameters, AdamWOptions options)
    {
        _options = options;
        _parameters = [.. parameters];
        _first = [.. _parameters.Select(parameter => new float[parameter.Value.Span.Length])];
        _second = [.. _parameters.Select(parameter => new float[parameter.Value.Span.Length])];
    }

    /// <summary>Steps taken.</summary>
    public int Steps { get; private set; }

    /// <summary>The first moments, in the order of the parameters; for checkpoints.</summary>
    public IReadOnlyList<float[]> FirstMoments => _first;

    /// <summary>The second moments, in the order of the parameters; for checkpoints.</summary>
    public IReadOnlyList<float[]> SecondMoments => _second;

    /// <summary>Goes on from a checkpoint whose moments were put back.</summary>
    public void ResumeAt(int steps) => Steps = steps;

    /// <summary>One step from the parameters' gradients.</summary>
    /// <param name="rate">The learning rate of this step.</param>
    /// <returns>The gradient's global L2 norm before clipping.</returns>
    public double Step(double rate)
    {
        Steps++;
        double squares = 0;
        foreach (Parameter parameter in _parameters)
        {
            squares += SquaredNorm(parameter);
        }

        double norm = Math.Sqrt(squares);
        double clip = _options.ClipNorm > 0 && norm > _options.ClipNorm ? _options.ClipNorm / norm : 1;
        double correction1 = 1 - Math.Pow(_options.Beta1, Steps);
        double correction2 = 1 - Math.Pow(_options.Beta2, Steps);
        float step = (float)(rate / correction1);
        float root = (float)(1 / Math.Sqrt(correction2));
        (float b1, float b2, float epsilon) = ((float)_options.Beta1, (float)_options.Beta2, (float)_options.Epsilon);
        float keep = (float)(1 - (rate * _options.WeightDecay));
        for (int p = 0; p < _parameters.Length; p++)
        {
            Span<float> x = _parameters[p].Value.Span;
            Span<float> g = (_parameters[p].Gradient ?? throw new InvalidOperationException("a trained parameter has a gradient")).Span;
            Span<float> m = _first[p];
            Span<float> v = _second[p];
            for (int i = 0; i < x.Length; i++)
            {
                float gradient = (float)(g[i] * clip);
                m[i] = (b1 * m[i]) + ((1 - b1) * gradient);
                v[i] = (b2 * v[i]) + ((1 - b2) * gradient * gradient);
                x[i] = (x[i] * keep) - (step * m[i] / ((MathF.Sqrt(v[i]) * root) + epsilon));
            }
        }

        return norm;
    }

    private static double SquaredNorm(Parameter parameter)
    {
        double sum = 0;
        foreach (float value in (parameter.Gradient ?? throw new InvalidOperationException("a trained parameter has a gradient")).Span)
        {
            sum += (double)value * value;
        }

        return sum;
    }
}
