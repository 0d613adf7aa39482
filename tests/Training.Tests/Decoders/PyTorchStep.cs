// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>A step of the engine on a case of PyTorch, and the comparison of what both make of it.</summary>
internal static class PyTorchStep
{
    // The engine counts in binary32, PyTorch did in binary64: deviations are up to 2.2e-6 and 2.2e-5 (PyTorch in binary32: 1.4e-5).
    public const double Tolerance = 1e-5;
    public const double GradientTolerance = 1e-4;

    /// <summary>The gradient of the mean loss over all counted tokens of the step, as in LocalTraining. PyTorch saw no padding, so its logits are left out.</summary>
    public static double Take(DecoderModel model, ImmutableArray<ImmutableArray<Example>> examples, List<float>? logits = null)
    {
        Batch[] batches = [.. examples.Select(micro => Batch.Of(micro))];
        int counted = batches.Sum(batch => batch.Counted);
        double loss = 0;
        model.ZeroGradients();
        foreach ((Batch batch, ImmutableArray<Example> sequences) in batches.Zip(examples))
        {
            model.Forward(batch.Tokens, batch.B, batch.T);
            for (int b = 0; b < batch.B && logits is not null; b++)
            {
                for (int i = 0; i + 1 < sequences[b].Tokens.Length; i++)
                {
                    logits.AddRange(model.Logits((b * batch.T) + i));
                }
            }

            loss += model.Loss(batch.Targets, 1f / counted);
            model.Backward();
        }

        return loss / counted;
    }

    /// <summary>A case's logits are PyTorch's.</summary>
    public static void RequireLogits(PyTorchVectors cases, string name)
    {
        using SafetensorsFile vectors = cases.Open(name);
        using DecoderModel model = cases.Load(name);
        List<float> logits = [];

        Take(model, cases.Cases[name].Steps[0], logits);

        RequireClose("logits", Read(vectors, "logits"), [.. logits], Tolerance);
    }

    /// <summary>A case's loss and gradients are PyTorch's.</summary>
    public static void RequireGradients(PyTorchVectors cases, string name)
    {
        PyTorchCase expected = cases.Cases[name];
        using SafetensorsFile vectors = cases.Open(name);
        using DecoderModel model = cases.Load(name);

        double loss = Take(model, expected.Steps[0]);

        Assert.Equal(expected.Losses[0], loss, tolerance: Tolerance * expected.Losses[0]);
        Dictionary<string, Parameter> trained = model.Trained.ToDictionary(parameter => NameIn(vectors, parameter), StringComparer.Ordinal);
        Assert.Equal(Names(vectors, "gradient."), trained.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.All(trained, one => RequireClose(one.Key, Read(vectors, "gradient." + one.Key), one.Value.Gradient!.Span.ToArray(), GradientTolerance));
    }

    public static float[] Read(SafetensorsFile vectors, string name)
    {
        TensorEntry entry = vectors.Header.ByName[name];
        float[] values = new float[entry.Count];
        vectors.ReadF32(entry, 0, values);
        return values;
    }

    public static IEnumerable<string> Names(SafetensorsFile vectors, string prefix) =>
        vectors.Header.Tensors.Select(tensor => tensor.Name).Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]).Order(StringComparer.Ordinal);

    public static float[] Movement(float[] from, float[] to) => [.. from.Zip(to, (before, after) => after - before)];

    public static void RequireClose(string name, float[] expected, float[] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        double largest = expected.Max(value => Math.Abs((double)value));
        double worst = expected.Zip(found, (e, f) => Math.Abs((double)e - f)).Max();
        Assert.True(worst <= tolerance * largest, $"{name}: off by {worst}, of at most {largest}");
    }

    // Gradients have the names of the files' tensors, which may lack GPT-2's prefix.
    private static string NameIn(SafetensorsFile vectors, Parameter parameter) =>
        vectors.Header.ByName.ContainsKey("gradient." + parameter.Name) ? parameter.Name : parameter.Name.Replace("transformer.", string.Empty, StringComparison.Ordinal);
}
