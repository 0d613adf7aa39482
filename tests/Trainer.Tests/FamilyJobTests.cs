// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;

namespace FedCloud.Trainer.Tests;

/// <summary>Whole jobs of the model families, each in a process of its own.</summary>
public sealed class FamilyJobTests
{
    [Theory]
    [InlineData("qwen2", "base_model.model.model.layers.0.self_attn.q_proj", 24, 24)]
    [InlineData("gemma3_text", "base_model.model.model.layers.1.mlp.down_proj", 40, 24)]
    [InlineData("gpt2", "base_model.model.transformer.h.1.attn.c_attn", 24, 72)]
    public void Run_Plain_LearnsAndWritesAnUpdateWithPeftsNames(string family, string module, int width, int height)
    {
        using FamilyJob job = new(family);

        TrainerRun run = job.Run();

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal(["started", "evaluated", .. Enumerable.Repeat("step", 12), "done"], run.Events);
        double[] losses = [.. job.Metrics.TrainLoss.Select(loss => loss!.Value)];
        Assert.True(losses[^3..].Average() < losses[..3].Average() - 0.5, string.Join(", ", losses));
        Assert.Equal((8, 0), (job.Metrics.TrainExamples, job.Metrics.TruncatedTrainExamples));
        Dictionary<string, TensorEntry> update = Update(job);
        Assert.Equal(2 * 2 * job.Modules.Length, update.Count);
        Assert.Equal((long[])[FamilyJob.Rank, width], update[module + ".lora_A.weight"].Shape.AsEnumerable());
        Assert.Equal((long[])[height, FamilyJob.Rank], update[module + ".lora_B.weight"].Shape.AsEnumerable());
    }

    [Theory]
    [InlineData("qwen2")]
    [InlineData("gemma3_text")]
    [InlineData("gpt2")]
    public void Run_Private_TakesItsStepsAndWritesTheSameTensors(string family)
    {
        using FamilyJob job = new(family);
        job.Job = job.Job with
        {
            LocalSteps = 2,
            Privacy = new JobPrivacy { Unit = "record", SamplingRate = 1, ExpectedBatch = 8, NoiseMultiplier = 1, ExampleClip = 1, Clipping = "flat", Noise = "rounded" },
        };

        TrainerRun run = job.Run();

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal(2, job.Metrics.TrainLoss.Length);
        Assert.All(Update(job).Values, tensor => Assert.Equal(TensorType.F32, tensor.Type));
    }

    [Theory]
    [InlineData("qwen2")]
    [InlineData("gemma3_text")]
    [InlineData("gpt2")]
    public void Run_Ring_WritesTheSameTensorsInRingUnits(string family)
    {
        using FamilyJob job = new(family);
        job.Job = job.Job with { LocalSteps = 1, Ring = new JobRing { ExampleClip = 1, Clipping = "flat", Clip = 1e5, Limit = 1 << 27, MaxRecords = 8 } };

        TrainerRun run = job.Run();

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Dictionary<string, TensorEntry> update = Update(job);
        Assert.Equal(2 * 2 * job.Modules.Length, update.Count);
        Assert.All(update.Values, tensor => Assert.Equal(TensorType.I32, tensor.Type));
    }

    [Theory]
    [InlineData("vocabulary", "vocabulary_mismatch: ", "expected tokens below the 500 rows of the model's embedding, found the id 518 in tokenizer.json")]
    [InlineData("shard", "weight_shard_missing: ", "model-00002-of-00002.safetensors")]
    [InlineData("type", "tensor_type_mismatch: ", "model.layers.1.self_attn.k_proj.weight")]
    [InlineData("shape", "tensor_shape_mismatch: ", "model.layers.1.self_attn.k_proj.weight: expected (8, 24), found (7, 24)")]
    [InlineData("missing", "tensor_missing: ", "model.norm.weight")]
    [InlineData("head", "tied_weights_differ: ", "expected lm_head.weight to be model.embed_tokens.weight")]
    [InlineData("rope", "config_unsupported: ", "rope_parameters.rope_type to be default or llama3, found yarn")]
    [InlineData("positions", "sequence_too_long: ", "expected a sequence_length of at most 64, the base model's positions, found 96")]
    public void Run_BrokenBase_SaysInOneLineWhatWasExpectedAndFound(string what, string code, string expected)
    {
        using FamilyJob job = new("qwen2");
        Break(job, what);

        TrainerRun run = job.Run();

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith(code, run.Error, StringComparison.Ordinal);
        Assert.Contains(expected, run.Error, StringComparison.Ordinal);
        Assert.Matches(@"^[^\n]*expected [^\n]*found [^\n]*\. Next: [^\n]+\.\n$", run.Error);
        Assert.Equal("failed", run.Events[^1]);
        Assert.False(File.Exists(job.UpdateFile));
    }

