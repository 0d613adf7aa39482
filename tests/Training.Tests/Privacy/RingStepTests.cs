// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

public sealed class RingStepTests : IDisposable
{
    private const double Clip = 20_000;

    private readonly PrivateTask _task = new();

    [Theory]
    [InlineData("flat", ExchangedFactor.A)]
    [InlineData("flat", ExchangedFactor.B)]
    [InlineData("flat", ExchangedFactor.Both)]
    [InlineData("per_layer", ExchangedFactor.B)]
    [InlineData("per_layer", ExchangedFactor.Both)]
    [InlineData("automatic", ExchangedFactor.B)]
    [InlineData("automatic", ExchangedFactor.Both)]
    public void Take_EveryRecord_IsMinusTheSumOfClippedGradientsOfEachByItself(string clipping, ExchangedFactor exchanged)
    {
        _task.Privacy = _task.Privacy with { Clipping = clipping };
        _task.Exchanged = exchanged;

        int[] found = Take(1);

        double[] expected = [.. _task.Clipped(_task.OneByOne()).Select(value => -value * Clip / _task.Privacy.ExampleClip)];
        double most = _task.Examples.Count + 0.1; // a unit for each record's rounding, a little for the plain pass in float32
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second, pair.First - most, pair.First + most));
        Assert.True(expected.Max(Math.Abs) > 100 * most);
    }

    [Fact]
    public void Take_ManyKeys_HasTheMeanOfTheClippedSum()
    {
        const int Keys = 60;
        double[] expected = [.. _task.Clipped(_task.OneByOne()).Select(value => -value * Clip / _task.Privacy.ExampleClip)];
        double[] sums = new double[expected.Length];
        for (int key = 0; key < Keys; key++)
        {
            int[] found = Take(key);
            for (int i = 0; i < sums.Length; i++)
            {
                sums[i] += found[i] - expected[i];
            }
        }

        // Seven coins of deviation one half or less, 60 times, and what float32 leaves of the plain pass.
        double most = (6 * 0.5 * Math.Sqrt(7.0 * Keys)) + (0.1 * Keys);
        Assert.All(sums, sum => Assert.InRange(sum, -most, most));
    }

    [Fact]
    public void Take_AnyMicroBatchAndThreads_GivesTheSameUnits()
    {
        int[] expected = Take(1);

        foreach ((int batchSize, int threads) in ((int, int)[])[(1, 1), (1, 2), (2, 1), (4, 2), (7, 1), (8, 3)])
        {
            (_task.BatchSize, _task.Threads) = (batchSize, threads);
            Assert.Equal(expected, Take(1));
        }
    }

    [Fact]
    public void Take_EachRecordByItself_KeepsTheBound()
    {
        IReadOnlyList<Example> all = _task.Examples;
        foreach (Example example in all)
        {
            _task.Examples = [example];
            for (int key = 0; key < 30; key++)
            {
                int[] found = Take(key);
                double bound = DistributedNoise.RoundedL2(Clip, found.Length);

                Assert.True(found.Sum(value => (long)value * value) <= bound * bound, $"record of {example.Tokens.Length} tokens, key {key}");
            }
        }
    }

    [Fact]
    public void Take_RecordThatIsNotFinite_CountsAsZero()
    {
        int[] expected = Take(1, out StepLoss loss);

        _task.PoisonedToken = 295;
        _task.Examples = [.. _task.Examples, new Example([4, 5, 295, 6], 1)];
        int[] found = Take(1, out StepLoss with);

        Assert.NotEqual(-1, expected.AsSpan().IndexOfAnyExcept(0));
        Assert.Equal(loss.Loss, with.Loss);
        Assert.All(expected.Zip(found), pair => Assert.InRange(pair.Second - pair.First, -7, 7));
    }

    [Fact]
    public void Take_SmallLimit_ClampsEveryCoordinate()
    {
        int[] free = Take(1);

        int[] clamped = Take(1, limit: 50);

        Assert.Equal(free.Select(value => Math.Clamp(value, -50, 50)), clamped);
        Assert.Contains(50, clamped);
        Assert.Contains(-50, clamped);
    }

    [Fact]
    public void Secret_TwoSteps_RoundWithOtherCoins()
    {
        int[][] updates = [.. Enumerable.Range(0, 2).Select(_ =>
        {
            using DecoderModel model = _task.Model();
            using RingStep step = RingStep.Secret(model, new ExampleFile(_task.Examples, 0), Ring(1 << 30), _task.BatchSize, 1);
            int[] update = new int[step.Coordinates];
            step.Take(update);
            return update;
        })];

        Assert.NotEqual(updates[0], updates[1]);
        Assert.All(updates[0].Zip(updates[1]), pair => Assert.InRange(pair.First - pair.Second, -7, 7));
    }

    public void Dispose() => _task.Dispose();

    private JobRing Ring(long limit) => new()
    {
        ExampleClip = _task.Privacy.ExampleClip,
        Clipping = _task.Privacy.Clipping,
        Clip = Clip,
        Limit = limit,
        MaxRecords = 100,
    };

    private int[] Take(int key, long limit = 1 << 30) => Take(key, out _, limit);

    private int[] Take(int key, out StepLoss loss, long limit = 1 << 30)
    {
        using DecoderModel model = _task.Model();
        using RingStep step = new(model, new ExampleFile(_task.Examples, 0), Ring(limit), _task.BatchSize, _task.Threads, RoundedSumTests.Key(key));
        int[] update = new int[step.Coordinates];
        loss = step.Take(update);
        return update;
    }
}
