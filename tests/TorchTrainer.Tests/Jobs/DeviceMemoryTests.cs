// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.TorchTrainer.Jobs;
using FedCloud.Trainer.Tests;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using FedCloud.Training.Tests.Decoders;

namespace FedCloud.TorchTrainer.Tests.Jobs;

/// <summary>The estimate of a device's memory. It needs no libtorch.</summary>
public sealed class DeviceMemoryTests
{
    private const int Length = 128;

    private static readonly JobDevice Cuda = new(IsCuda: true, 0);
    private static readonly JobDevice Processor = new(IsCuda: false, 0);

    public static TheoryData<string> Families => [.. FamilyBase.All];

    [Theory]
    [MemberData(nameof(Families))]
    public void Weights_Family_AreCountedAndNotMuchMore(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel model = DecoderModel.Random(family.Config, seed: 1, 8, 8, threads: 1);
        long exact = model.BaseParameters().Sum(parameter => (long)parameter.Value.Rows * parameter.Value.Columns);

        Assert.InRange(DeviceMemory.Weights(family.Config), exact, exact * 1.1);
    }

    [Fact]
    public void RequireRows_LessFreeThanNeeded_IsRefusedBeforehand()
    {
        (ModelConfig config, TrainingJob job) = Sample();
        long needed = DeviceMemory.Mib(config, job.Rank, (long)job.BatchSize * (Length - 1), Length, examples: 0, isCuda: true);

        int rows = DeviceMemory.RequireRows(config, job, Cuda, needed << 20);
        var error = Assert.Throws<FedCloudException>(() => DeviceMemory.RequireRows(config, job, Cuda, (needed - 1) << 20));

        Assert.Equal(job.BatchSize * (Length - 1), rows);
        Assert.Equal(ErrorCodes.MemoryExceeded, error.Code);
        Assert.Contains($"expected at most {needed - 1} MiB on cuda:0, the job needs about {needed} MiB", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RequireRows_MoreThanAllowed_IsRefused()
    {
        (ModelConfig config, TrainingJob job) = Sample();

        var error = Assert.Throws<FedCloudException>(() => DeviceMemory.RequireRows(config, job with { MaxMemoryMib = 200 }, Processor, free: null));

        Assert.Equal(ErrorCodes.MemoryExceeded, error.Code);
        Assert.Contains("at most 200 MiB on cpu", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void RequireRows_NobodyTellsWhatIsFree_IsAllowed()
    {
        (ModelConfig config, TrainingJob job) = Sample();

        Assert.Equal(job.BatchSize * (Length - 1), DeviceMemory.RequireRows(config, job, Cuda, free: null));
    }

    // Llama 3.1 8B in bf16 is 15.0 GiB of weights; batch and length are then what grows.
    [Fact]
    public void Mib_LargeModel_IsItsWeightsAndAFewLayersInputs()
    {
        ModelConfig config = new()
        {
            Vocabulary = 128_256,
            Hidden = 4096,
            Intermediate = 14_336,
            Layers = 32,
            Heads = 32,
            KeyValueHeads = 8,
            HeadWidth = 128,
            Positions = 8192,
            NormEpsilon = 1e-5f,
            Rope = new RotaryPositions(500_000),
            TiedHead = false,
        };

        long small = DeviceMemory.Mib(config, 16, 512, 512, examples: 0, isCuda: true);
        long large = DeviceMemory.Mib(config, 16, 8 * 2048, 2048, examples: 0, isCuda: true);

        Assert.InRange(small, 15_300, 18_500);
        Assert.InRange(large, 20_000, 40_000);
        Assert.True(DeviceMemory.Mib(config, 16, 8 * 2048, 2048, examples: 8, isCuda: true) < large, "examples go through one by one");
    }

    private static (ModelConfig Config, TrainingJob Job) Sample()
    {
        using SampleJob sample = new();
        return (ModelConfig.Read(Path.Combine(SampleJob.Base, "config.json")), sample.Job);
    }
}
