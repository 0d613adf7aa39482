// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Optimization;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>The engine against PyTorch: every element of every tensor, relative to the largest of its tensor.</summary>
public sealed class PyTorchTests
{
    // Deviations are up to 1.9e-4.
    private const double MovementTolerance = 1e-3;

    public static TheoryData<string> GradientCases => [.. PyTorchVectors.Llama.Cases.Where(one => one.Value.Optimizer is null).Select(one => one.Key)];

    public static TheoryData<string> StepCases => [.. PyTorchVectors.Llama.Cases.Where(one => one.Value.Optimizer is not null).Select(one => one.Key)];

    public static TheoryData<string> FamilyCases => [.. PyTorchVectors.Families.Cases.Keys];

    [Theory]
    [MemberData(nameof(GradientCases))]
    public void Forward_Case_GivesPyTorchsLogits(string name) => PyTorchStep.RequireLogits(PyTorchVectors.Llama, name);

    [Theory]
    [MemberData(nameof(GradientCases))]
    public void Backward_Case_GivesPyTorchsLossAndGradients(string name) => PyTorchStep.RequireGradients(PyTorchVectors.Llama, name);

    [Theory]
    [MemberData(nameof(FamilyCases))]
    public void Forward_CaseOfAFamily_GivesPyTorchsLogits(string name) => PyTorchStep.RequireLogits(PyTorchVectors.Families, name);

    [Theory]
    [MemberData(nameof(FamilyCases))]
    public void Backward_CaseOfAFamily_GivesPyTorchsLossAndGradients(string name) => PyTorchStep.RequireGradients(PyTorchVectors.Families, name);

    [Theory]
    [MemberData(nameof(StepCases))]
    public void Step_Case_MovesParametersAsPyTorchDoes(string name)
    {
        PyTorchCase expected = PyTorchVectors.Llama.Cases[name];
        PyTorchOptimizer o = expected.Optimizer!;
        using SafetensorsFile vectors = PyTorchVectors.Llama.Open(name);
        using DecoderModel model = PyTorchVectors.Llama.Load(name);
        Dictionary<string, float[]> start = model.Trained.ToDictionary(parameter => parameter.Name, parameter => parameter.Value.Span.ToArray(), StringComparer.Ordinal);
        AdamW optimizer = new(model.Trained, new AdamWOptions(o.Beta1, o.Beta2, o.Epsilon, o.WeightDecay, o.ClipNorm));
        LearningRate schedule = new(o.LearningRate, o.Cosine, o.WarmupSteps, o.TotalGlobalSteps);

        for (int step = 0; step < expected.Steps.Length; step++)
        {
            double loss = PyTorchStep.Take(model, expected.Steps[step]);
            double norm = optimizer.Step(schedule.At(o.FirstGlobalStep + step));

            Assert.Equal(expected.Losses[step], loss, tolerance: PyTorchStep.Tolerance * expected.Losses[step]);
            Assert.Equal(expected.GradientNorms[step], norm, tolerance: PyTorchStep.GradientTolerance * norm);
            string prefix = $"after{step + 1}.";
            if (step is 0 or 1 or 4)
            {
                Assert.Equal(PyTorchStep.Names(vectors, prefix), start.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
                Assert.All(model.Trained, parameter => PyTorchStep.RequireClose(
                    prefix + parameter.Name,
                    PyTorchStep.Movement(start[parameter.Name], PyTorchStep.Read(vectors, prefix + parameter.Name)),
                    PyTorchStep.Movement(start[parameter.Name], parameter.Value.Span.ToArray()),
                    MovementTolerance));
            }
        }
    }

    [Fact]
    public void Vectors_EveryTensorFile_BelongsToACase()
    {
        string[] files = Directory.GetFiles(Path.Combine(PyTorchVectors.Llama.Folder, "cases"));

        Assert.Equal(PyTorchVectors.Llama.Cases.Keys.Order(StringComparer.Ordinal), files.Select(Path.GetFileNameWithoutExtension).Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.Equal(PyTorchVectors.Llama.Cases.Values.Select(one => one.Base).Distinct(StringComparer.Ordinal).Count(), Directory.GetDirectories(Path.Combine(PyTorchVectors.Llama.Folder, "bases")).Length);
    }
}
