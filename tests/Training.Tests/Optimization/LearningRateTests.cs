// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Optimization;

namespace FedCloud.Training.Tests.Optimization;

public sealed class LearningRateTests
{
    [Theory]
    [InlineData(true, 0, 0.1)]
    [InlineData(true, 9, 1.0)]
    [InlineData(true, 10, 1.0)]
    [InlineData(true, 60, 0.5)]
    [InlineData(true, 110, 0.0)]
    [InlineData(true, 500, 0.0)]
    [InlineData(false, 4, 0.5)]
    [InlineData(false, 60, 1.0)]
    [InlineData(false, 500, 1.0)]
    public void At_GlobalStep_FollowsTheSchedule(bool cosine, long step, double expected)
    {
        LearningRate rate = new(1, cosine, WarmupSteps: 10, TotalSteps: 110);

        Assert.Equal(expected, rate.At(step), tolerance: 1e-12);
    }

    [Fact]
    public void At_NoWarmup_BeginsAtThePeak()
    {
        LearningRate rate = new(0.25, Cosine: true, WarmupSteps: 0, TotalSteps: 4);

        Assert.Equal(0.25, rate.At(0));
    }
}
