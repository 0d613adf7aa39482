// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>Every family against PyTorch: every element of every tensor, relative to the largest of its tensor.</summary>
public sealed class FamilyPyTorchTests
{
    // The engine counts in binary32, PyTorch did in binary64.
    private const double Tolerance = 1e-5;
    private const double GradientTolerance = 1e-4;

    public static TheoryData<string> Cases => [.. PyTorchVectors.Families.Cases.Where(one => one.Value.Adapter?.IsPlain ?? true).Select(one => one.Key)];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Forward_Case_GivesPyTorchsLogits(string name)
    {
        using SafetensorsFile vectors = PyTorchVectors.Families.Open(name);
        using DecoderModel model = PyTorchVectors.Families.Load(name);
        List<float> logits = [];

        PyTorchStep.Take(model, PyTorchVectors.Families.Cases[name].Steps[0], logits);

        PyTorchStep.RequireClose("logits", PyTorchStep.Read(vectors, "logits"), [.. logits], Tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Backward_Case_GivesPyTorchsLossAndGradients(string name)
    {
        PyTorchCase expected = PyTorchVectors.Families.Cases[name];
        using SafetensorsFile vectors = PyTorchVectors.Families.Open(name);
        using DecoderModel model = PyTorchVectors.Families.Load(name);

        double loss = PyTorchStep.Take(model, expected.Steps[0]);

        Assert.Equal(expected.Losses[0], loss, tolerance: Tolerance * expected.Losses[0]);
        Dictionary<string, Parameter> trained = model.Trained.ToDictionary(parameter => Name(vectors, parameter), StringComparer.Ordinal);
        Assert.Equal(PyTorchStep.Names(vectors, "gradient."), trained.Keys.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.All(trained, one => PyTorchStep.RequireClose(one.Key, PyTorchStep.Read(vectors, "gradient." + one.Key), one.Value.Gradient!.Span.ToArray(), GradientTolerance));
    }

    // Gradients have the names of the files' tensors, which may lack GPT-2's prefix.
    private static string Name(SafetensorsFile vectors, Parameter parameter) =>
        vectors.Header.ByName.ContainsKey("gradient." + parameter.Name) ? parameter.Name : parameter.Name.Replace("transformer.", string.Empty, StringComparison.Ordinal);
}
