// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;

namespace FedCloud.TorchTrainer.Tests.Decoders;

/// <summary>Comparisons with the managed engine.</summary>
internal static class Closeness
{
    /// <summary>Of losses, relative.</summary>
    public const double OfLoss = 1e-4;

    /// <summary>Of gradients, of each element relative to the largest of its tensor.</summary>
    public const double OfGradient = 1e-3;

    public static double Relative(double expected, double found) => Math.Abs(expected - found) / Math.Abs(expected);

    public static double Relative(ReadOnlySpan<float> expected, ReadOnlySpan<float> found)
    {
        Assert.Equal(expected.Length, found.Length);
        (double largest, double worst) = (0, 0);
        for (int i = 0; i < expected.Length; i++)
        {
            Assert.True(float.IsFinite(found[i]), "found NaN or infinity");
            largest = Math.Max(largest, Math.Abs((double)expected[i]));
            worst = Math.Max(worst, Math.Abs((double)expected[i] - found[i]));
        }

        return worst == 0 ? 0 : worst / largest;
    }

    /// <summary>The largest deviation of the gradients of two models' factors.</summary>
    public static double OfGradients(IDecoder expected, IDecoder found)
    {
        Assert.Equal(expected.Trained.Select(parameter => parameter.Name), found.Trained.Select(parameter => parameter.Name));
        return expected.Trained.Zip(found.Trained, (e, f) => Relative(e.Gradient!.Span, f.Gradient!.Span)).Max();
    }
}
