// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Trainer.Tests;
using FedCloud.Training.Jobs;
using Xunit.Abstractions;

namespace FedCloud.TorchTrainer.Tests.Jobs;

/// <summary>Whole jobs through <c>fedcloud-trainer-torch</c>, beside the managed trainer's.</summary>
public sealed class TorchJobTests(ITestOutputHelper output)
{
    // AdamW turns the smallest gradients, and so what is rounded of them, into steps of full length; with a large epsilon it does not.
    private const double LinearEpsilon = 1;

    [TorchFact]
    public void Run_PlainJob_GivesTheManagedTrainersUpdate()
    {
        using SampleJob managed = new();
        using SampleJob torch = new();
        managed.Job = Plain(managed.Job);
        torch.Job = Plain(torch.Job);
        Dictionary<string, float[]> expected = TorchRun.Managed(managed);

        TrainerRun run = TorchRun.Of(torch);

        Assert.True(run.ExitCode == 0, run.Error);
        Assert.Equal(["started", "evaluated", .. Enumerable.Repeat("step", 8), "done"], run.Events);
        Assert.Equal(managed.Metrics.EvalLossBefore!.Value, torch.Metrics.EvalLossBefore!.Value, tolerance: 1e-4 * managed.Metrics.EvalLossBefore!.Value);
        Assert.All(managed.Metrics.TrainLoss.Zip(torch.Metrics.TrainLoss), loss => Assert.Equal(loss.First!.Value, loss.Second!.Value, tolerance: 1e-4 * loss.First.Value));
        Require(expected, torch, 1e-3);
    }

    [TorchFact]
    public void Run_AdamWOfAPlan_GivesNearlyTheManagedTrainersUpdate()
    {
        using SampleJob managed = new();
        using SampleJob torch = new();
        torch.Job = torch.Job with { Device = "cpu", Exchanged = "both" };
        managed.Job = managed.Job with { Exchanged = "both" };
        Dictionary<string, float[]> expected = TorchRun.Managed(managed);

        TrainerRun run = TorchRun.Of(torch);

        Assert.True(run.ExitCode == 0, run.Error);
        Require(expected, torch, 2e-2);
    }

    // Everyone enters, and the noise is a thousandth of a gradient's length over all of them.
    [TorchTheory]
    [InlineData("flat")]
    [InlineData("per_layer")]
    public void Run_PrivateJob_GivesTheManagedTrainersUpdate(string clipping)
    {
        using SampleJob managed = new();
        using SampleJob torch = new();
        managed.Job = Private(managed.Job, clipping);
        torch.Job = Private(torch.Job, clipping);
        Dictionary<string, float[]> expected = TorchRun.Managed(managed);

        TrainerRun run = TorchRun.Of(torch);

        Assert.True(run.ExitCode == 0, run.Error);
        Require(expected, torch, 1e-2);
    }

    [TorchFact]
    public void Run_JobForTheRing_GivesTheManagedTrainersUnits()
    {
        using SampleJob managed = new();
        using SampleJob torch = new();
        managed.Job = OnRing(managed.Job);
        torch.Job = OnRing(torch.Job);
        Dictionary<string, float[]> expected = TorchRun.Managed(managed);

        TrainerRun run = TorchRun.Of(torch);

        Assert.True(run.ExitCode == 0, run.Error);
        Require(expected, torch, 1e-2);
    }

    [TorchFact]
    public void Run_KilledAndStartedAgain_GivesTheSameBits()
    {
        using SampleJob whole = new();
        using SampleJob broken = new();
        whole.Job = whole.Job with { Device = "cpu" };
        broken.Job = broken.Job with { Device = "cpu", AdapterFile = whole.AdapterFile };
        whole.Job = whole.Job with { AdapterFile = whole.AdapterFile };
        Assert.Equal(0, TorchRun.Of(whole).ExitCode);

        TorchRun.Of(broken, stop: line => line.Contains("\"step\":5,", StringComparison.Ordinal));
        TrainerRun run = TorchRun.Of(broken);

        Assert.Equal(0, run.ExitCode);
        Assert.DoesNotContain(run.Output, line => line.Contains("\"step\":1,", StringComparison.Ordinal));
        Assert.Equal(File.ReadAllBytes(whole.UpdateFile), File.ReadAllBytes(broken.UpdateFile));
    }

    private static TrainingJob Plain(TrainingJob job) => job with { Device = "cpu", AdamEpsilon = LinearEpsilon, GradientAccumulation = 2, Exchanged = "both" };

    private static TrainingJob Private(TrainingJob job, string clipping) => job with
    {
        Device = "cpu",
        AdamEpsilon = LinearEpsilon,
        LocalSteps = 1,
        ClipNorm = 0,
        WarmupSteps = 0,
        CheckpointEvery = 0,
        Privacy = new JobPrivacy { Unit = "record", SamplingRate = 1, ExpectedBatch = 64, NoiseMultiplier = 1e-5, ExampleClip = 0.5, Clipping = clipping, Noise = "rounded" },
    };

    private static TrainingJob OnRing(TrainingJob job) => job with
    {
        Device = "cpu",
        LocalSteps = 1,
        CheckpointEvery = 0,
        Ring = new JobRing { ExampleClip = 0.5, Clipping = "flat", Clip = 1e6, Limit = 1 << 30, MaxRecords = 100_000 },
    };

    private void Require(Dictionary<string, float[]> expected, SampleJob torch, double tolerance)
    {
        double distance = TorchRun.Distance(expected, TorchRun.Update(torch));
        output.WriteLine($"updates are {distance:e1} apart");
        Assert.True(distance <= tolerance, $"updates are {distance} apart");
    }
}
