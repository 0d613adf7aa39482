// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Jobs;

/// <summary>One job of a trainer, as the agent writes it into <c>job.json</c>. docs/job-format.md is its text.</summary>
public sealed record TrainingJob
{
    /// <summary>The format's version, 1.</summary>
    public required int V { get; init; }

    /// <summary><c>train</c> or <c>evaluate</c>.</summary>
    public required string Mode { get; init; }

    /// <summary>The round; part of the order of examples.</summary>
    public required int Round { get; init; }

    /// <summary>The folder with config.json, model.safetensors and tokenizer.json.</summary>
    public required string BaseModelDir { get; init; }

    /// <summary>The model version to start from.</summary>
    public required string AdapterFile { get; init; }

    /// <summary>Training examples.</summary>
    public required string TrainFile { get; init; }

    /// <summary>Evaluation examples.</summary>
    public required string EvalFile { get; init; }

    /// <summary>The factors that train: <c>a</c>, <c>b</c> or <c>both</c>.</summary>
    public required string Exchanged { get; init; }

    /// <summary>The rank.</summary>
    public required int Rank { get; init; }

    /// <summary>Alpha.</summary>
    public required double Alpha { get; init; }

    /// <summary>The adapted modules, sorted.</summary>
    public required ImmutableArray<string> TargetModules { get; init; }

    /// <summary>Optimizer steps.</summary>
    public required int LocalSteps { get; init; }

    /// <summary>The global step of the first one, from 0.</summary>
    public required long FirstGlobalStep { get; init; }

    /// <summary>The length of the learning-rate schedule.</summary>
    public required long TotalGlobalSteps { get; init; }

    /// <summary>Examples in a micro-batch.</summary>
    public required int BatchSize { get; init; }

    /// <summary>Micro-batches a step.</summary>
    public required int GradientAccumulation { get; init; }

    /// <summary>The longest sequence, in tokens.</summary>
    public required int SequenceLength { get; init; }

    /// <summary>The peak learning rate.</summary>
    public required double LearningRate { get; init; }

    /// <summary><c>cosine</c> or <c>constant</c>.</summary>
    public required string Schedule { get; init; }

    /// <summary>Steps of warm-up.</summary>
    public required long WarmupSteps { get; init; }

    /// <summary>Decoupled weight decay.</summary>
    public required double WeightDecay { get; init; }

    /// <summary>AdamW's β₁.</summary>
    public required double AdamBeta1 { get; init; }

    /// <summary>AdamW's β₂.</summary>
    public required double AdamBeta2 { get; init; }

    /// <summary>AdamW's ε.</summary>
    public required double AdamEpsilon { get; init; }

    /// <summary>The largest gradient norm; 0 switches clipping off.</summary>
    public required double ClipNorm { get; init; }

    /// <summary>The seed of the order of examples.</summary>
    public required long Seed { get; init; }

    /// <summary>How many evaluation examples are scored; 0 means all.</summary>
    public required int EvaluationExamples { get; init; }

    /// <summary>The most threads.</summary>
    public required int Threads { get; init; }

    /// <summary>The most memory, in MiB; 0 means no limit.</summary>
    public required long MaxMemoryMib { get; init; }

    /// <summary>Steps between checkpoints inside the job; 0 means none.</summary>
    public required int CheckpointEvery { get; init; }

    /// <summary>When the job must be over, in Unix seconds.</summary>
    public required long Deadline { get; init; }

    /// <summary>How the base model's matrices are stored: <c>f32</c>, <c>bf16</c> or <c>int8</c>; absent means <c>f32</c>. A null is refused.</summary>
    [DisallowNull]
    public string? BaseWeights { get; init; }

    /// <summary>How the steps are made private; absent for plain training. A null is refused, so that no job is plain by mistake.</summary>
    [DisallowNull]
    public JobPrivacy? Privacy { get; init; }

    /// <summary>How records are rounded to the ring, for noise that is added after training; absent for all other training. A null is refused.</summary>
    [DisallowNull]
    public JobRing? Ring { get; init; }

