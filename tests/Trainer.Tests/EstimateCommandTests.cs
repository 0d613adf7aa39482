// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;

namespace FedCloud.Trainer.Tests;

public sealed class EstimateCommandTests : IDisposable
{
    private static readonly string[] Parts = ["weights", "adapter", "activations", "scratch", "logits", "private_step", "tokenizer", "runtime"];

    private readonly SampleJob _sample = new();

    [Fact]
    public void Estimate_BaseModel_PrintsEveryPartForEveryStorage()
    {
        TrainerRun run = TrainerRun.Of("estimate", "--base", SampleJob.Base, "--rank", "4", "--batch", "2", "--length", "65");

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        string[][] rows = [.. run.Output.Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))];
        Assert.Equal(["MiB", "f32", "bf16", "int8"], rows[0], StringComparer.Ordinal);
        Assert.Equal([.. Parts, "total", "fits"], rows[1..^1].Select(row => row[0]), StringComparer.Ordinal);
        Assert.Equal("no limit by max_memory_mib", run.Output[^1].Split(';')[0]);
        MemoryEstimate expected = Expected(new MemoryDemand(4, 2 * 64, 65, 0, Environment.ProcessorCount, WeightStorage.Int8, MemoryDemand.TokenizerFileBytesIn(SampleJob.Base)));
        Assert.Equal(expected.Parts.Select(part => (part.Bytes / 1048576.0).ToString("F1", CultureInfo.InvariantCulture)), rows[1..9].Select(row => row[3]), StringComparer.Ordinal);
        Assert.Equal(expected.TotalMib.ToString(CultureInfo.InvariantCulture), rows[9][3]);
        double[] weights = [.. rows[1][1..].Select(cell => double.Parse(cell, CultureInfo.InvariantCulture))];
        Assert.True(weights[0] > 1.9 * weights[1] && weights[1] > 1.9 * weights[2]);
    }

    [Fact]
    public void Estimate_PrivateAsJson_CountsTheExamplesOfABatch()
    {
        JsonElement plain = Json("--base", SampleJob.Base, "--batch", "3", "--length", "33", "--base-weights", "bf16", "--json");
        JsonElement apart = Json("--private", "--json", "--base", SampleJob.Base, "--batch", "3", "--length", "33", "--base-weights", "bf16");

        JsonElement before = Assert.Single(plain.GetProperty("estimates").EnumerateArray());
        JsonElement after = Assert.Single(apart.GetProperty("estimates").EnumerateArray());
        Assert.Equal("bf16", after.GetProperty("base_weights").GetString());
        Assert.Equal(Parts, after.GetProperty("bytes").EnumerateObject().Select(part => part.Name), StringComparer.Ordinal);
        Assert.Equal(0, before.GetProperty("bytes").GetProperty("private_step").GetInt64());
        Assert.Equal(after.GetProperty("bytes").GetProperty("adapter").GetInt64() / 5 * (3 + 3), after.GetProperty("bytes").GetProperty("private_step").GetInt64());
        Assert.True(after.GetProperty("total_mib").GetInt64() > before.GetProperty("total_mib").GetInt64());
        Assert.True(apart.GetProperty("available_mib").GetInt64() > 0);
    }

    [Theory]
    [InlineData(null, new[] { "f32", "bf16", "int8" })]
    [InlineData("int8", new[] { "int8" })]
    public void Estimate_Job_CountsWhatItAsksFor(string? storage, string[] expected)
    {
        if (storage is not null)
        {
            _sample.Job = _sample.Job with { BaseWeights = storage };
        }

        _sample.Job = _sample.Job with { MaxMemoryMib = 80, SequenceLength = 4096 };

        JsonElement json = Json(_sample.Write(), "--json");

        JsonElement[] estimates = [.. json.GetProperty("estimates").EnumerateArray()];
        Assert.Equal(expected, estimates.Select(one => one.GetProperty("base_weights").GetString()!), StringComparer.Ordinal);
        Assert.Equal(80, json.GetProperty("max_memory_mib").GetInt64());
        Assert.All(estimates, one => Assert.False(one.GetProperty("fits").GetBoolean()));
        ModelConfig config = ModelConfig.Read(Path.Combine(SampleJob.Base, "config.json")); // its positions bound the length
        Assert.Equal(Expected(JobMemory.DemandOf(config, _sample.Job, WeightStorage.Int8)).TotalMib, estimates[^1].GetProperty("total_mib").GetInt64());
    }

    [Fact]
    public void Estimate_WeightsWithoutNumbers_IsEnough()
    {
        // The header alone, and a file as long as it says: nothing of the numbers is looked at.
        string model = Path.Combine(_sample.Folder, "model.safetensors");
        File.Copy(Path.Combine(SampleJob.Base, "model.safetensors"), model);
        File.Copy(Path.Combine(SampleJob.Base, "config.json"), Path.Combine(_sample.Folder, "config.json"));
        using (FileStream file = File.OpenWrite(model))
        {
            file.Position = file.Length - 100_000;
            file.Write(Enumerable.Repeat((byte)0xff, 100_000).ToArray()); // NaN
        }

        Assert.Equal(0, TrainerRun.Of("estimate", "--base", _sample.Folder).ExitCode);
    }

    [Theory]
    [InlineData("--rank", "0", 1)]
    [InlineData("--rank", "99999999999", 1)]
    [InlineData("--batch", "-2", 1)]
    [InlineData("--batch", "0", 1)]
    [InlineData("--length", "1", 2)]
    [InlineData("--length", "many", 2)]
    public void Estimate_NumberOutOfRange_IsNamed(string option, string value, int least) =>
        AssertRefused("count_invalid", $"expected {option} as a whole number of at least {least}, found {value}", "--base", SampleJob.Base, option, value);

    [Theory]
    [InlineData("--base-weights", "int4")]
    [InlineData("--rank")]
    [InlineData("--json", "--json")]
    [InlineData("a-job")]
    [InlineData("--fast")]
    public void Estimate_WrongUsage_ExplainsAndExitsWithTwo(params string[] more)
    {
        TrainerRun run = TrainerRun.Of(["estimate", "--base", SampleJob.Base, .. more]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("usage: fedcloud-trainer run JOBDIR", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    [Fact]
    public void Estimate_BadInput_FailsWithCodeAndNextStep()
    {
        AssertRefused("sequence_too_long", "expected sequences of at most 256 tokens, as many as the model has positions, found --length 257", "--base", SampleJob.Base, "--length", "257");
        AssertRefused("base_model_missing", "config.json", "--base", _sample.Folder);
        AssertRefused("file_missing", "job.json", Path.Combine(_sample.Folder, "none"));
        File.Copy(Path.Combine(SampleJob.Base, "config.json"), Path.Combine(_sample.Folder, "config.json"));
        AssertRefused("base_model_missing", "model.safetensors", "--base", _sample.Folder);
    }

    public void Dispose() => _sample.Dispose();

    private static MemoryEstimate Expected(MemoryDemand demand) => MemoryEstimate.Of(ModelConfig.Read(Path.Combine(SampleJob.Base, "config.json")), demand);

    private static JsonElement Json(params string[] arguments)
    {
        TrainerRun run = TrainerRun.Of(["estimate", .. arguments]);

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        return Assert.Single(run.Lines);
    }

    private static void AssertRefused(string code, string what, params string[] arguments)
    {
        TrainerRun run = TrainerRun.Of(["estimate", .. arguments]);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith(code + ": ", run.Error, StringComparison.Ordinal);
        Assert.Contains(what, run.Error, StringComparison.Ordinal);
        Assert.Equal("failed", Assert.Single(run.Events));
    }
}
