// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;

namespace FedCloud.Trainer.Tests;

/// <summary>A job folder on the committed sample: its base model and the first silo's examples.</summary>
internal sealed class SampleJob : IDisposable
{
    public const int Rank = 8;

    public static readonly ImmutableArray<string> Modules = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"];

    public SampleJob()
    {
        Folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;
        string data = Path.Combine(Root, "samples", "data");
        SafetensorsWriter.WriteFile(AdapterFile, [.. Layout.Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
            stream.Write(AdapterSeed.Bytes(1, Layout.Tensors.Single(tensor => string.Equals(tensor.Tensor.Name, entry.Name, StringComparison.Ordinal)))));
        Job = new TrainingJob
        {
            V = 1,
            Mode = "train",
            Round = 1,
            BaseModelDir = Base,
            AdapterFile = AdapterFile,
            TrainFile = Path.Combine(data, "clinic-north.train.jsonl"),
            EvalFile = Path.Combine(data, "clinic-north.eval.jsonl"),
            Exchanged = "b",
            Rank = Rank,
            Alpha = 16,
            TargetModules = Modules,
            LocalSteps = 8,
            FirstGlobalStep = 0,
            TotalGlobalSteps = 40,
            BatchSize = 4,
            GradientAccumulation = 1,
            SequenceLength = 128,
            LearningRate = 0.003,
            Schedule = "cosine",
            WarmupSteps = 2,
            WeightDecay = 0,
            AdamBeta1 = 0.9,
            AdamBeta2 = 0.999,
            AdamEpsilon = 1e-8,
            ClipNorm = 1,
            Seed = 1,
            EvaluationExamples = 8,
            Threads = 1,
            MaxMemoryMib = 0,
            CheckpointEvery = 2,
            Deadline = 4_000_000_000,
        };
    }

    public static string Root { get; } = FindRoot(new DirectoryInfo(AppContext.BaseDirectory));

    public static string Base { get; } = Path.Combine(Root, "samples", "base");

    public static AdapterLayout Layout { get; } = MakeLayout();

    public string Folder { get; }

    public TrainingJob Job { get; set; }

    public string AdapterFile => Path.Combine(Folder, "version.safetensors");

    public string UpdateFile => Path.Combine(Folder, "update.safetensors");

    public string CheckpointFile => Path.Combine(Folder, "checkpoint.safetensors");

    public JobMetrics Metrics => JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(Folder, "metrics.json")), TrainingJobJson.Default.JobMetrics)!;

    public string Write()
    {
        File.WriteAllBytes(Path.Combine(Folder, "job.json"), Job.ToJson());
        return Folder;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private static AdapterLayout MakeLayout()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(Base, "model.safetensors"), SafetensorsLimits.BaseModel);
        return AdapterLayout.Of(file.Header.Tensors, Modules, new LoraForm(Rank, 16));
    }

    private static string FindRoot(DirectoryInfo? folder) => folder switch
    {
        null => throw new InvalidOperationException("FedCloud.sln is in no folder above the tests"),
        _ when File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")) => folder.FullName,
        _ => FindRoot(folder.Parent),
    };
}
