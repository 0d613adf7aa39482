// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>Sequences of different lengths lie end to end: padding is not computed, and no sequence sees another.</summary>
public sealed class RaggedBatchTests
{
    private const int T = 20;

    private static readonly int[] Lengths = [20, 1, 13];

    private static readonly int[] Tokens = [.. Enumerable.Range(0, Lengths.Length * T).Select(i => i * 31 % FamilyBase.Vocabulary)];

    private static readonly int[] Targets = [.. Tokens.Select((token, i) => i % T < Lengths[i / T] && i % 5 > 0 ? (token * 7) % FamilyBase.Vocabulary : -1)];

    public static TheoryData<string> Families => [.. FamilyBase.All];

    [Theory]
    [MemberData(nameof(Families))]
    public void Forward_OfManyLengths_HasTheBitsOfEachSequenceAlone(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel together = family.Load(Lengths.Sum(), T); // no room for padding
        using DecoderModel alone = family.Load(T, T);

        together.Forward(Tokens, Lengths.Length, T, Lengths);

        for (int i = 0; i < Lengths.Length; i++)
        {
            alone.Forward(Tokens.AsSpan(i * T, Lengths[i]), 1, Lengths[i]);
            for (int t = 0; t < Lengths[i]; t++)
            {
                Assert.Equal(alone.Logits(t).ToArray(), together.Logits((i * T) + t).ToArray());
            }
        }

        Assert.Throws<ArgumentOutOfRangeException>(() => together.Logits(T + 1));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Backward_OfManyLengths_IsThatOfThePaddedBatch(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel padded = family.Load(Lengths.Length * T, T);
        using DecoderModel ragged = family.Load(Lengths.Sum(), T);

        double expected = Step(padded, default);
        double found = Step(ragged, Lengths);

        Assert.Equal(expected, found, 1e-6 * Math.Abs(expected));
        foreach ((Parameter one, Parameter other) in padded.Trained.Zip(ragged.Trained))
        {
            double[] left = [.. one.Gradient!.Span.ToArray().Select(value => (double)value)];
            double[] right = [.. other.Gradient!.Span.ToArray().Select(value => (double)value)];
            double norm = Math.Sqrt(left.Sum(value => value * value));
            double apart = Math.Sqrt(left.Zip(right, (a, b) => (a - b) * (a - b)).Sum());
            Assert.True(norm > 0 && apart <= 1e-5 * norm, $"{one.Name}: {apart / norm}");
        }
    }

    [Theory]
    [InlineData(21)]
    [InlineData(-1)]
    public void Forward_LengthOutOfRange_IsRefused(int length)
    {
        using FamilyBase family = new("llama2");
        using DecoderModel model = family.Load(2 * T, T);

        Assert.Throws<ArgumentOutOfRangeException>(() => model.Forward(Tokens, 2, T, [T, length]));
    }

    [Fact]
    public void Forward_MoreRowsThanThereIsRoomFor_IsRefused()
    {
        using FamilyBase family = new("llama2");
        using DecoderModel model = family.Load(T, T);

        Assert.Throws<ArgumentOutOfRangeException>(() => model.Forward(Tokens, 2, T));
    }

    private static double Step(DecoderModel model, ReadOnlySpan<int> lengths)
    {
        model.ZeroGradients();
        model.Forward(Tokens, Lengths.Length, T, lengths);
        double loss = model.Loss(Targets, 0.1f);
        model.Backward();
        return loss;
    }
}
