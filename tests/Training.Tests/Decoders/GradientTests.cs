// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using Xunit;

namespace FedCloud.Training.Tests.Decoders;

public sealed class GradientTests
{
    private static readonly ModelConfig Shape = new()
    {
        Vocabulary = 19,
        Hidden = 12,
        Intermediate = 14,
        Layers = 2,
        Heads = 4,
        KeyValueHeads = 2,
        HeadWidth = 6,
        Positions = 16,
        NormEpsilon = 1e-5f,
        Rope = new RotaryPositions(10_000),
        TiedHead = true,
    };

    private static readonly int[] Tokens = [1, 5, 7, 3, 2, 2, 18, 4, 9, 0];
    private static readonly int[] Targets = [-1, 7, 3, 2, 6, -1, 4, 9, 0, 11];

    [Fact]
    public void Backward_AllWeights_AgreesWithFiniteDifferences()
    {
        using DecoderModel model = DecoderModel.Random(Shape, seed: 3, maxRows: 10, maxLength: 5, threads: 1);
        Spread(model.BaseParameters());
        model.TrainAll();

        CheckGradients(model);
    }

    [Fact]
    public void Backward_LoraFactors_AgreesWithFiniteDifferences()
    {
        using DecoderModel model = WithAdapter(threads: 1);
        model.TrainAdapter(ExchangedFactor.Both);

        CheckGradients(model);
    }

    [Fact]
    public void Step_OneOrTwoThreads_GivesTheSameBits()
    {
        using DecoderModel one = WithAdapter(threads: 1);
        using DecoderModel two = WithAdapter(threads: 2);
        one.TrainAdapter(ExchangedFactor.Both);
        two.TrainAdapter(ExchangedFactor.Both);

        double first = Step(one);
        double second = Step(two);

        Assert.Equal(first, second);
        Assert.All(one.Trained.Zip(two.Trained), pair => Assert.True(pair.First.Gradient!.Span.SequenceEqual(pair.Second.Gradient!.Span)));
    }

    [Fact]
    public void Loss_MaskedRows_CarryNoGradient()
    {
        using DecoderModel model = DecoderModel.Random(Shape, seed: 3, maxRows: 10, maxLength: 5, threads: 1);
        model.TrainAll();
        int[] nothing = [.. Enumerable.Repeat(-1, 10)];

        model.Forward(Tokens, 2, 5);
        double loss = model.Loss(nothing, 1);
        model.Backward();

        Assert.Equal(0, loss);
        Assert.All(model.Trained, parameter => Assert.True(parameter.Gradient!.Span.IndexOfAnyExcept(0f) < 0));
    }

    private static double Step(DecoderModel model)
    {
        model.ZeroGradients();
        model.Forward(Tokens, 2, 5);
        double loss = model.Loss(Targets, 1);
        model.Backward();
        return loss;
    }

    private static void CheckGradients(DecoderModel model)
    {
        const float H = 4e-3f;
        Step(model);
        foreach (Parameter parameter in model.Trained)
        {
            float[] gradient = parameter.Gradient!.Span.ToArray();
            foreach (int i in (int[])[0, gradient.Length / 2, gradient.Length - 1])
            {
                float before = parameter.Value.Span[i];
                double up = LossAt(model, parameter, i, before + H);
                double down = LossAt(model, parameter, i, before - H);
                parameter.Value.Span[i] = before;
                double numeric = (up - down) / (2 * H);

                Assert.True(Math.Abs(numeric - gradient[i]) <= 2e-2 * Math.Max(0.05, Math.Abs(numeric)), $"{parameter.Name}[{i}]: {gradient[i]} against {numeric}");
            }
        }
    }

    private static double LossAt(DecoderModel model, Parameter parameter, int index, float value)
    {
        parameter.Value.Span[index] = value;
        model.Forward(Tokens, 2, 5);
        return model.Loss(Targets, 1);
    }

    // Weights of deviation 0.02 give gradients that finite differences in float32 cannot see.
    private static void Spread(IEnumerable<Parameter> parameters)
    {
        foreach (Parameter parameter in parameters.Where(parameter => !parameter.Name.EndsWith("norm.weight", StringComparison.Ordinal)))
        {
            foreach (ref float value in parameter.Value.Span)
            {
                value *= 12;
            }
        }
    }

    private static DecoderModel WithAdapter(int threads)
    {
        using DecoderModel source = DecoderModel.Random(Shape, seed: 3, maxRows: 10, maxLength: 5, threads: 1);
        Spread(source.BaseParameters());
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "model.safetensors");
        Dictionary<string, Parameter> byName = source.BaseParameters().ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        TensorEntry[] entries = [.. byName.Values.Select(parameter => parameter.Name.EndsWith("norm.weight", StringComparison.Ordinal) ? TensorEntry.Of(parameter.Name, TensorType.F32, parameter.Value.Columns) : TensorEntry.Of(parameter.Name, TensorType.F32, parameter.Value.Rows, parameter.Value.Columns))];
        SafetensorsWriter.WriteFile(path, entries, null, (entry, stream) => stream.Write(System.Runtime.InteropServices.MemoryMarshal.AsBytes(byName[entry.Name].Value.Span)));
        using BaseWeights weights = BaseWeights.Open(Path.GetDirectoryName(path)!);
        AdapterLayout layout = AdapterLayout.Of(weights.Tensors, ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"], new LoraForm(3, 6));
        DecoderModel model = DecoderModel.Load(Shape, weights, layout, maxRows: 10, maxLength: 5, threads);
        Random random = new(5);
        foreach (LoraFactors factors in model.Linears.Select(linear => linear.Adapter).OfType<LoraFactors>())
        {
            foreach (Parameter factor in (Parameter[])[factors.A, factors.B])
            {
                foreach (ref float value in factor.Value.Span)
                {
                    value = (float)((random.NextDouble() - 0.5) * 0.6);
                }
            }
        }

        return model;
    }
}
