// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text.Json;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

/// <summary>A job folder on a tiny base model, and what running it in this process leaves.</summary>
internal sealed class JobFolder : IDisposable
{
    private readonly TinyBase _tiny = new();

    public JobFolder()
    {
        Path = Directory.CreateTempSubdirectory("fedcloud-").FullName;
        _tiny.WriteAdapter(_tiny.AdapterFile, bIsZero: true);
        File.WriteAllLines(TrainFile, Enumerable.Range(0, 11).Select(i => $"{{\"prompt\":\"the cat {i}\",\"completion\":\"sat on mat {i * i}\"}}"));
        File.WriteAllLines(EvalFile, Enumerable.Range(20, 5).Select(i => $"{{\"prompt\":\"the dog {i}\",\"completion\":\"sat on log {i}\"}}"));
        Job = new TrainingJob
        {
            V = 1,
            Mode = "train",
            Round = 1,
            BaseModelDir = _tiny.Folder,
            AdapterFile = _tiny.AdapterFile,
            TrainFile = TrainFile,
            EvalFile = EvalFile,
            Exchanged = "both",
            Rank = TinyBase.Rank,
            Alpha = TinyBase.Alpha,
            TargetModules = TinyBase.AllModules,
            LocalSteps = 6,
            FirstGlobalStep = 0,
            TotalGlobalSteps = 12,
            BatchSize = 3,
            GradientAccumulation = 2,
            SequenceLength = 32,
            LearningRate = 0.01,
            Schedule = "cosine",
            WarmupSteps = 2,
            WeightDecay = 0.01,
            AdamBeta1 = 0.9,
            AdamBeta2 = 0.999,
            AdamEpsilon = 1e-8,
            ClipNorm = 1,
            Seed = 1,
            EvaluationExamples = 0,
            Threads = 1,
            MaxMemoryMib = 0,
            CheckpointEvery = 2,
            Deadline = 4_000_000_000,
        };
    }

    public string Path { get; }

    public TinyBase Base => _tiny;

    public TrainingJob Job { get; set; }

    public string TrainFile => System.IO.Path.Combine(Path, "train.jsonl");

    public string EvalFile => System.IO.Path.Combine(Path, "eval.jsonl");

    public string UpdateFile => System.IO.Path.Combine(Path, "update.safetensors");

    public string CheckpointFile => System.IO.Path.Combine(Path, "checkpoint.safetensors");

    public string MetricsFile => System.IO.Path.Combine(Path, "metrics.json");

    public byte[] Update => File.ReadAllBytes(UpdateFile);

    public JobMetrics Metrics => JsonSerializer.Deserialize(File.ReadAllBytes(MetricsFile), TrainingJobJson.Default.JobMetrics)!;

    public void Write() => File.WriteAllBytes(System.IO.Path.Combine(Path, "job.json"), Job.ToJson());

    public List<JobProgress> Run(Action<JobProgress>? report = null, TimeProvider? time = null, Func<long>? available = null)
    {
        Write();
        List<JobProgress> lines = [];
        new JobRunner(Path, line =>
        {
            lines.Add(line);
            report?.Invoke(line);
        }, time ?? TimeProvider.System, new ManagedEngine(available)).Run();
        return lines;
    }

    public Dictionary<string, float[]> ReadUpdate()
    {
        using SafetensorsFile file = SafetensorsFile.Open(UpdateFile, SafetensorsLimits.Foreign);
        return file.Header.Tensors.ToDictionary(
            tensor => tensor.Name,
            tensor =>
            {
                float[] values = new float[tensor.Count];
                file.ReadRaw(tensor, 0, MemoryMarshal.AsBytes(values.AsSpan()));
                return values;
            },
            StringComparer.Ordinal);
    }

    public void Dispose()
    {
        Directory.Delete(Path, recursive: true);
        _tiny.Dispose();
    }
}
