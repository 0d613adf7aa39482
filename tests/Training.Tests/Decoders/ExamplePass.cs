// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>A forward and backward pass in which every example is a unit of its own.</summary>
internal static class ExamplePass
{
    public static void Run(DecoderModel model, Example[] examples)
    {
        MicroBatch batch = new(examples.Length, examples.Max(example => example.Tokens.Length) - 1);
        foreach (Example example in examples)
        {
            batch.Add(example, unit: batch.B, endsUnit: true);
        }

        batch.Pad();
        model.Forward(batch.Tokens, batch.B, batch.T, batch.Lengths);
        model.Loss(batch.Targets, batch.Scales);
        model.Backward();
    }

    public static unsafe float[] Row(ExampleGradients gradients, int example) => new ReadOnlySpan<float>(gradients.Row(example), gradients.Coordinates).ToArray();
}
