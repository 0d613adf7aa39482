// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;
using Xunit;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>The two ways of the backward pass of attention: by key and value heads, and in smaller parts for many threads.</summary>
public sealed unsafe class AttentionBackwardTests
{
    private const int D = 8;
    private const int Heads = 6;
    private const int Groups = 2;
    private const int Stride = (Heads + (2 * Groups)) * D; // queries, keys and values side by side
    private static readonly int[] Lengths = [97, 1, 250, 96, 48];

    [Theory]
    [InlineData(1, int.MaxValue, 0)]
    [InlineData(3, int.MaxValue, 1.5)]
    [InlineData(2, 50, 0)]
    [InlineData(2, 120, 1.5)]
    public void ComputeParted_AnyThreadsWindowAndCap_HasTheSameBits(int threads, int window, float cap)
    {
        int rows = Lengths.Sum();
        using Matrix tokens = AttentionRowsTests.Random(rows, Stride, 1);
        using Matrix doutput = AttentionRowsTests.Random(rows, Heads * D, 2);
        using Matrix attended = new(rows, Heads * D);
        using Matrix logSums = new(Heads * rows, 1);
        using Matrix whole = AttentionRowsTests.Random(rows, Stride, 3);
        using Matrix parted = AttentionRowsTests.Random(rows, Stride, 4);
        HeadShape shape = new(D, Heads, Groups) { QueryStride = Stride, KeyStride = Stride, Scale = 0.7f, Window = window, Cap = cap };
        int* starts = stackalloc int[Lengths.Length + 1];
        starts[0] = 0;
        for (int i = 0; i < Lengths.Length; i++)
        {
            starts[i + 1] = starts[i] + Lengths[i];
        }

        Workers.Ranges(Lengths.Length * Heads, threads, new AttentionRows(tokens.P, Keys(tokens), Values(tokens), logSums.P, attended.P, starts, shape));
        AttentionBackward Into(Matrix gradients) => new(
            tokens.P, Keys(tokens), Values(tokens), logSums.P, attended.P, doutput.P, gradients.P, Keys(gradients), Values(gradients), starts, shape);

        Into(whole).Compute(Lengths.Length, 1);
        Into(parted).ComputeParted(Lengths.Length, threads);

        Assert.All(whole.Span.ToArray(), value => Assert.True(float.IsFinite(value)));
        Assert.True(whole.Span.SequenceEqual(parted.Span));
    }

    private static float* Keys(Matrix tokens) => tokens.P + (Heads * D);

    private static float* Values(Matrix tokens) => Keys(tokens) + (Groups * D);
}
