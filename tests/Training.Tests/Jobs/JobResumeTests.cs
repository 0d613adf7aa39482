// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

public sealed class JobResumeTests : IDisposable
{
    private readonly JobFolder _folder = new();

    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(5)]
    public void Run_AfterACrash_GivesTheBitsOfAnUninterruptedRun(int lastStep)
    {
        _folder.Run();
        (byte[] update, JobMetrics metrics) = (_folder.Update, _folder.Metrics);
        Reset();

        Crash(lastStep);
        List<JobProgress> lines = _folder.Run();

        Assert.Equal(lastStep / 2 * 2 + 1, lines.First(line => line.Step is not null).Step);
        Assert.Equal(update, _folder.Update);
        Assert.Equal(metrics.TrainLoss.AsEnumerable(), _folder.Metrics.TrainLoss);
        Assert.Equal(metrics.TrainedTokens, _folder.Metrics.TrainedTokens);
    }

    [Fact]
    public void Run_CrashBeforeTheFirstCheckpoint_BeginsAfresh()
    {
        Crash(1);

        List<JobProgress> lines = _folder.Run();

        Assert.Equal(1, lines.First(line => line.Step is not null).Step);
    }

    [Theory]
    [InlineData("threads")]
    [InlineData("deadline")]
    public void Run_RestartedWithOtherLimits_StillGoesOn(string what)
    {
        Crash(3);
        _folder.Job = what is "threads" ? _folder.Job with { Threads = 2 } : _folder.Job with { Deadline = 4_100_000_000 };

        List<JobProgress> lines = _folder.Run();

        Assert.Equal(3, lines.First(line => line.Step is not null).Step);
    }

    [Theory]
    [InlineData("job")]
    [InlineData("data")]
    [InlineData("adapter")]
    [InlineData("garbage")]
    public void Run_CheckpointOfAnotherJob_IsNotUsed(string what)
    {
        Crash(3);
        switch (what)
        {
            case "job":
                _folder.Job = _folder.Job with { LearningRate = 0.02 };
                break;
            case "data":
                File.AppendAllText(_folder.TrainFile, "{\"prompt\":\"the log\",\"completion\":\"sat\"}\n");
                break;
            case "adapter":
                _folder.Base.WriteAdapter(_folder.Base.AdapterFile, bIsZero: false);
                break;
            default:
                File.WriteAllBytes(_folder.CheckpointFile, new byte[400]);
                break;
        }

        List<JobProgress> resumed = _folder.Run();
        byte[] found = _folder.Update;
        Reset();
        _folder.Run();

        Assert.Equal(1, resumed.First(line => line.Step is not null).Step);
        Assert.Equal(_folder.Update, found);
    }

    public void Dispose() => _folder.Dispose();

    // The process dies after it reported a step: whatever was saved before stays, nothing else happens.
    private void Crash(int lastStep) => Assert.Throws<InvalidOperationException>(() => _folder.Run(line =>
    {
        if (line.Step > lastStep)
        {
            throw new InvalidOperationException("killed");
        }
    }));

    private void Reset()
    {
        foreach (string file in (string[])[_folder.UpdateFile, _folder.MetricsFile, _folder.CheckpointFile])
        {
            File.Delete(file);
        }
    }
}
