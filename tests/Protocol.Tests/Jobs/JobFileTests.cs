// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Jobs;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Tests.Plans;
using Xunit;

namespace FedCloud.Protocol.Tests.Jobs;

public sealed class JobFileTests
{
    private static readonly JobHost Host = new() { BaseModel = "/base", Adapter = "/adapter", TrainFile = "/train", EvalFile = "/eval", Threads = 2, MaxMemoryMib = 0, Deadline = 1 };
    private static readonly JobPrivacy Privacy = new(0.5, 1.5m);
    private static readonly JobRing Ring = new(123456.7, 268435455, 11);

    // The same text as in JobRingTests, where the trainer's side reads it.
    [Fact]
    public void Of_Ring_WritesThePlansClipAndTheRingsMembers()
    {
        JsonObject job = Job(Private(GradientClipping.PerLayer), "train", null, Ring);

        Assert.Equal("""{"example_clip":0.5,"clipping":"per_layer","clip":123456.7,"limit":268435455,"max_records":11}""", job["ring"]!.ToJsonString());
        Assert.False(job.ContainsKey("privacy"));
    }

    [Theory]
    [InlineData(GradientClipping.Flat, "flat")]
    [InlineData(GradientClipping.PerLayer, "per_layer")]
    [InlineData(GradientClipping.Automatic, "automatic")]
    public void Of_EveryClipping_HasTheTrainersName(GradientClipping clipping, string name)
    {
        Assert.Equal(name, Job(Private(clipping), "train", null, Ring)["ring"]!["clipping"]!.GetValue<string>());
        Assert.Equal(name, Job(Private(clipping, PrivacyClaim.Example), "train", Privacy, null)["privacy"]!["clipping"]!.GetValue<string>());
    }

    // The names are those of TrainingJob, which refuses members that it does not know.
    [Fact]
    public void Of_PatternsAndScaling_AreOptionalMembers()
    {
        JsonObject plain = Job(PlanReaderTests.Config("lora.scaling: standard"), "train", null, null);
        JsonObject job = Job(PlanReaderTests.Config("lora.scaling: rslora", "lora.rank_pattern.q_proj: 4", "lora.alpha_pattern.v_proj: 2.5"), "train", null, null);

        Assert.All(["scaling", "rank_pattern", "alpha_pattern", "dora"], name => Assert.False(plain.ContainsKey(name), name));
        Assert.Equal("rslora", job["scaling"]!.GetValue<string>());
        Assert.Equal("""{"q_proj":4} {"v_proj":2.5}""", job["rank_pattern"]!.ToJsonString() + " " + job["alpha_pattern"]!.ToJsonString());
    }

    [Fact]
    public void Of_NoRing_HasNoSuchMember()
    {
        Assert.False(Job(PlanReaderTests.Config(), "train", null, null).ContainsKey("ring"));
        Assert.False(Job(Private(GradientClipping.Flat, PrivacyClaim.Example), "train", Privacy, null).ContainsKey("ring"));
        Assert.False(Job(OfSilos(), "train", null, null).ContainsKey("ring"));
    }

    [Theory]
    [InlineData("f32", null)] // absent means it
    [InlineData("bf16", "bf16")]
    [InlineData("int8", "int8")]
    public void Of_StorageOfTheHost_IsWrittenWhereItIsNotTheUsual(string storage, string? written)
    {
        JsonNode job = JsonNode.Parse(JobFile.Of(PlanReaderTests.Config(), 0, 1, "train", "b", Host with { BaseWeights = storage }, null))!;

        Assert.Equal(written, job["base_weights"]?.GetValue<string>());
    }

    [Fact]
    public void Of_OtherPartsThanTheClaimNeeds_IsRefused()
    {
        RunConfig inSilo = Private(GradientClipping.Flat, PrivacyClaim.Example);
        RunConfig onRing = Private(GradientClipping.Flat);

        Assert.All(
            ((RunConfig Plan, JobPrivacy? Privacy, JobRing? Ring)[])[(inSilo, null, null), (inSilo, null, Ring), (inSilo, Privacy, Ring), (onRing, null, null), (onRing, Privacy, null), (onRing, Privacy, Ring), (OfSilos(), null, Ring), (OfSilos(), Privacy, null), (PlanReaderTests.Config(), Privacy, null), (PlanReaderTests.Config(), null, Ring)],
            job => Assert.Throws<ArgumentException>(() => Job(job.Plan, "train", job.Privacy, job.Ring)));
        Assert.NotNull(Job(onRing, "evaluate", null, null));
        Assert.NotNull(Job(inSilo, "evaluate", null, null));
    }

    [Fact]
    public void Of_DeviceAndLeave_AreWrittenOnlyWhereThereAre()
    {
        RunConfig plan = PlanReaderTests.Config();
        RunConfig lenient = plan with { Training = plan.Training with { CpuFallback = true } };
        RunConfig strict = plan with { Training = plan.Training with { CpuFallback = false } };
        JobHost second = Host with { Device = new JobDevice(IsCuda: true, 1) };

        JsonObject job = Job(lenient, "train", null, null, second);

        Assert.Equal("cuda:1", job["device"]!.GetValue<string>());
        Assert.True(job["cpu_fallback"]!.GetValue<bool>());
        Assert.All(((RunConfig Plan, JobHost Host)[])[(plan, Host), (strict, Host)], one =>
        {
            JsonObject plain = Job(one.Plan, "train", null, null, one.Host);
            Assert.False(plain.ContainsKey("device"));
            Assert.False(plain.ContainsKey("cpu_fallback"));
        });
    }

    private static JsonObject Job(RunConfig plan, string mode, JobPrivacy? privacy, JobRing? ring, JobHost? host = null) =>
        JsonNode.Parse(JobFile.Of(plan, 0, 1, mode, "b", host ?? Host, privacy, ring))!.AsObject();

    private static RunConfig OfSilos()
    {
        RunConfig plan = Private(GradientClipping.Flat);
        return plan with { Privacy = plan.Privacy with { Unit = PrivacyUnit.Silo } };
    }

    private static RunConfig Private(GradientClipping clipping, PrivacyClaim claim = PrivacyClaim.Distributed)
    {
        RunConfig plan = PlanReaderTests.Config();
        return plan with { Privacy = plan.Privacy with { Claim = claim, ExampleClip = 0.5m, Clipping = clipping } };
    }
}
