// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;

namespace FedCloud.Trainer.Tests;

public sealed class RunCommandTests : IDisposable
{
    private readonly SampleJob _sample = new();

    [Fact]
    public void Run_SampleJob_PrintsProgressAndWritesTheUpdate()
    {
        TrainerRun run = TrainerRun.Of("run", _sample.Write());

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal(["started", "evaluated", .. Enumerable.Repeat("step", 8), "done"], run.Events, StringComparer.Ordinal);
        JsonElement step = run.Lines[4];
        Assert.Equal((3, 8), (step.GetProperty("step").GetInt32(), step.GetProperty("steps").GetInt32()));
        Assert.All((string[])["loss", "tokens_per_second", "eta_seconds"], name => Assert.True(step.GetProperty(name).GetDouble() > 0, name));
        byte[] update = File.ReadAllBytes(_sample.UpdateFile);
        byte[] header = SampleJob.Layout.UpdateHeader(ExchangedFactor.B);
        Assert.Equal(header, update[..header.Length]);
        Assert.Equal(SampleJob.Layout.UpdateLength(ExchangedFactor.B), update.Length);
        Assert.True(_sample.Metrics.TrainLoss[^1] < _sample.Metrics.TrainLoss[0]);
    }

    [Theory]
    [InlineData("bf16")]
    [InlineData("int8")]
    public void Run_CompactBase_LearnsAsFloat32Does(string storage)
    {
        _sample.Job = _sample.Job with { LocalSteps = 8, CheckpointEvery = 0 };
        TrainerRun.Of("run", _sample.Write());
        JobMetrics plain = _sample.Metrics;
        byte[] update = File.ReadAllBytes(_sample.UpdateFile);
        _sample.Job = _sample.Job with { BaseWeights = storage };

        TrainerRun run = TrainerRun.Of("run", _sample.Write());

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal(storage, run.Lines[0].GetProperty("base_weights").GetString());
        Assert.Equal(plain.EvalLossBefore!.Value, _sample.Metrics.EvalLossBefore!.Value, tolerance: 0.02);
        Assert.Equal(plain.TrainLoss[^1]!.Value, _sample.Metrics.TrainLoss[^1]!.Value, tolerance: 0.02);
        Assert.Equal(storage == "bf16", update.AsSpan().SequenceEqual(File.ReadAllBytes(_sample.UpdateFile))); // the sample's weights are BF16 in their file
    }

