// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.SiloAgent.Policies;

namespace FedCloud.SiloAgent.Runs;

/// <summary>The file <c>job.json</c> for a trainer; docs/job-format.md is the contract. The agent shares no code with trainers.</summary>
internal static class JobFile
{
    private const int CheckpointEvery = 25;

    /// <summary>The file's bytes.</summary>
    public static byte[] Of(RunConfig plan, SiloPolicy policy, ModelReference model, int round, string mode, string exchanged, long deadline, string baseModel, string adapter)
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true }))
        {
            TrainingPlan training = plan.Training;
            json.WriteStartObject();
            json.WriteNumber("v", 1);
            json.WriteString("mode", mode);
            json.WriteNumber("round", round);
            json.WriteString("base_model_dir", baseModel);
            json.WriteString("adapter_file", adapter);
            json.WriteString("train_file", policy.TrainFile);
            json.WriteString("eval_file", policy.EvalFile);
            json.WriteString("exchanged", exchanged);
            json.WriteNumber("rank", plan.Lora.Rank);
            json.WriteNumber("alpha", plan.Lora.Alpha);
            json.WriteStartArray("target_modules");
            foreach (string module in plan.Lora.TargetModules)
            {
                json.WriteStringValue(module);
            }

            json.WriteEndArray();
            json.WriteNumber("local_steps", training.LocalSteps);
            json.WriteNumber("first_global_step", plan.GlobalStepAt(model.Version));
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
            json.WriteNumber("threads", policy.Threads);
            json.WriteNumber("max_memory_mib", policy.MaxMemoryMib);
            json.WriteNumber("checkpoint_every", CheckpointEvery);
            json.WriteNumber("deadline", deadline);
            json.WriteEndObject();
        }

        return output.ToArray();
    }
}