    /// <summary><c>rslora</c> where the adapter's product is scaled by alpha over the root of the rank; absent where it is by alpha over the rank.</summary>
    [DisallowNull]
    public string? Scaling { get; init; }

    /// <summary>Ranks of some modules, by the last parts of their names; absent for none.</summary>
    [DisallowNull]
    public ImmutableSortedDictionary<string, int>? RankPattern { get; init; }

    /// <summary>Alphas of some modules, likewise.</summary>
    [DisallowNull]
    public ImmutableSortedDictionary<string, double>? AlphaPattern { get; init; }

    /// <summary>Whether weights are decomposed (DoRA); absent for false.</summary>
    [DisallowNull]
    public bool? Dora { get; init; }

    /// <summary>What it computes on: <c>cpu</c>, <c>cuda</c> or <c>cuda:N</c>; absent for the trainer's own choice.</summary>
    [DisallowNull]
    public string? Device { get; init; }

    /// <summary>Whether a trainer that finds no such device may compute on the processor.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool CpuFallback { get; init; }

    /// <summary>How the base model's matrices are stored.</summary>
    internal WeightStorage Storage => WeightStorageExtensions.FromWire(BaseWeights ?? "f32") ?? throw new InvalidOperationException("a checked job names its storage");

    /// <summary>Whether a single record must not show in what the job does.</summary>
    internal bool IsClaimed => Privacy is not null || Ring is not null;

    /// <summary>Reads and checks <c>job.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>file_missing</c>, <c>job_malformed</c> or <c>dora_not_private</c>.</exception>
    public static TrainingJob Read(string folder)
    {
        string path = Path.Combine(folder, "job.json");
        if (!File.Exists(path))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, "expected job.json in the job's folder, found none");
        }

        try
        {
            TrainingJob job = StrictJson.Deserialize(File.ReadAllBytes(path), TrainingJobJson.Default.TrainingJob)
                ?? throw new JsonException("null");
            if (job.Impossible() is { } member)
            {
                throw new FedCloudException(ErrorCodes.JobMalformed, $"job.json: {member} is out of its range");
            }

            return job is { Dora: true, IsClaimed: true }
                ? throw new FedCloudException(ErrorCodes.DoraNotPrivate, "job.json: expected no dora in a private job, found true")
                : job;
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.JobMalformed, $"job.json: {error.Path ?? "the text"} does not have the expected form", cause: error);
        }
    }

    /// <summary>Rank and scaling of each adapted module.</summary>
    public LoraForm Form() => new(Rank, Alpha)
    {
        IsRankStabilized = Scaling is "rslora",
        IsDecomposed = Dora is true,
        RankPattern = LoraForm.LongestFirst(RankPattern ?? ImmutableSortedDictionary<string, int>.Empty),
        AlphaPattern = LoraForm.LongestFirst(AlphaPattern ?? ImmutableSortedDictionary<string, double>.Empty),
    };

    /// <summary>The file's bytes.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, TrainingJobJson.Default.TrainingJob);

    // The first member out of its range; null when all are possible.
    private string? Impossible()
    {
        (string Member, bool Possible)[] members =
        [
            ("v", V == 1),
            ("mode", Mode is "train" || (Mode is "evaluate" && Ring is null)),
            ("round", Round >= 1),
            ("exchanged", Exchanged is "a" or "b" or "both"),
            ("rank", Rank >= 1),
            ("alpha", Alpha > 0),
            ("scaling", Scaling is null or "standard" or "rslora"),
            ("rank_pattern", (RankPattern ?? ImmutableSortedDictionary<string, int>.Empty).All(one => LoraForm.IsPatternKey(one.Key) && one.Value >= 1)),
            ("alpha_pattern", (AlphaPattern ?? ImmutableSortedDictionary<string, double>.Empty).All(one => LoraForm.IsPatternKey(one.Key) && one.Value > 0)),
            ("target_modules", !TargetModules.IsDefaultOrEmpty),
            ("local_steps", LocalSteps >= 1 && (Ring is null || LocalSteps == 1)),
            ("first_global_step", FirstGlobalStep >= 0),
            ("total_global_steps", TotalGlobalSteps >= 1),
            ("batch_size", BatchSize >= 1),
            ("gradient_accumulation", GradientAccumulation >= 1 && (!IsClaimed || GradientAccumulation == 1)),
            ("sequence_length", SequenceLength >= 2),
            ("learning_rate", LearningRate > 0),
            ("schedule", Schedule is "cosine" or "constant"),
            ("warmup_steps", WarmupSteps >= 0),
            ("weight_decay", WeightDecay >= 0),
            ("adam_beta1", AdamBeta1 is >= 0 and < 1),
            ("adam_beta2", AdamBeta2 is >= 0 and < 1),
            ("adam_epsilon", AdamEpsilon > 0),
            ("clip_norm", ClipNorm >= 0),
            ("evaluation_examples", EvaluationExamples >= 0),
            ("threads", Threads >= 1),
            ("max_memory_mib", MaxMemoryMib >= 0),
            ("checkpoint_every", CheckpointEvery >= 0),
            ("base_weights", WeightStorageExtensions.FromWire(BaseWeights ?? "f32") is not null),
            ("device", Device is null || JobDevice.Parse(Device) is not null),
            ("ring beside privacy", Ring is null || Privacy is null),
        ];
        return members.FirstOrDefault(member => !member.Possible).Member ?? Privacy?.Impossible() ?? Ring?.Impossible();
    }
}

