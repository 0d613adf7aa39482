// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.TorchTrainer.Devices;
using FedCloud.Trainer.Tests;
using FedCloud.Training.Jobs;

namespace FedCloud.TorchTrainer.Tests.Devices;

/// <summary>A device that is not there. What is found of it needs no libtorch.</summary>
public sealed class DeviceChoiceTests : IDisposable
{
    private static readonly JobDevice Second = new(IsCuda: true, 1);
    private static readonly (string, string) OnlyOne = ("1 CUDA devices", "look at nvidia-smi");

    private readonly SampleJob _sample = new();
    private readonly List<JobProgress> _lines = [];

    [Fact]
    public void Of_DeviceThatIsThere_IsTaken() =>
        Assert.Equal(Second, DeviceChoice.Of(_sample.Job, _lines.Add, Second, missing: null));

    [Fact]
    public void Of_MissingDevice_IsRefusedWithoutLeave()
    {
        var error = Assert.Throws<FedCloudException>(() => DeviceChoice.Of(_sample.Job, _lines.Add, Second, OnlyOne));

        Assert.Equal(ErrorCodes.DeviceUnavailable, error.Code);
        Assert.Contains("expected cuda:1, found 1 CUDA devices", error.Message, StringComparison.Ordinal);
        Assert.Equal("look at nvidia-smi", error.NextStep);
        Assert.Empty(_lines);
    }

    [Fact]
    public void Of_MissingDeviceWithLeave_IsTheProcessorAndSaid()
    {
        JobDevice found = DeviceChoice.Of(_sample.Job with { CpuFallback = true }, _lines.Add, Second, OnlyOne);

        Assert.False(found.IsCuda);
        JobProgress line = Assert.Single(_lines);
        Assert.Equal("fallback", line.Event);
        Assert.Contains("expected cuda:1, found 1 CUDA devices", line.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_NoLibtorch_SaysWhatToDo()
    {
        string program = Directory.CreateDirectory(Path.Combine(_sample.Folder, "program")).FullName;
        foreach (string file in Directory.GetFiles(AppContext.BaseDirectory, "*.dll").Append(Path.Combine(AppContext.BaseDirectory, "fedcloud-trainer-torch.runtimeconfig.json")))
        {
            File.Copy(file, Path.Combine(program, Path.GetFileName(file)));
        }

        TrainerRun run = Jobs.TorchRun.Of(_sample, program);

        Assert.Equal((int)ExitCode.NotSetUp, run.ExitCode);
        Assert.Equal(["started", "failed"], run.Events);
        Assert.Equal("package_not_restored", run.Lines[^1].GetProperty("code").GetString());
        Assert.Contains("-p:Torch=cuda", run.Lines[^1].GetProperty("next").GetString(), StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_sample.UpdateFile));
    }

    [TorchFact]
    public void Run_NoSuchDevice_FailsWithoutLeave()
    {
        _sample.Job = _sample.Job with { Device = "cuda:77" };

        TrainerRun run = Jobs.TorchRun.Of(_sample);

        Assert.Equal((int)ExitCode.NotSetUp, run.ExitCode);
        Assert.Equal("device_unavailable", run.Lines[^1].GetProperty("code").GetString());
        Assert.Contains("expected cuda:77, found ", run.Error, StringComparison.Ordinal);
        Assert.False(File.Exists(_sample.UpdateFile));
    }

    [TorchFact]
    public void Run_NoSuchDeviceWithLeave_TrainsOnTheProcessorAndSaysSo()
    {
        _sample.Job = _sample.Job with { Device = "cuda:77", CpuFallback = true, LocalSteps = 1 };

        TrainerRun run = Jobs.TorchRun.Of(_sample);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(["started", "fallback", "evaluated", "step", "done"], run.Events);
    }

    [TorchFact]
    public void Run_MoreMemoryThanAllowed_IsRefusedBeforehand()
    {
        _sample.Job = _sample.Job with { Device = "cpu", MaxMemoryMib = 64 };

        TrainerRun run = Jobs.TorchRun.Of(_sample);

        Assert.Equal((int)ExitCode.Refused, run.ExitCode);
        Assert.Equal("memory_exceeded", run.Lines[^1].GetProperty("code").GetString());
    }

    public void Dispose() => _sample.Dispose();
}
