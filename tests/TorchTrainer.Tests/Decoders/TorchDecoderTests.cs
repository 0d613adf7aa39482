// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.TorchTrainer.Decoders;
using FedCloud.TorchTrainer.Devices;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Tests.Decoders;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace FedCloud.TorchTrainer.Tests.Decoders;

/// <summary>The models on libtorch against the managed engine and PyTorch, in float32 on the processor.</summary>
public sealed class TorchDecoderTests(ITestOutputHelper output)
{
    private const int B = 3;
    private const int T = 70; // longer than every window

    public static TheoryData<string> Families => [.. FamilyBase.All];

    public static TheoryData<string> Cases => [.. PyTorchVectors.Families.Cases.Where(one => one.Value.Adapter is not { UseDora: true }).Select(one => one.Key)];

    [TorchTheory]
    [MemberData(nameof(Families))]
    public void Backward_Family_GivesTheManagedEnginesLossAndGradients(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel expected = family.Load(B * T, T);
        using TorchDecoder found = TorchModels.Like(expected, family.Folder, B * T, T);
        found.TrainAdapter(ExchangedFactor.Both);

        (double expectedLoss, double foundLoss) = (Step(expected), Step(found));

        Require(Closeness.Relative(expectedLoss, foundLoss), Closeness.OfGradients(expected, found));
        Assert.Equal(expected.LossOf(1), found.LossOf(1), tolerance: Closeness.OfLoss * expected.LossOf(1));
    }

    [TorchTheory]
    [MemberData(nameof(Families))]
    public void Backward_FactorsOfOneSide_GiveTheirGradientsOnly(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel expected = family.Load(B * T, T, exchanged: ExchangedFactor.B);
        using TorchDecoder found = TorchModels.Like(expected, family.Folder, B * T, T);
        found.TrainAdapter(ExchangedFactor.B);

        (double expectedLoss, double foundLoss) = (Step(expected), Step(found));

        Require(Closeness.Relative(expectedLoss, foundLoss), Closeness.OfGradients(expected, found));
    }

    [TorchTheory]
    [MemberData(nameof(Cases))]
    public void Step_CaseOfPyTorch_GivesItsLogitsLossAndGradients(string name)
    {
        PyTorchCase expected = PyTorchVectors.Families.Cases[name];
        using SafetensorsFile vectors = PyTorchVectors.Families.Open(name);
        using DecoderModel managed = PyTorchVectors.Families.Load(name);
        int length = expected.Steps.SelectMany(step => step).SelectMany(batch => batch).Max(example => example.Tokens.Length) - 1;
        using TorchDecoder found = TorchModels.Like(managed, PyTorchVectors.Families.Base(name), length * expected.Steps.SelectMany(step => step).Max(batch => batch.Length), length);
        if (expected.Adapter is { } adapter)
        {
            found.TrainAdapter(Enum.Parse<ExchangedFactor>(adapter.Exchanged, ignoreCase: true));
        }

        List<float> logits = [];
        double loss = Take(found, expected.Steps[0], logits);

        float[] expectedLogits = PyTorchStep.Read(vectors, "logits");
        Require(
            Math.Max(Closeness.Relative(expected.Losses[0], loss), Closeness.Relative(expectedLogits, [.. logits])),
            found.Trained.Select(parameter => Closeness.Relative(PyTorchStep.Read(vectors, "gradient." + parameter.Name), parameter.Gradient!.Span)).DefaultIfEmpty().Max());
    }

    [TorchFact]
    public void Backward_TwoMicroBatches_AddTheirGradients()
    {
        using FamilyBase family = new("llama2");
        using DecoderModel managed = family.Load(B * T, T);
        using TorchDecoder model = TorchModels.Like(managed, family.Folder, B * T, T);
        model.TrainAdapter(ExchangedFactor.Both);
        float[] once = Gradients(model, () => Step(model));

        float[] twice = Gradients(model, () =>
        {
            Step(model);
            Step(model, zero: false);
        });

        Assert.True(Closeness.Relative([.. once.Select(value => 2 * value)], twice) < 1e-6);
    }

