// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

/// <summary>Jobs that name a device, at the trainer that has only the processor.</summary>
public sealed class JobDeviceTests : IDisposable
{
    private readonly JobFolder _folder = new();

    [Fact]
    public void Run_Processor_ChangesNothing()
    {
        _folder.Run();
        byte[] expected = _folder.Update;

        _folder.Job = _folder.Job with { Device = "cpu", CpuFallback = true };
        _folder.Run();

        Assert.Equal(expected, _folder.Update);
    }

    [Fact]
    public void Run_CudaWithoutLeave_IsRefused()
    {
        _folder.Job = _folder.Job with { Device = "cuda" };

        var error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal(ErrorCodes.DeviceUnavailable, error.Code);
        Assert.Contains("expected a trainer for cuda:0, found fedcloud-trainer", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(_folder.Path, "metrics.json")));
    }

    [Fact]
    public void Run_CudaWithLeave_ComputesOnTheProcessorAndSaysSo()
    {
        _folder.Job = _folder.Job with { Device = "cuda:1", CpuFallback = true };

        List<JobProgress> lines = _folder.Run();

        Assert.Equal(["started", "fallback", "evaluated"], lines.Take(3).Select(line => line.Event));
        Assert.Contains("expected a trainer for cuda:1", lines[1].Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:x")]
    [InlineData("")]
    public void Read_AnotherDevice_IsRefusedWithItsName(string device)
    {
        _folder.Job = _folder.Job with { Device = device };

        _folder.Write();

        var error = Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path));

        Assert.Equal(ErrorCodes.JobMalformed, error.Code);
        Assert.Contains("device is out of its range", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
