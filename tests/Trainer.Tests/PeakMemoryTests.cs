// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Runtime.InteropServices;
using FedCloud.Benchmarks;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;

namespace FedCloud.Trainer.Tests;

/// <summary>The estimate of a job's memory against the largest working set of the process that runs it.</summary>
public sealed class PeakMemoryTests : IDisposable
{
    private readonly SampleJob _sample = new();

    [Theory]
    [InlineData(TensorType.F32, "f32", 1, 40, false)] // mostly weights, where they lie in the file
    [InlineData(TensorType.BF16, "bf16", 2, 128, false)]
    [InlineData(TensorType.F32, "int8", 4, 128, false)] // mostly activations and logits
    [InlineData(TensorType.BF16, "int8", 4, 64, true)] // mostly gradients of examples
    public void Estimate_Job_IsNearTheLargestWorkingSet(TensorType type, string storage, int batch, int length, bool isPrivate)
    {
        ModelConfig config = new()
        {
            Vocabulary = 24_000,
            Hidden = 512,
            Intermediate = 1536,
            Layers = 6,
            Heads = 8,
            KeyValueHeads = 2,
            HeadWidth = 64,
            Positions = 256,
            NormEpsilon = 1e-6f,
            Rope = new RotaryPositions(1_000_000),
            TiedHead = true,
        };
        RandomBase.Write(_sample.Folder, config, type);
        File.Copy(Path.Combine(SampleJob.Base, "tokenizer.json"), Path.Combine(_sample.Folder, "tokenizer.json"));
        TrainingJob job = Job(storage, batch, length, isPrivate);
        long estimate = MemoryEstimate.Of(config, JobMemory.DemandOf(config, job, WeightStorageExtensions.FromWire(storage)!.Value)).TotalBytes;

        long peak = Peak();

        double ratio = (double)estimate / peak;
        Assert.True(ratio is >= 0.95 and <= 1.15, $"{estimate >> 20} MiB were estimated, {peak >> 20} MiB used: {ratio}");
    }

    public void Dispose() => _sample.Dispose();

    private TrainingJob Job(string storage, int batch, int length, bool isPrivate)
    {
        const int Rank = 16;
        using (BaseWeights weights = BaseWeights.Open(_sample.Folder))
        {
            AdapterLayout layout = new(LinearShape.Select(weights.Tensors, SampleJob.Modules, Rank), Rank);
            SafetensorsWriter.WriteFile(_sample.AdapterFile, [.. layout.Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
                stream.Write(MemoryMarshal.AsBytes(Enumerable.Range(0, (int)entry.Count).Select(i => (i % 7) * 0.01f).ToArray().AsSpan())));
        }

        // Every example is as long as the longest sequence.
        string data = Path.Combine(_sample.Folder, "long.jsonl");
        File.WriteAllLines(data, Enumerable.Range(0, 8).Select(i => $"{{\"prompt\":\"{i}\",\"completion\":\"{string.Concat(Enumerable.Repeat("§7 ", 300))}\"}}"));
        _sample.Job = _sample.Job with
        {
            BaseModelDir = _sample.Folder,
            BaseWeights = storage,
            TrainFile = data,
            EvalFile = data,
            EvaluationExamples = batch,
            Exchanged = "both",
            Rank = Rank,
            LocalSteps = 3,
            BatchSize = batch,
            SequenceLength = length,
            CheckpointEvery = 0,
        };
        if (isPrivate)
        {
            _sample.Job = _sample.Job with { Privacy = new JobPrivacy { Unit = "record", SamplingRate = 1, ExpectedBatch = 8, NoiseMultiplier = 1, ExampleClip = 1, Clipping = "flat", Noise = "rounded" } };
        }

        _sample.Write();
        return _sample.Job;
    }

    // While the trainer is at a later step, it has been at all that a step does.
    private long Peak()
    {
        ProcessStartInfo start = new(TrainerRun.Host, [TrainerRun.Assembly, "run", _sample.Folder]) { RedirectStandardOutput = true, UseShellExecute = false };
        using Process trainer = Process.Start(start)!;
        long peak = 0;
        while (trainer.StandardOutput.ReadLine() is { } line)
        {
            if (line.Contains("\"step\":2,", StringComparison.Ordinal))
            {
                trainer.Refresh();
                peak = trainer.PeakWorkingSet64;
            }
        }

        trainer.WaitForExit();
        Assert.Equal(0, trainer.ExitCode);
        return peak;
    }
}
