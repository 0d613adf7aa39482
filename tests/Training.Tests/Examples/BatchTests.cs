// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Examples;

public sealed class BatchTests
{
    private static readonly Example Short = new([5, 6, 7], promptLength: 2);
    private static readonly Example Long = new([8, 9, 10, 11, 12], promptLength: 3);

    [Fact]
    public void Of_TwoLengths_PadsAndMasksPrompts()
    {
        Batch batch = Batch.Of([Short, Long]);

        Assert.Equal((2, 4, 3), (batch.B, batch.T, batch.Counted));
        Assert.Equal([2, 4], batch.Lengths);
        Assert.Equal([5, 6, 0, 0, 8, 9, 10, 11], batch.Tokens);
        Assert.Equal([-1, 7, -1, -1, -1, -1, 11, 12], batch.Targets);
    }

    [Fact]
    public void Loss_PaddedBatch_IsTheSumOfItsExamples()
    {
        using TinyBase tiny = new();
        using DecoderModel model = tiny.Load(8, 4);
        double Loss(params Example[] examples)
        {
            Batch batch = Batch.Of(examples);
            model.Forward(batch.Tokens, batch.B, batch.T);
            return model.Loss(batch.Targets, 1);
        }

        Assert.Equal(Loss(Short) + Loss(Long), Loss(Short, Long), tolerance: 1e-4);
    }
}