    [Fact]
    public void Run_PositionsTooFew_IsRefusedBeforeDataAreRead()
    {
        using FamilyJob job = new("gpt2");
        job.Job = job.Job with { SequenceLength = 129 };
        File.Delete(job.TrainFile);
        File.Delete(Path.Combine(job.Base, "tokenizer.json"));

        TrainerRun run = job.Run();

        Assert.StartsWith("sequence_too_long: expected a sequence_length of at most 128, ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_LossThatOverflows_NamesTheStepAndLeavesNothing()
    {
        using FamilyJob job = new("gpt2");
        job.Job = job.Job with { LearningRate = 1e30, ClipNorm = 0 };

        TrainerRun run = job.Run();

        Assert.Equal(1, run.ExitCode);
        Assert.Matches(@"^loss_not_finite: expected a finite loss, found \S+ at step 2 of 12\. Next: [^\n]+\.\n$", run.Error);
        Assert.Equal(["started", "evaluated", "step", "failed"], run.Events);
        Assert.Equal("loss_not_finite", run.Lines[^1].GetProperty("code").GetString());
        Assert.False(File.Exists(job.UpdateFile));
        Assert.False(File.Exists(Path.Combine(job.Folder, "metrics.json")));
        Assert.Empty(Directory.GetFiles(job.Folder, "*.tmp"));
    }

    private static Dictionary<string, TensorEntry> Update(FamilyJob job)
    {
        using SafetensorsFile file = SafetensorsFile.Open(job.UpdateFile, SafetensorsLimits.Foreign);
        return file.Header.Tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    private static void Break(FamilyJob job, string what)
    {
        const string Key = "model.layers.1.self_attn.k_proj.weight";
        TensorEntry[] tensors = job.Tensors;
        switch (what)
        {
            case "vocabulary":
                job.Configuration["vocab_size"] = 500;
                job.Configuration["eos_token_id"] = 499;
                job.WriteConfiguration();
                break;
            case "rope":
                job.Configuration["rope_parameters"] = new System.Text.Json.Nodes.JsonObject { ["rope_type"] = "yarn" };
                job.WriteConfiguration();
                break;
            case "positions":
                job.Configuration["max_position_embeddings"] = 64;
                job.WriteConfiguration();
                break;
            case "shard":
                File.Delete(Path.Combine(job.Base, "model.safetensors"));
                job.WriteWeights("model-00001-of-00002.safetensors", tensors[..4]);
                File.WriteAllText(Path.Combine(job.Base, "model.safetensors.index.json"), JsonSerializer.Serialize(new
                {
                    weight_map = tensors.Select((tensor, i) => (tensor.Name, File: $"model-0000{(i < 4 ? 1 : 2)}-of-00002.safetensors")).ToDictionary(one => one.Name, one => one.File, StringComparer.Ordinal),
                }));
                break;
            case "type":
                job.WriteWeights("model.safetensors", tensors.Select(tensor => tensor.Name is Key ? TensorEntry.Of(Key, TensorType.I32, [.. tensor.Shape]) : tensor));
                break;
            case "shape":
                job.WriteWeights("model.safetensors", tensors.Select(tensor => tensor.Name is Key ? TensorEntry.Of(Key, TensorType.F32, 7, 24) : tensor));
                break;
            case "missing":
                job.WriteWeights("model.safetensors", tensors.Where(tensor => tensor.Name is not "model.norm.weight"));
                break;
            default:
                job.WriteWeights("model.safetensors", [.. tensors, TensorEntry.Of("lm_head.weight", TensorType.F32, 528, 24)]);
                break;
        }
    }
}
