// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Examples;
using FedCloud.Training.Models;
using FedCloud.Training.Optimization;

namespace FedCloud.Training.Tests.Models;

/// <summary>The engine against PyTorch: every element of every tensor, relative to the largest of its tensor.</summary>
public sealed class PyTorchTests
{
    // The engine counts in binary32, PyTorch did in binary64: deviations are up to 2.2e-6, 2.2e-5 (PyTorch in binary32: 1.4e-5) and 1.9e-4.
    private const double Tolerance = 1e-5;
    private const double GradientTolerance = 1e-4;
    private const double MovementTolerance = 1e-3;

    public static TheoryData<string> GradientCases => [.. PyTorchVectors.Cases.Where(one => one.Value.Optimizer is null).Select(one => one.Key)];

    public static TheoryData<string> StepCases => [.. PyTorchVectors.Cases.Where(one => one.Value.Optimizer is not null).Select(one => one.Key)];

    [Theory]
    [MemberData(nameof(GradientCases))]
    public void Forward_Case_GivesPyTorchsLogits(string name)
    {
        using SafetensorsFile vectors = PyTorchVectors.Open(name);
        using DecoderModel model = PyTorchVectors.Load(name);
        List<float> logits = [];

        Step(model, PyTorchVectors.Cases[name].Steps[0], logits);

        RequireClose("logits", Read(vectors, "logits"), [.. logits], Tolerance);
    }

    [Theory]
    [MemberData(nameof(GradientCases))]
    public void Backward_Case_GivesPyTorchsLossAndGradients(string name)
    {
        PyTorchCase expected = PyTorchVectors.Cases[name];
        using SafetensorsFile vectors = PyTorchVectors.Open(name);
        using DecoderModel model = PyTorchVectors.Load(name);

        double loss = Step(model, expected.Steps[0]);

        Assert.Equal(expected.Losses[0], loss, tolerance: Tolerance * expected.Losses[0]);
        Assert.Equal(Names(vectors, "gradient."), model.Trained.Select(parameter => parameter.Name).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.All(model.Trained, parameter => RequireClose(parameter.Name, Read(vectors, "gradient." + parameter.Name), parameter.Gradient!.Span.ToArray(), GradientTolerance));
    }

    [Theory]
    [MemberData(nameof(StepCases))]
    public void Step_Case_MovesParametersAsPyTorchDoes(string name)
    {
        PyTorchCase expected = PyTorchVectors.Cases[name];
        PyTorchOptimizer o = expected.Optimizer!;
        using SafetensorsFile vectors = PyTorchVectors.Open(name);
        using DecoderModel model = PyTorchVectors.Load(name);
        Dictionary<string, float[]> start = model.Trained.ToDictionary(parameter => parameter.Name, parameter => parameter.Value.Span.ToArray(), StringComparer.Ordinal);
        AdamW optimizer = new(model.Trained, new AdamWOptions(o.Beta1, o.Beta2, o.Epsilon, o.WeightDecay, o.ClipNorm));
        LearningRate schedule = new(o.LearningRate, o.Cosine, o.WarmupSteps, o.TotalGlobalSteps);

        for (int step = 0; step < expected.Steps.Length; step++)
        {
            double loss = Step(model, expected.Steps[step]);
            double norm = optimizer.Step(schedule.At(o.FirstGlobalStep + step));

            Assert.Equal(expected.Losses[step], loss, tolerance: Tolerance * expected.Losses[step]);
            Assert.Equal(expected.GradientNorms[step], norm, tolerance: GradientTolerance * norm);
            string prefix = $"after{step + 1}.";
            if (step is 0 or 1 or 4)
            {
                Assert.Equal(Names(vectors, prefix), start.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
                Assert.All(model.Trained, parameter => RequireClose(
                    prefix + parameter.Name,
                    Movement(start[parameter.Name], Read(vectors, prefix + parameter.Name)),
                    Movement(start[parameter.Name], parameter.Value.Span.ToArray()),
                    MovementTolerance));
            }
        }
    }

    [Fact]
    public void Vectors_EveryTensorFile_BelongsToACase()
    {
        string[] files = Directory.GetFiles(Path.Combine(PyTorchVectors.Folder, "cases"));

        Assert.Equal(PyTorchVectors.Cases.Keys.Order(StringComparer.Ordinal), files.Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(PyTorchVectors.Cases.Values.Select(one => one.Base).Distinct(StringComparer.Ordinal).Count(), Directory.GetDirectories(Path.Combine(PyTorchVectors.Folder, "bases")).Length);
    }

    // The gradient of the mean loss over all counted tokens of the step, as in LocalTraining. PyTorch saw no padding, so its logits are left out.
    private static double Step(DecoderModel model, ImmutableArray<ImmutableArray<Example>> examples, List<float>? logits = null)
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

    private static float[] Read(SafetensorsFile vectors, string name)
    {
        TensorEntry entry = vectors.Header.ByName[name];
        float[] values = new float[entry.Count];
        vectors.ReadF32(entry, 0, values);
        return values;
    }

    private static IEnumerable<string> Names(SafetensorsFile vectors, string prefix) =>
        vectors.Header.Tensors.Select(tensor => tensor.Name).Where(name => name.StartsWith(prefix, StringComparison.Ordinal)).Select(name => name[prefix.Length..]).Order(StringComparer.Ordinal);

    private static float[] Movement(float[] from, float[] to) => [.. from.Zip(to, (before, after) => after - before)];

    private static void RequireClose(string name, float[] expected, float[] found, double tolerance)
    {
        Assert.Equal(expected.Length, found.Length);
        double largest = expected.Max(value => Math.Abs((double)value));
        double worst = expected.Zip(found, (e, f) => Math.Abs((double)e - f)).Max();
        Assert.True(worst <= tolerance * largest, $"{name}: off by {worst}, of at most {largest}");
    }
}
