// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;
using FedCloud.Training.Optimization;

namespace FedCloud.Training.Tests.Optimization;

public sealed class AdamWTests : IDisposable
{
    private static readonly float[] Start = [1f, -2f, 0.5f];

    private readonly Parameter _parameter = new("w", new Matrix(1, 3));

    public AdamWTests()
    {
        _parameter.Train();
        Start.CopyTo(_parameter.Value.Span);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.1)]
    public void Step_ThreeSteps_AgreesWithThePapersAlgorithm(double decay)
    {
        AdamW optimizer = new([_parameter], new AdamWOptions(0.9, 0.99, 1e-8, decay, ClipNorm: 0));
        double[] x = [.. Start.Select(value => (double)value)];
        double[] m = new double[3];
        double[] v = new double[3];

        for (int t = 1; t <= 3; t++)
        {
            for (int i = 0; i < 3; i++)
            {
                float gradient = (i + 1) * t * 0.1f;
                _parameter.Gradient!.Span[i] = gradient;
                m[i] = (0.9 * m[i]) + (0.1 * gradient);
                v[i] = (0.99 * v[i]) + (0.01 * gradient * gradient);
                x[i] -= 0.02 * ((m[i] / (1 - Math.Pow(0.9, t)) / (Math.Sqrt(v[i] / (1 - Math.Pow(0.99, t))) + 1e-8)) + (decay * x[i]));
            }

            optimizer.Step(0.02);
        }

        Assert.All(x.Select((expected, i) => (expected, found: _parameter.Value.Span[i])), pair => Assert.Equal(pair.expected, pair.found, tolerance: 1e-5));
    }

    [Fact]
    public void Step_NormAboveTheClip_ScalesTheGradientToIt()
    {
        // One step without bias in the moments: m / (1 - β₁) is the clipped gradient itself.
        AdamW optimizer = new([_parameter], new AdamWOptions(0.5, 0.5, 1e-8, 0, ClipNorm: 0.5));
        ((float[])[3f, 0f, 4f]).CopyTo(_parameter.Gradient!.Span);

        double norm = optimizer.Step(0.1);

        Assert.Equal(5, norm, tolerance: 1e-9);
        Assert.Equal([0.15f, 0f, 0.2f], optimizer.FirstMoments[0].Select(value => MathF.Round(value, 6)));
    }

    [Fact]
    public void Step_NormBelowTheClip_KeepsTheGradient()
    {
        AdamW optimizer = new([_parameter], new AdamWOptions(0.5, 0.5, 1e-8, 0, ClipNorm: 6));
        ((float[])[3f, 0f, 4f]).CopyTo(_parameter.Gradient!.Span);

        optimizer.Step(0.1);

        Assert.Equal([1.5f, 0f, 2f], optimizer.FirstMoments[0]);
    }

    public void Dispose() => _parameter.Dispose();
}
