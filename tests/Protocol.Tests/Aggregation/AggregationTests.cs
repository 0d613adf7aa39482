// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Tests.Plans;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Aggregation;

public sealed class AggregationTests
{
    [Fact]
    public void WeightedMean_AnyUpdates_IsTheDefinition()
    {
        Arbitrary<(long Weight, float Value)[]> updates = Gen.NonEmptyListOf(
            from weight in Gen.Choose(1, 1000)
            from value in Gen.Choose(-100_000, 100_000)
            select ((long)weight, value / 1000f)).Select(list => list.ToArray()).ToArbitrary();

        Prop.ForAll(updates, entries =>
        {
            WeightedMean mean = new(1);
            foreach ((long weight, float value) in entries)
            {
                mean.Begin(weight);
                mean.Add([value]);
            }

            float[] result = new float[1];
            mean.Finish(result);
            double expected = entries.Sum(entry => entry.Weight * (double)entry.Value) / entries.Sum(entry => entry.Weight);
            return result[0] == (float)expected;
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void WeightedMean_UpdateTooShort_Throws()
    {
        WeightedMean mean = new(2);
        mean.Begin(1);
        mean.Add([1]);

        Assert.Throws<InvalidOperationException>(() => mean.Finish(new float[2]));
    }

    [Theory]
    [InlineData(ServerRule.Sgd)]
    [InlineData(ServerRule.Momentum)]
    [InlineData(ServerRule.Adam)]
    [InlineData(ServerRule.Yogi)]
    [InlineData(ServerRule.Adagrad)]
    public void ServerOptimizer_ThreeSteps_FollowsThePaper(ServerRule rule)
    {
        ServerOptimizer optimizer = new(new ServerOptimizerPlan { Name = rule, LearningRate = 0.5m, Beta1 = 0.9m, Beta2 = 0.99m, Tau = 0.001m });
        float[] x = [1f];
        float[] m = [0f];
        float[] v = [optimizer.InitialSecondMoment];
        double ex = 1, em = 0, ev = 1e-6;

        foreach (float d in (float[])[0.25f, -0.5f, 0.125f])
        {
            optimizer.Step(x, [d], m, v);
            double sq = (double)d * d;
            em = rule switch { ServerRule.Sgd => em, ServerRule.Momentum => (0.9 * em) + d, _ => (0.9 * em) + (0.1 * d) };
            ev = rule switch { ServerRule.Adam => (0.99 * ev) + (0.01 * sq), ServerRule.Yogi => ev - (0.01 * sq * Math.Sign(ev - sq)), ServerRule.Adagrad => ev + sq, _ => ev };
            ex += 0.5 * (rule switch { ServerRule.Sgd => d, ServerRule.Momentum => em, _ => em / (Math.Sqrt(ev) + 0.001) });
        }

        Assert.Equal(ex, x[0], 1e-5);
    }

    [Fact]
    public void Ffa_MeanOfB_IsExact_WhileTheMeanOfBothFactorsIsNot()
    {
        // 1 x 1 factors. FFA: mean(B)·A = mean(B·A). Both: mean(B)·mean(A) = 3 · 2 while mean(B·A) = (1·1 + 5·3) / 2 = 8.
        float[] b = [1, 5];
        float[] a = [1, 3];

        Assert.Equal(b.Average() * 2f, b.Select(value => value * 2f).Average());
        Assert.NotEqual(b.Average() * a.Average(), b.Zip(a, (x, y) => x * y).Average());
    }

    [Fact]
    public void ModelVersionFile_NextVersion_StepsOnlyTheExchangedFactors()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        RunConfig config = PlanReaderTests.Config("algorithm: rolora", "aggregation.server_optimizer.name: momentum");
        AdapterLayout layout = new([new LinearShape("model.layers.0.self_attn.q_proj", 4, 3)], 2);
        string v0 = Path.Combine(folder, "v0");
        string v1 = Path.Combine(folder, "v1");
        ModelVersionFile.WriteInitial(v0, config, layout);
        float[] delta = [1, 2, 3, 4, 5, 6];

        using (SafetensorsFile previous = SafetensorsFile.Open(v0, SafetensorsLimits.Foreign))
        {
            ModelVersionFile.WriteNext(v1, config, layout, previous, 1, ExchangedFactor.B, new MemoryStream(MemoryMarshal.AsBytes(delta.AsSpan()).ToArray()));
        }

        Assert.Equal(delta, Tensor(v1, "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"));
        Assert.Equal(delta, Tensor(v1, "server.m.base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight"));
        Assert.Equal(Tensor(v0, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"), Tensor(v1, "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"));
        Assert.All(Tensor(v1, "server.m.base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"), value => Assert.Equal(0, value));
    }

    // The auditor's way to the layout: from plan and header alone, without the base model.
    [Fact]
    public void ModelVersionFile_DescribeUnderPatterns_GivesTheLayout()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "v0");
        RunConfig config = PlanReaderTests.Config("lora.rank_pattern: q_proj=2,model.layers.1.self_attn.q_proj=1", "lora.scaling: rslora");
        AdapterLayout layout = new([new LinearShape("model.layers.0.self_attn.q_proj", 16, 12), new LinearShape("model.layers.1.self_attn.q_proj", 16, 12), new LinearShape("model.layers.1.mlp.up_proj", 16, 40)], config.Lora.Form());
        ModelVersionFile.WriteInitial(path, config, layout);
        using SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.Foreign);

        (AdapterLayout found, int version) = ModelVersionFile.Describe(config, file.Header);

        Assert.Equal(0, version);
        Assert.Equal(layout.Tensors.Select(tensor => (tensor.Tensor.Name, tensor.Tensor.Shape[0])), found.Tensors.Select(tensor => (tensor.Tensor.Name, tensor.Tensor.Shape[0])));
        Assert.Equal([2, 1, 8], layout.Modules.Select(module => found.RankOf(module.Module)));
        Assert.Equal("safetensors_malformed", Assert.Throws<FedCloudException>(() => ModelVersionFile.Describe(PlanReaderTests.Config("lora.rank_pattern: q_proj=2"), file.Header)).Code.Name);
    }

    [Fact]
    public void AdapterSeed_SameSeed_GivesFrozenValues()
    {
        // The digest is of values that a separate program computed from the rule in AdapterSeed's remarks.
        AdapterLayout layout = new([new LinearShape("model.layers.0.self_attn.q_proj", 4, 3)], 2);
        float[] a = new float[8];
        float[] other = new float[8];

        AdapterSeed.FillA(1, layout.Tensors[0], a);
        AdapterSeed.FillA(2, layout.Tensors[0], other);

        Assert.All(a, value => Assert.InRange(value, -0.5f, 0.5f));
        Assert.NotEqual(a, other);
        Assert.Equal("9081299A", Convert.ToHexString(System.Security.Cryptography.SHA256.HashData(MemoryMarshal.AsBytes(a.AsSpan())))[..8]);
    }

    [Fact]
    public void AdapterLayout_UpdateLength_IsTheFilesLength()
    {
        AdapterLayout layout = new([new LinearShape("model.layers.0.self_attn.q_proj", 4, 3), new LinearShape("model.layers.0.mlp.up_proj", 4, 8)], 2);
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "update");
        ImmutableArray<TensorEntry> entries = [.. layout.Exchanged(ExchangedFactor.Both).Select(tensor => tensor.Tensor)];

        SafetensorsWriter.WriteFile(path, entries, null, (entry, stream) => stream.Write(new byte[entry.ByteLength]));

        Assert.Equal(layout.UpdateLength(ExchangedFactor.Both), new FileInfo(path).Length);
        Assert.Equal((2 * 4) + (3 * 2) + (2 * 4) + (8 * 2), layout.UpdateCoordinates(ExchangedFactor.Both));
    }

    private static float[] Tensor(string path, string name)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.Foreign);
        TensorEntry entry = file.Header.ByName[name];
        float[] values = new float[entry.Count];
        file.ReadF32(entry, 0, values);
        return values;
    }
}
