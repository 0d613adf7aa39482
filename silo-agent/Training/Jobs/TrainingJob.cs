// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

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

    /// <summary>Reads and checks <c>job.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>file_missing</c> or <c>job_malformed</c>.</exception>
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
            return job.IsPossible() ? job : throw new FedCloudException(ErrorCodes.JobMalformed, "job.json has a value out of range");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.JobMalformed, $"job.json: {error.Path ?? "the text"} does not have the expected form", cause: error);
        }
    }

    /// <summary>The file's bytes.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, TrainingJobJson.Default.TrainingJob);

    private bool IsPossible() =>
        V == 1
        && Mode is "train" or "evaluate"
        && Exchanged is "a" or "b" or "both"
        && Schedule is "cosine" or "constant"
        && Round >= 1 && Rank >= 1 && Alpha > 0 && !TargetModules.IsDefaultOrEmpty
        && LocalSteps >= 1 && FirstGlobalStep >= 0 && TotalGlobalSteps >= 1
        && BatchSize >= 1 && GradientAccumulation >= 1 && SequenceLength >= 2
        && LearningRate > 0 && WarmupSteps >= 0 && WeightDecay >= 0
        && AdamBeta1 is >= 0 and < 1 && AdamBeta2 is >= 0 and < 1 && AdamEpsilon > 0 && ClipNorm >= 0
        && EvaluationExamples >= 0 && Threads >= 1 && MaxMemoryMib >= 0 && CheckpointEvery >= 0;
}

/// <summary>What a job measured, in <c>metrics.json</c>. It stays at the silo unless plan and policy disclose parts of it.</summary>
public sealed record JobMetrics
{
    /// <summary>The mean loss per token of the start model on the evaluation examples.</summary>
    public required double EvalLossBefore { get; init; }

    /// <summary>Evaluation examples scored.</summary>
    public required int EvaluationExamples { get; init; }

    /// <summary>The mean training loss per token of each step; empty for an evaluation.</summary>
    public required ImmutableArray<double> TrainLoss { get; init; }

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
    /// <summary><c>started</c>, <c>evaluated</c>, <c>step</c>, <c>done</c> or <c>failed</c>.</summary>
    public required string Event { get; init; }

    /// <summary>The step, from 1.</summary>
    public int? Step { get; init; }

    /// <summary>Steps in all.</summary>
    public int? Steps { get; init; }

    /// <summary>The loss per token.</summary>
    public double? Loss { get; init; }

    /// <summary>Tokens a second.</summary>
    public double? TokensPerSecond { get; init; }

    /// <summary>Seconds to go.</summary>
    public double? EtaSeconds { get; init; }

    /// <summary>The error's code.</summary>
    public string? Code { get; init; }

    /// <summary>The error's line.</summary>
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
