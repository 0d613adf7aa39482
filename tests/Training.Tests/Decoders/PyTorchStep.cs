// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>A step of the engine on a case of PyTorch, and the comparison of what both make of it.</summary>
internal static class PyTorchStep
{
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
}
