// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Jobs;

/// <summary>Where a job's files are on the host that runs it, and what it may take there.</summary>
public sealed record JobHost
{
    /// <summary>The folder of the base model.</summary>
    public required string BaseModel { get; init; }

    /// <summary>The model version to start from.</summary>
    public required string Adapter { get; init; }

    /// <summary>Training examples.</summary>
    public required string TrainFile { get; init; }

    /// <summary>Evaluation examples.</summary>
    public required string EvalFile { get; init; }

    /// <summary>The most threads.</summary>
    public required int Threads { get; init; }

    /// <summary>The most memory, in MiB; 0 means no limit.</summary>
    public required long MaxMemoryMib { get; init; }

    /// <summary>When the job must be over, in Unix seconds.</summary>
    public required long Deadline { get; init; }

    /// <summary>How the base model's matrices are stored there: <c>f32</c>, <c>bf16</c> or <c>int8</c>. The host's choice, since it follows from its memory.</summary>
    public string BaseWeights { get; init; } = "f32";

    /// <summary>What the trainer computes on; null for its own choice.</summary>
    public JobDevice? Device { get; init; }
}

/// <summary>The part of a privacy claim that each silo computes for itself, and that stays there.</summary>
/// <param name="SamplingRate">q, the probability of each unit to enter a step.</param>
/// <param name="NoiseMultiplier">z, the standard deviation of the noise over the clip norm.</param>
public sealed record JobPrivacy(double SamplingRate, decimal NoiseMultiplier);

/// <summary>How records are rounded to the ring, for noise shares that are added after training (secure-aggregation, section 8.1).</summary>
/// <param name="Clip">c, the L2 bound of a record's vector before rounding, in ring units.</param>
/// <param name="Limit">What each coordinate of the silo's sum is clamped to, in ring units: 2^(b-1) - 1.</param>
/// <param name="MaxRecords">The most training examples of a silo.</param>
public sealed record JobRing(double Clip, long Limit, int MaxRecords);

/// <summary>The file <c>job.json</c>: what a plan means to a trainer in one round, the same for the silo that trains and for whoever trains again. docs/job-format.md is the contract.</summary>
public static class JobFile
{
    private const int CheckpointEvery = 25;

    /// <summary>The file's bytes.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="version">The version to start from.</param>
    /// <param name="round">The round.</param>
    /// <param name="mode"><c>train</c> or <c>evaluate</c>.</param>
    /// <param name="exchanged">The factors that train: <c>a</c>, <c>b</c> or <c>both</c>.</param>
    /// <param name="host">The host's part.</param>
    /// <param name="privacy">The silo's part of the plan's privacy claim; null without a claim, and where noise is added on the ring.</param>
    /// <param name="ring">How records are rounded to the ring, where noise is added there; null otherwise.</param>
    /// <exception cref="ArgumentException">The plan's claim needs other parts for training than there are.</exception>
    public static byte[] Of(RunConfig plan, int version, int round, string mode, string exchanged, JobHost host, JobPrivacy? privacy, JobRing? ring = null)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(host);
        bool trains = string.Equals(mode, "train", StringComparison.Ordinal);
        if ((privacy is not null) != (trains && plan.Privacy.Claim == PrivacyClaim.Example))
        {
            throw new ArgumentException("a plan whose claim is kept in the silo is trained with noise or not at all, and no other plan is", nameof(privacy));
        }