/// <summary>What a job measured, in <c>metrics.json</c>. It stays at the silo unless plan and policy disclose parts of it.</summary>
public sealed record JobMetrics
{
    /// <summary>The mean loss per token of the start model on the evaluation examples; null where it is not finite in a private job, which goes on all the same.</summary>
    public double? EvalLossBefore { get; init; }

    /// <summary>Evaluation examples scored.</summary>
    public required int EvaluationExamples { get; init; }

    /// <summary>The mean training loss of each step; null where no example entered a private step; empty for an evaluation.</summary>
    public required ImmutableArray<double?> TrainLoss { get; init; }

    /// <summary>Training examples in the file.</summary>
    public required int TrainExamples { get; init; }

    /// <summary>How many training examples were longer than the longest sequence.</summary>
    public required int TruncatedTrainExamples { get; init; }

    /// <summary>Tokens trained on, padding left out.</summary>
    public required long TrainedTokens { get; init; }

    /// <summary>Seconds of training.</summary>
    public required double TrainingSeconds { get; init; }
}

/// <summary>One line of a trainer's standard output.</summary>
public sealed record JobProgress
{
    /// <summary><c>started</c>, <c>fallback</c>, <c>evaluated</c>, <c>step</c>, <c>done</c> or <c>failed</c>.</summary>
    public required string Event { get; init; }

    /// <summary>The step, from 1.</summary>
    public int? Step { get; init; }

    /// <summary>Steps in all.</summary>
    public int? Steps { get; init; }

    /// <summary>How the base model's matrices are stored: <c>f32</c>, <c>bf16</c> or <c>int8</c>.</summary>
    public string? BaseWeights { get; init; }

    /// <summary>The loss per token; null for a private step that no example entered.</summary>
    public double? Loss { get; init; }

    /// <summary>Training examples in the file.</summary>
    public int? Examples { get; init; }

    /// <summary>How many of them were longer than the longest sequence, and were cut.</summary>
    public int? Truncated { get; init; }

    /// <summary>Tokens a second.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Seconds to go.</summary>
    public double? EtaSeconds { get; init; }

    /// <summary>The error's code.</summary>
    public string? Code { get; init; }

    /// <summary>The error's line, or why the processor computes in place of a device.</summary>
    public string? Message { get; init; }

    /// <summary>What to do about the error.</summary>
    public string? Next { get; init; }

    /// <summary>The line.</summary>
    public string ToJson() => JsonSerializer.Serialize(this, TrainingJobJson.Default.JobProgress);
}

/// <summary>Strict JSON of the job format.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(TrainingJob))]
[JsonSerializable(typeof(JobMetrics))]
[JsonSerializable(typeof(JobProgress))]
public sealed partial class TrainingJobJson : JsonSerializerContext;