    [Fact]
    public void Run_RingJob_WritesRingUnitsOrRefusesTooManyRecords()
    {
        JobRing ring = new() { ExampleClip = 1, Clipping = "flat", Clip = 1e5, Limit = 1 << 27, MaxRecords = 1000 };
        _sample.Job = _sample.Job with { LocalSteps = 1, Ring = ring };

        TrainerRun run = TrainerRun.Of("run", _sample.Write());

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal(["started", "evaluated", "step", "done"], run.Events, StringComparer.Ordinal);
        byte[] update = File.ReadAllBytes(_sample.UpdateFile);
        byte[] header = SampleJob.Layout.UpdateHeader(ExchangedFactor.B, TensorType.I32);
        Assert.Equal(header, update[..header.Length]);
        Assert.Equal(SampleJob.Layout.UpdateLength(ExchangedFactor.B), update.Length);
        int[] units = MemoryMarshal.Cast<byte, int>(update.AsSpan(header.Length)).ToArray();
        Assert.InRange(units.Max(Math.Abs), 100, (int)1e5 * _sample.Metrics.TrainExamples);

        _sample.Job = _sample.Job with { Ring = ring with { MaxRecords = 3 } };
        TrainerRun refused = TrainerRun.Of("run", _sample.Write());

        Assert.Equal(2, refused.ExitCode);
        Assert.StartsWith("count_invalid: ", refused.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_AgentGone_EndsAndLeavesNoUpdate()
    {
        _sample.Job = _sample.Job with { LocalSteps = 100_000, TotalGlobalSteps = 100_000 };
        ProcessStartInfo start = new(TrainerRun.Host, [TrainerRun.Assembly, "run", _sample.Write()]) { RedirectStandardInput = true, RedirectStandardOutput = true, UseShellExecute = false };
        start.Environment["FEDCLOUD_STOP_WITH_INPUT"] = "1";
        using Process trainer = Process.Start(start)!;
        while (trainer.StandardOutput.ReadLine()?.Contains("\"step\"", StringComparison.Ordinal) is false)
        {
        }

        trainer.StandardInput.Close();

        Assert.True(trainer.WaitForExit(TimeSpan.FromSeconds(30)), "the trainer works on without its agent");
        Assert.False(File.Exists(_sample.UpdateFile));
    }

    [Fact]
    public void Run_KilledAfterACheckpoint_GoesOnToTheSameBits()
    {
        TrainerRun.Of("run", _sample.Write());
        byte[] expected = File.ReadAllBytes(_sample.UpdateFile);
        File.Delete(_sample.UpdateFile);
        File.Delete(_sample.CheckpointFile);

        TrainerRun killed = TrainerRun.Of(Nothing, line => line.Contains("\"step\":5,", StringComparison.Ordinal), "run", _sample.Folder);
        bool left = File.Exists(_sample.UpdateFile);
        TrainerRun resumed = TrainerRun.Of("run", _sample.Folder);

        Assert.NotEqual(0, killed.ExitCode);
        Assert.False(left);
        Assert.Equal(0, resumed.ExitCode);
        Assert.True(resumed.Lines.First(line => line.TryGetProperty("step", out _)).GetProperty("step").GetInt32() >= 5);
        Assert.Equal(expected, File.ReadAllBytes(_sample.UpdateFile));
    }

    [Fact]
    public void Run_BrokenLine_FailsWithCodeLineAndNextStep()
    {
        string data = Path.Combine(_sample.Folder, "mine.jsonl");
        File.WriteAllText(data, "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"secret patient\"}\n");
        _sample.Job = _sample.Job with { TrainFile = data };

        TrainerRun run = TrainerRun.Of("run", _sample.Write());

        Assert.Equal(2, run.ExitCode);
        JsonElement failed = run.Lines[^1];
        Assert.Equal("failed", failed.GetProperty("event").GetString());
        Assert.Equal("jsonl_malformed", failed.GetProperty("code").GetString());
        Assert.Equal("correct the named line", failed.GetProperty("next").GetString());
        Assert.Equal("jsonl_malformed: mine.jsonl, line 2: lacks the text 'prompt' or 'completion'. Next: correct the named line.\n", run.Error);
        Assert.DoesNotContain("patient", string.Concat(run.Output), StringComparison.Ordinal);
    }

    [Fact]
    public void Run_NotEnoughMemory_IsRefusedWithExitCodeFive()
    {
        _sample.Job = _sample.Job with { MaxMemoryMib = 61 };

        TrainerRun run = TrainerRun.Of("run", _sample.Write());

        Assert.Equal(5, run.ExitCode);
        Assert.StartsWith("memory_exceeded: ", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_FolderWhereAFileShouldBe_FailsInOneLine()
    {
        // No rule foresees this, so the outermost handler answers.
        _sample.Job = _sample.Job with { Mode = "evaluate" };
        Directory.CreateDirectory(Path.Combine(_sample.Folder, "metrics.json"));

        TrainerRun run = TrainerRun.Of("run", _sample.Write());

        Assert.Equal(1, run.ExitCode);
        Assert.Single(run.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal("failed", run.Events[^1]);
    }

    [Fact]
    public void Run_LongRealText_CountsWhatItCuts()
    {
        string data = Path.Combine(_sample.Folder, "long.jsonl");
        string answer = string.Join(' ', Enumerable.Range(0, 900).Select(i => $"Symptom {i} of the disease – see §{i % 7}, “Überblick” 心電図."));
        File.WriteAllLines(data, Enumerable.Range(0, 4).Select(i => JsonSerializer.Serialize(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["prompt"] = $"What is syndrome {i}?",
            ["completion"] = i == 0 ? "Rest." : answer,
            ["source"] = "a textbook",
        })));
        _sample.Job = _sample.Job with { TrainFile = data, LocalSteps = 2 };

        TrainerRun run = TrainerRun.Of("run", _sample.Write());

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal((4, 3), (_sample.Metrics.TrainExamples, _sample.Metrics.TruncatedTrainExamples));
        JsonElement evaluated = run.Lines[1];
        Assert.Equal((4, 3), (evaluated.GetProperty("examples").GetInt32(), evaluated.GetProperty("truncated").GetInt32()));
    }

    [Theory]
    [InlineData("DOTNET_EnableAVX512")]
    [InlineData("DOTNET_EnableHWIntrinsic")]
    public void Run_WithoutWideVectors_FindsTheSameLosses(string off)
    {
        TrainerRun.Of("run", _sample.Write());
        double[] wide = [.. _sample.Metrics.TrainLoss.Select(loss => loss!.Value)];
        File.Delete(_sample.CheckpointFile);

        TrainerRun run = TrainerRun.Of(new Dictionary<string, string>(StringComparer.Ordinal) { [off] = "0", ["DOTNET_EnableAVX512F"] = off.EndsWith("512", StringComparison.Ordinal) ? "0" : "1" }, null, "run", _sample.Folder);

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.All(wide.Zip(_sample.Metrics.TrainLoss.Select(loss => loss!.Value)), pair => Assert.Equal(pair.First, pair.Second, tolerance: 2e-3));
    }

    [Theory]
    [InlineData]
    [InlineData("run")]
    [InlineData("train", "x")]
    [InlineData("generate", "--base")]
    [InlineData("generate", "--prompt", "x")]
    [InlineData("generate", "--base", "x", "--prompt", "y", "--max-tokens", "0")]
    public void Main_WrongUsage_ExplainsAndExitsWithTwo(params string[] arguments)
    {
        TrainerRun run = TrainerRun.Of(arguments);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith("usage: fedcloud-trainer run JOBDIR", run.Error, StringComparison.Ordinal);
        Assert.Empty(run.Output);
    }

    public void Dispose() => _sample.Dispose();

    private static Dictionary<string, string> Nothing => new(StringComparer.Ordinal);
}
