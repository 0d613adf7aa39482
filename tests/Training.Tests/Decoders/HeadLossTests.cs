// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>The loss in several blocks of rows against each row by itself.</summary>
public sealed unsafe class HeadLossTests
{
    private const int Rows = 500;
    private const int Vocabulary = 6000;
    private const int Hidden = 8;

    private static readonly ModelConfig Config = new()
    {
        Vocabulary = Vocabulary,
        Hidden = Hidden,
        Intermediate = 8,
        Layers = 1,
        Heads = 1,
        KeyValueHeads = 1,
        HeadWidth = 8,
        Positions = Rows,
        NormEpsilon = 1e-5f,
        Rope = new RotaryPositions(10_000),
        TiedHead = true,
    };

    [Theory]
    [InlineData(1, null)]
    [InlineData(2, 3f)]
    public void Run_MoreRowsThanABlock_GivesWhatEachRowGivesAlone(int threads, float? cap)
    {
        ModelConfig config = Config with { LogitCap = cap };
        Assert.True(2 * HeadLoss.BlockRows(config, Rows) < Rows);
        using Parameter head = new("head", Random(Vocabulary, Hidden, 1));
        using Parameter headOfOne = new("head", Random(Vocabulary, Hidden, 1));
        head.Train();
        headOfOne.Train();
        using Matrix xn = Random(Rows, Hidden, 2);
        using Matrix found = new(Rows, Hidden);
        using Matrix expected = new(Rows, Hidden);
        int[] targets = [.. Enumerable.Range(0, Rows).Select(i => i % 7 == 0 ? -1 : i * 37 % Vocabulary)];
        using HeadLoss whole = new(config, Rows, threads);
        using HeadLoss one = new(config, 1, 1);
        Scales(whole.Scales(Rows), 0);

        double sum = whole.Run(head, xn.P, targets, found.P);
        whole.Backward(head);

        double apart = 0;
        for (int i = 0; i < Rows; i++)
        {
            Scales(one.Scales(1), i);
            double loss = one.Run(headOfOne, xn.P + (i * Hidden), [targets[i]], expected.P + (i * Hidden));
            one.Backward(headOfOne);
            Assert.Equal(loss, whole.Sum(i, 1));
            apart += loss;
        }

        Assert.Equal(apart, sum);
        Assert.Equal(expected.Span.ToArray(), found.Span.ToArray());
        Assert.All(headOfOne.Gradient!.Span.ToArray().Zip(head.Gradient!.Span.ToArray()), pair => Assert.Equal(pair.First, pair.Second, tolerance: 1e-4f));
        Assert.Contains(head.Gradient!.Span.ToArray(), value => Math.Abs(value) > 1e-2f);
    }

    private static void Scales(Span<float> scales, int first)
    {
        for (int i = 0; i < scales.Length; i++)
        {
            scales[i] = 0.5f + ((first + i) % 3);
        }
    }

    private static Matrix Random(int rows, int columns, int seed)
    {
        Random random = new(seed);
        Matrix matrix = new(rows, columns);
        foreach (ref float value in matrix.Span)
        {
            value = (float)(random.NextDouble() - 0.5);
        }

        return matrix;
    }
}