    [TorchFact]
    public void Forward_ChangedFactor_IsSeen()
    {
        using FamilyBase family = new("llama2");
        using DecoderModel managed = family.Load(B * T, T);
        using TorchDecoder model = TorchModels.Like(managed, family.Folder, B * T, T);
        model.TrainAdapter(ExchangedFactor.B);
        double before = Step(model);

        model.Trained.First().Value.Span[0] += 3;

        Assert.NotEqual(before, Step(model));
    }

    // The base in bf16 is the base rounded: eight bits of it are left, and the loss with them.
    [TorchFact]
    public void Backward_BaseInBf16_IsNearTheManagedEngine()
    {
        using FamilyBase family = new("qwen3-untied");
        using DecoderModel expected = family.Load(B * T, T);
        using TorchDecoder found = TorchModels.Like(expected, family.Folder, B * T, T, ScalarType.BFloat16);
        found.TrainAdapter(ExchangedFactor.Both);

        (double expectedLoss, double foundLoss) = (Step(expected), Step(found));
        double gradients = Closeness.OfGradients(expected, found);

        output.WriteLine($"loss {Closeness.Relative(expectedLoss, foundLoss):e1}, gradients {gradients:e1}");
        Assert.True(Closeness.Relative(expectedLoss, foundLoss) < 1e-2);
        Assert.True(gradients < 0.3);
    }

    [TorchFact]
    public void Switch_Determinism_IsOn()
    {
        Determinism.Switch();

        Assert.True(Determinism.IsOn);
    }

    private void Require(double loss, double gradient)
    {
        output.WriteLine($"loss and logits {loss:e1}, gradients {gradient:e1}");
        Assert.True(loss <= Closeness.OfLoss, $"loss or logits off by {loss}");
        Assert.True(gradient <= Closeness.OfGradient, $"gradients off by {gradient}");
    }

    private static float[] Gradients(TorchDecoder model, Action act)
    {
        act();
        return [.. model.Trained.SelectMany(parameter => parameter.Gradient!.Span.ToArray())];
    }

    private static double Step(IDecoder model, bool zero = true)
    {
        Random random = new(11);
        int[] tokens = [.. Enumerable.Range(0, B * T).Select(_ => random.Next(FamilyBase.Vocabulary))];
        int[] targets = [.. Enumerable.Range(0, B * T).Select(i => i % T < 50 - (i / T) && i % 5 != 0 ? random.Next(FamilyBase.Vocabulary) : -1)];
        if (zero)
        {
            model.ZeroGradients();
        }

        model.Forward(tokens, B, T);
        double loss = model.Loss(targets, 1f / targets.Count(target => target >= 0));
        model.Backward();
        return loss;
    }

    // As PyTorchStep does with the managed engine.
    private static double Take(TorchDecoder model, ImmutableArray<ImmutableArray<Example>> examples, List<float> logits)
    {
        Batch[] batches = [.. examples.Select(micro => Batch.Of(micro))];
        int counted = batches.Sum(batch => batch.Counted);
        double loss = 0;
        model.ZeroGradients();
        foreach ((Batch batch, ImmutableArray<Example> sequences) in batches.Zip(examples))
        {
            model.Forward(batch.Tokens, batch.B, batch.T);
            float[] all = model.Logits();
            int v = model.Config.Vocabulary;
            for (int b = 0; b < batch.B; b++)
            {
                logits.AddRange(all.AsSpan(b * batch.T * v, (sequences[b].Tokens.Length - 1) * v));
            }

            loss += model.Loss(batch.Targets, 1f / counted);
            if (model.Trained.Any())
            {
                model.Backward();
            }
        }

        return loss / counted;
    }
}
