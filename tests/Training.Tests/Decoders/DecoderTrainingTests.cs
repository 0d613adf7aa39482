// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Training.Decoders;
using FedCloud.Training.Optimization;

namespace FedCloud.Training.Tests.Decoders;

public sealed class DecoderTrainingTests
{
    [Fact]
    public void TrainAll_OneSequence_IsLearnedByHeart()
    {
        int[] tokens = [7, 250, 31, 31, 4, 299, 18, 100, 2];
        using TinyBase tiny = new(tied: false);
        using DecoderModel model = DecoderModel.Random(tiny.Config, seed: 1, 8, 8, threads: 1);
        model.TrainAll();
        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.99, 1e-8, 0, 1));

        double loss = double.NaN;
        for (int step = 0; step < 150; step++)
        {
            model.ZeroGradients();
            model.Forward(tokens.AsSpan(0, 8), 1, 8);
            loss = model.Loss(tokens.AsSpan(1), 1f / 8) / 8;
            model.Backward();
            optimizer.Step(0.01);
        }

        model.Forward(tokens.AsSpan(0, 8), 1, 8);
        int[] greedy = [.. Enumerable.Range(0, 8).Select(row => model.Logits(row).IndexOf(model.Logits(row).ToArray().Max()))];
        Assert.True(loss < 0.01, $"loss {loss}");
        Assert.Equal(tokens[1..], greedy);
    }

    [Theory]
    [InlineData(1, true)]
    [InlineData(1, false)]
    [InlineData(2, true)]
    public void Step_Warm_AllocatesNothing(int threads, bool adapter)
    {
        int[] tokens = [7, 250, 31, 31, 4, 299, 18, 100, 2];
        using TinyBase tiny = new();
        using DecoderModel model = adapter ? tiny.Load(8, 8, threads) : DecoderModel.Random(tiny.Config, seed: 1, 8, 8, threads);
        if (adapter)
        {
            model.TrainAdapter(ExchangedFactor.Both);
        }
        else
        {
            model.TrainAll();
        }

        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.99, 1e-8, 0, 1));
        void Step()
        {
            model.ZeroGradients();
            model.Forward(tokens.AsSpan(0, 8), 1, 8);
            model.Loss(tokens.AsSpan(1), 1f / 8);
            model.Backward();
            optimizer.Step(0.01);
        }

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 50; i++)
            {
                Step();
            }
        }));
    }
}
