// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

/// <summary>Jobs that do not fit, and jobs whose base model is stored in less than float32.</summary>
public sealed class JobMemoryTests : IDisposable
{
    private readonly JobFolder _folder = new();

    [Fact]
    public void Run_MoreThanTheMachineHasFree_IsRefusedBeforeAnythingIsRead()
    {
        File.Delete(Path.Combine(_folder.Base.Folder, "model.safetensors"));

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run(available: () => 50L << 20));

        Assert.Equal("memory_exceeded", error.Code.Name);
        Assert.Contains("the 50 MiB that this machine has free", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.UpdateFile));
    }

    [Fact]
    public void Run_LimitThatHolds_IsTheOnlyOne()
    {
        _folder.Job = _folder.Job with { MaxMemoryMib = 200, LocalSteps = 1 };

        _folder.Run(available: () => 50L << 20);

        Assert.True(File.Exists(_folder.UpdateFile));
    }

    [Theory]
    [InlineData("f32")]
    [InlineData("bf16")]
    [InlineData("int8")]
    public void Run_StorageOfTheBase_IsNamedAndTrains(string storage)
    {
        _folder.Run();
        (byte[] plain, double before) = (_folder.Update, _folder.Metrics.EvalLossBefore!.Value);
        _folder.Job = _folder.Job with { BaseWeights = storage };

        List<JobProgress> lines = _folder.Run();

        Assert.Equal(storage, lines[0].BaseWeights);
        Assert.Contains($"\"base_weights\":\"{storage}\"", lines[0].ToJson(), StringComparison.Ordinal);
        Assert.Equal(storage != "int8", plain.SequenceEqual(_folder.Update)); // this base is exact in bfloat16
        Assert.Equal(before, _folder.Metrics.EvalLossBefore!.Value, tolerance: 0.02);
        Assert.True(_folder.Metrics.TrainLoss[^1] < _folder.Metrics.TrainLoss[0]);
    }

    [Fact]
    public void Run_CheckpointOfAnotherStorage_IsNotUsed()
    {
        _folder.Job = _folder.Job with { BaseWeights = "int8" };
        _folder.Run();
        byte[] expected = _folder.Update;
        File.Delete(_folder.CheckpointFile);
        _folder.Job = _folder.Job with { BaseWeights = "bf16" };
        _folder.Run(); // leaves its last checkpoint
        Assert.True(File.Exists(_folder.CheckpointFile));
        _folder.Job = _folder.Job with { BaseWeights = "int8" };

        List<JobProgress> lines = _folder.Run();

        Assert.Equal(1, lines.First(line => line.Event == "step").Step);
        Assert.Equal(expected, _folder.Update);
    }

    [Theory]
    [InlineData("\"base_weights\": \"int4\"")]
    [InlineData("\"base_weights\": \"INT8\"")]
    [InlineData("\"base_weights\": \"\"")]
    [InlineData("\"base_weights\": null")]
    [InlineData("\"base_weights\": 8")]
    public void Read_AnotherStorage_IsRefused(string member)
    {
        _folder.Write();
        string path = Path.Combine(_folder.Path, "job.json");
        File.WriteAllText(path, File.ReadAllText(path).TrimEnd().TrimEnd('}') + "," + member + "}");

        FedCloudException error = Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path));

        Assert.Equal("job_malformed", error.Code.Name);
        Assert.Contains("base_weights", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _folder.Dispose();
}
