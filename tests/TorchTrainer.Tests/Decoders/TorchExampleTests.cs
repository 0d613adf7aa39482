// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.TorchTrainer.Decoders;
using FedCloud.Training.Decoders;
using FedCloud.Training.Tests.Decoders;
using Xunit.Abstractions;

namespace FedCloud.TorchTrainer.Tests.Decoders;

/// <summary>Each example's own gradient on libtorch.</summary>
public sealed unsafe class TorchExampleTests(ITestOutputHelper output)
{
    private const int Length = 70; // longer than every window

    private static readonly int[][] Lengths = [[70, 33, 8], [33, 70], [33]]; // the example of 33 tokens in three batches

    public static TheoryData<string> Families => [.. FamilyBase.All];

    [TorchTheory]
    [MemberData(nameof(Families))]
    public void KeepExamples_Family_GivesTheManagedEnginesRows(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel managed = family.Load(3 * Length, Length);
        using TorchDecoder torch = TorchModels.Like(managed, family.Folder, 3 * Length, Length);
        torch.TrainAdapter(ExchangedFactor.Both);
        using IExampleGradients expected = managed.KeepExamples(3);
        using IExampleGradients found = torch.KeepExamples(3);

        (double expectedLoss, double foundLoss) = (Pass(managed, Lengths[0]), Pass(torch, Lengths[0]));

        Assert.Equal(expected.ModuleLengths, found.ModuleLengths);
        double worst = Enumerable.Range(0, 3).Max(i => Closeness.Relative(Row(expected, i), Row(found, i)));
        output.WriteLine($"loss {Closeness.Relative(expectedLoss, foundLoss):e1}, gradients of examples {worst:e1}");
        Assert.True(worst <= Closeness.OfGradient, $"gradients off by {worst}");
        Assert.True(Closeness.Relative(expectedLoss, foundLoss) <= Closeness.OfLoss);
        Assert.Equal(managed.LossOf(1), torch.LossOf(1), tolerance: Closeness.OfLoss * managed.LossOf(1));
    }

    // What a unit adds to a private sum must not depend on who else enters: the bits, not about.
    [TorchTheory]
    [MemberData(nameof(Families))]
    public void KeepExamples_AnyCompany_GivesTheSameBits(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel managed = family.Load(3 * Length, Length);
        using TorchDecoder model = TorchModels.Like(managed, family.Folder, 3 * Length, Length);
        model.TrainAdapter(ExchangedFactor.B);
        using IExampleGradients rows = model.KeepExamples(3);

        float[][] found = [.. Lengths.Select(lengths =>
        {
            Pass(model, lengths);
            return Row(rows, Array.IndexOf(lengths, 33));
        })];

        Assert.All(found[1..], row => Assert.Equal(found[0], row));
        Assert.Contains(found[0], value => value != 0);
    }

    [TorchFact]
    public void KeepExamples_NothingCounts_IsZero()
    {
        using FamilyBase family = new("llama2");
        using DecoderModel managed = family.Load(3 * Length, Length);
        using TorchDecoder model = TorchModels.Like(managed, family.Folder, 3 * Length, Length);
        model.TrainAdapter(ExchangedFactor.B);
        using IExampleGradients rows = model.KeepExamples(2);
        Pass(model, [33, 33]);

        model.Forward(new int[66], 2, 33, [33, 33]);
        double loss = model.Loss([.. Enumerable.Repeat(-1, 66)], [0, 0]);
        model.Backward();

        Assert.Equal(0, loss);
        Assert.All(Row(rows, 0), value => Assert.Equal(0, value));
    }

    [TorchFact]
    public void Dispose_Rows_LetsPassesSumAgain()
    {
        using FamilyBase family = new("llama2");
        using DecoderModel managed = family.Load(3 * Length, Length);
        using TorchDecoder model = TorchModels.Like(managed, family.Folder, 3 * Length, Length);
        model.TrainAdapter(ExchangedFactor.B);
        using (IExampleGradients rows = model.KeepExamples(2))
        {
            Pass(model, [33, 20]);
            Assert.All(model.Trained, parameter => Assert.All(parameter.Gradient!.Span.ToArray(), value => Assert.Equal(0, value)));
        }

        Pass(model, [33, 20]);

        Assert.Contains(model.Trained.First().Gradient!.Span.ToArray(), value => value != 0);
    }

    private static float[] Row(IExampleGradients gradients, int example) => new ReadOnlySpan<float>(gradients.Row(example), gradients.Coordinates).ToArray();

    // An example of a length is always the same one.
    private static double Pass(IDecoder model, int[] lengths)
    {
        int t = lengths.Max();
        int[] tokens = new int[lengths.Length * t];
        int[] targets = [.. Enumerable.Repeat(-1, tokens.Length)];
        for (int b = 0; b < lengths.Length; b++)
        {
            Random random = new(lengths[b]);
            for (int i = 0; i < lengths[b]; i++)
            {
                tokens[(b * t) + i] = random.Next(FamilyBase.Vocabulary);
                targets[(b * t) + i] = i % 3 == 0 ? -1 : random.Next(FamilyBase.Vocabulary);
            }
        }

        model.Forward(tokens, lengths.Length, t, lengths);
        double loss = model.Loss(targets, [.. lengths.Select(length => 1.5f / length)]);
        model.Backward();
        return loss;
    }
}
