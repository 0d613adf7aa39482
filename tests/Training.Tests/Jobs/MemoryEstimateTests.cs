// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Jobs;
using FedCloud.Training.Models;

namespace FedCloud.Training.Tests.Jobs;

public sealed class MemoryEstimateTests
{
    // Llama 3.2 1B: 1,235,814,400 weights, so 4.9 GB in float32 before any activation.
    private static readonly ModelConfig Llama1B = new()
    {
        Vocabulary = 128_256,
        Hidden = 2048,
        Intermediate = 8192,
        Layers = 16,
        Heads = 32,
        KeyValueHeads = 8,
        HeadWidth = 64,
        Positions = 131_072,
        NormEpsilon = 1e-5f,
        Rope = new RotaryPositions(500_000),
        TiedHead = true,
    };

    [Fact]
    public void Bytes_NoTokens_AreTheWeights()
    {
        Assert.Equal(4L * 1_235_814_400, MemoryEstimate.Bytes(Llama1B, rank: 0, rows: 0, length: 0));
    }

    [Fact]
    public void Bytes_Adapter_CountsFiveTimesItsParameters()
    {
        // PEFT reports 5,636,096 trainable parameters for rank 8 on all seven linear modules of this model.
        Assert.Equal(4L * 5 * 5_636_096, MemoryEstimate.Bytes(Llama1B, 8, 0, 0) - MemoryEstimate.Bytes(Llama1B, 0, 0, 0));
    }

    [Fact]
    public void Bytes_PrivateSteps_CountTheGradientOfEachExampleAndTheSums()
    {
        // 16 examples, a person's sum in float32, the sum in 64-bit integers.
        Assert.Equal(((4L * 17) + 8) * 5_636_096, MemoryEstimate.Bytes(Llama1B, 8, 0, 0, examples: 16) - MemoryEstimate.Bytes(Llama1B, 8, 0, 0));
    }

    [Fact]
    public void Bytes_LongerSequences_GrowWithTheSquareInAttention()
    {
        long base0 = MemoryEstimate.Bytes(Llama1B, 0, 0, 0);
        long half = MemoryEstimate.Bytes(Llama1B, 0, 1024, 1024) - base0;
        long whole = MemoryEstimate.Bytes(Llama1B, 0, 2048, 2048) - base0;

        Assert.InRange((double)whole / half, 2.1, 4);
    }
}