        if ((ring is not null) != (trains && plan.Privacy.IsRecordOnRing))
        {
            throw new ArgumentException("a plan whose noise on the ring protects records has each of them rounded to it, and no other plan has", nameof(ring));
        }

        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true }))
        {
            TrainingPlan training = plan.Training;
            json.WriteStartObject();
            json.WriteNumber("v", 1);
            json.WriteString("mode", mode);
            json.WriteNumber("round", round);
            json.WriteString("base_model_dir", host.BaseModel);
            json.WriteString("adapter_file", host.Adapter);
            json.WriteString("train_file", host.TrainFile);
            json.WriteString("eval_file", host.EvalFile);
            json.WriteString("exchanged", exchanged);
            json.WriteNumber("rank", plan.Lora.Rank);
            json.WriteNumber("alpha", plan.Lora.Alpha);
            json.WriteStartArray("target_modules");
            foreach (string module in plan.Lora.TargetModules)
            {
                json.WriteStringValue(module);
            }

            json.WriteEndArray();
            WriteForm(json, plan.Lora);
            json.WriteNumber("local_steps", training.LocalSteps);
            json.WriteNumber("first_global_step", plan.GlobalStepAt(version));
            json.WriteNumber("total_global_steps", plan.TotalSteps);
            json.WriteNumber("batch_size", training.BatchSize);
            json.WriteNumber("gradient_accumulation", training.GradientAccumulation);
            json.WriteNumber("sequence_length", training.SequenceLength);
            json.WriteNumber("learning_rate", training.LearningRate);
            json.WriteString("schedule", training.Schedule == Schedule.Cosine ? "cosine" : "constant");
            json.WriteNumber("warmup_steps", training.WarmupSteps);
            json.WriteNumber("weight_decay", training.WeightDecay);
            json.WriteNumber("adam_beta1", training.AdamBeta1);
            json.WriteNumber("adam_beta2", training.AdamBeta2);
            json.WriteNumber("adam_epsilon", training.AdamEpsilon);
            json.WriteNumber("clip_norm", training.ClipNorm);
            json.WriteNumber("seed", training.Seed);
            json.WriteNumber("evaluation_examples", training.EvaluationExamples);
            json.WriteNumber("threads", host.Threads);
            json.WriteNumber("max_memory_mib", host.MaxMemoryMib);
            json.WriteNumber("checkpoint_every", CheckpointEvery);
            json.WriteNumber("deadline", host.Deadline);
            if (!string.Equals(host.BaseWeights, "f32", StringComparison.Ordinal))
            {
                json.WriteString("base_weights", host.BaseWeights); // absent means f32
            }

            if (host.Device is { } device)
            {
                json.WriteString("device", device.ToString());
            }

            if (training.CpuFallback is true)
            {
                json.WriteBoolean("cpu_fallback", true);
            }

            if (privacy is not null)
            {
                Write(json, plan.Privacy, privacy);
            }

            if (ring is not null)
            {
                Write(json, plan.Privacy, ring);
            }

            json.WriteEndObject();
        }

        return output.ToArray();
    }

    // Absent members mean what all jobs meant before there were these.
    private static void WriteForm(Utf8JsonWriter json, LoraPlan lora)
    {
        if (lora.IsRankStabilized)
        {
            json.WriteString("scaling", "rslora");
        }

        if (lora.RankPattern is { IsEmpty: false } ranks)
        {
            json.WriteStartObject("rank_pattern");
            foreach ((string module, int rank) in ranks.OrderBy(one => one.Key, StringComparer.Ordinal))
            {
                json.WriteNumber(module, rank);
            }

            json.WriteEndObject();
        }

        if (lora.AlphaPattern is { IsEmpty: false } alphas)
        {
            json.WriteStartObject("alpha_pattern");
            foreach ((string module, decimal alpha) in alphas.OrderBy(one => one.Key, StringComparer.Ordinal))
            {
                json.WriteNumber(module, alpha);
            }

            json.WriteEndObject();
        }
    }

    private static void Write(Utf8JsonWriter json, PrivacyPlan plan, JobPrivacy privacy)
    {
        json.WriteStartObject("privacy");
        json.WriteString("unit", plan.Unit == PrivacyUnit.Person ? "person" : "record");
        json.WriteNumber("sampling_rate", privacy.SamplingRate);
        json.WriteNumber("expected_batch", plan.ExpectedBatch);
        json.WriteNumber("noise_multiplier", privacy.NoiseMultiplier);
        json.WriteNumber("example_clip", plan.ExampleClip);
        json.WriteString("clipping", Name(plan.Clipping));
        json.WriteString("noise", plan.Noise == NoiseProfile.Exact ? "exact" : "rounded");
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, PrivacyPlan plan, JobRing ring)
    {
        json.WriteStartObject("ring");
        json.WriteNumber("example_clip", plan.ExampleClip);
        json.WriteString("clipping", Name(plan.Clipping));
        json.WriteNumber("clip", ring.Clip);
        json.WriteNumber("limit", ring.Limit);
        json.WriteNumber("max_records", ring.MaxRecords);
        json.WriteEndObject();
    }

    private static string Name(GradientClipping clipping) => clipping switch
    {
        GradientClipping.PerLayer => "per_layer",
        GradientClipping.Automatic => "automatic",
        _ => "flat",
    };
}
