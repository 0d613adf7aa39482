// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

public sealed class JobDeadlineTests : IDisposable
{
    private readonly JobFolder _folder = new();
    private readonly SteppingClock _clock = new();

    [Fact]
    public void Run_DeadlinePassed_StopsBeforeTraining()
    {
        _folder.Job = _folder.Job with { Deadline = _clock.Now.ToUnixTimeSeconds() - 1 };

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run(time: _clock));

        Assert.Equal("trainer_deadline", error.Code.Name);
        Assert.False(File.Exists(_folder.UpdateFile));
    }

    [Fact]
    public void Run_RestCannotFit_StopsBeforeTheDeadline()
    {
        _folder.Job = _folder.Job with { Deadline = _clock.Now.AddSeconds(60).ToUnixTimeSeconds() };

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run(time: _clock));

        Assert.Equal("trainer_deadline", error.Code.Name);
        Assert.Contains("before step 2 of 6", error.Message, StringComparison.Ordinal);
        Assert.True(_clock.Now.ToUnixTimeSeconds() < _folder.Job.Deadline);
        Assert.False(File.Exists(_folder.UpdateFile));
    }

    [Fact]
    public void Run_RestFits_Finishes()
    {
        _folder.Job = _folder.Job with { Deadline = _clock.Now.AddSeconds(300).ToUnixTimeSeconds() };

        List<JobProgress> lines = _folder.Run(time: _clock);

        Assert.Equal("done", lines[^1].Event);
        Assert.True(File.Exists(_folder.UpdateFile));
    }

    [Fact]
    public void Run_DeadlinePassesBeforeTheStepForTheRing_StopsWithoutAnUpdate()
    {
        _folder.Job = _folder.Job with
        {
            LocalSteps = 1,
            GradientAccumulation = 1,
            Ring = new JobRing { ExampleClip = 1, Clipping = "flat", Clip = 1000, Limit = 1 << 20, MaxRecords = 100 },
            Deadline = _clock.Now.AddSeconds(3).ToUnixTimeSeconds(),
        };

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run(time: _clock));

        Assert.Equal("trainer_deadline", error.Code.Name);
        Assert.Contains("before step 1 of 1", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.UpdateFile));
    }

    public void Dispose() => _folder.Dispose();

    /// <summary>A clock on which work takes time: five seconds pass whenever somebody measures.</summary>
    private sealed class SteppingClock : TimeProvider
    {
        public DateTimeOffset Now { get; private set; } = DateTimeOffset.FromUnixTimeSeconds(2_000_000_000);

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override DateTimeOffset GetUtcNow() => Now;

        public override long GetTimestamp() => (Now += TimeSpan.FromSeconds(5)).Ticks;
    }
}
