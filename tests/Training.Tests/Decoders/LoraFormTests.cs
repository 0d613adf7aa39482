// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Optimization;
using FedCloud.Training.Tests.Privacy;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>rsLoRA, patterns of ranks and DoRA, beyond what PyTorch's vectors say.</summary>
public sealed class LoraFormTests
{
    private static readonly LoraForm Dora = new(3, 6) { IsDecomposed = true };

    private static readonly LoraForm Patterns = new(3, 6)
    {
        IsRankStabilized = true,
        RankPattern = [new("layers.0.self_attn.q_proj", 4), new("q_proj", 1)],
        AlphaPattern = [new("down_proj", 2)],
    };

    public static TheoryData<string> Bases => ["qwen2-tied", "gpt2"];

    [Theory]
    [MemberData(nameof(Bases))]
    public void Load_DecomposedAndZero_IsTheBaseModel(string name)
    {
        using FamilyBase family = new(name);
        using BaseWeights weights = BaseWeights.Open(family.Folder);
        using DecoderModel plain = DecoderModel.Load(family.Config, weights, null, 8, 8, 1);
        using DecoderModel dora = DecoderModel.Load(family.Config, weights, AdapterLayout.Of(weights.Tensors, family.Modules, Dora), 8, 8, 1);
        int[] tokens = [5, 9, 2, 7, 1, 3, 8, 4];

        plain.Forward(tokens, 1, 8);
        dora.Forward(tokens, 1, 8);

        Assert.All(plain.Logits(7).ToArray().Zip(dora.Logits(7).ToArray()), pair => Assert.Equal(pair.First, pair.Second, tolerance: 1e-5f));
    }

    [Theory]
    [MemberData(nameof(Bases))]
    public void Step_DecomposedOnTwoThreads_GivesTheBitsOfOne(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel one = family.Load(3 * 40, 40, threads: 1, form: Dora);
        using DecoderModel two = family.Load(3 * 40, 40, threads: 2, form: Dora);
        Example[] examples = [PrivateTask.Make(1, 40, 3), PrivateTask.Make(2, 40, 5), PrivateTask.Make(3, 40, 1)];

        ExamplePass.Run(one, examples);
        ExamplePass.Run(two, examples);

        Assert.All(one.Trained.Zip(two.Trained), pair => Assert.True(pair.First.Gradient!.Span.SequenceEqual(pair.Second.Gradient!.Span), pair.First.Name));
        Assert.Contains(one.Trained, parameter => parameter.Name.EndsWith("lora_magnitude_vector", StringComparison.Ordinal));
    }

    [Theory]
    [MemberData(nameof(Bases))]
    public void Step_DecomposedAndWarm_AllocatesNothing(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel model = family.Load(2 * 9, 9, threads: 2, form: Dora);
        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.99, 1e-8, 0, 1));
        int[] tokens = [.. Enumerable.Range(0, 18).Select(i => i * 7 % FamilyBase.Vocabulary)];
        int[] targets = [.. tokens.Select(token => (token + 5) % FamilyBase.Vocabulary)];
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 50; i++)
            {
                model.ZeroGradients();
                model.Forward(tokens, 2, 9);
                model.Loss(targets, 0.1f);
                model.Backward();
                optimizer.Step(0.001);
            }
        }));
    }

    // Lengths of rows are those of the weights as they are now: a model that has taken a step is one that was loaded with what the step made.
    [Fact]
    public void Forward_AfterAStep_HasTheLengthsOfTheNewWeights()
    {
        using FamilyBase family = new("qwen2-tied");
        using DecoderModel moved = family.Load(9, 9, form: Dora);
        using DecoderModel fresh = family.Load(9, 9, form: Dora);
        Example[] examples = [PrivateTask.Make(1, 9, 3)];
        ExamplePass.Run(moved, examples);
        new AdamW(moved.Trained, new AdamWOptions(0.9, 0.99, 1e-8, 0, 1)).Step(0.05);
        foreach ((Parameter from, Parameter to) in moved.Trained.Zip(fresh.Trained))
        {
            from.Value.Span.CopyTo(to.Value.Span);
        }

        moved.ZeroGradients();
        ExamplePass.Run(moved, examples);
        ExamplePass.Run(fresh, examples);

        Assert.All(moved.Trained.Zip(fresh.Trained), pair => Assert.True(pair.First.Gradient!.Span.SequenceEqual(pair.Second.Gradient!.Span), pair.First.Name));
    }

    [Fact]
    public void ExampleGradients_Decomposed_AreRefusedWithTheReason()
    {
        using FamilyBase family = new("llama2");
        using DecoderModel model = family.Load(9, 9, form: Dora);

        FedCloudException error = Assert.Throws<FedCloudException>(() => new ExampleGradients(model, 1));

        Assert.Equal("dora_not_private", error.Code.Name);
    }

    [Fact]
    public void ExampleGradients_Patterns_SumToTheBatch()
    {
        using FamilyBase family = new("llama2");
        Example[] examples = [PrivateTask.Make(1, 9, 3), PrivateTask.Make(2, 20, 5), PrivateTask.Make(3, 4, 1)];
        using DecoderModel whole = family.Load(60, 20, form: Patterns);
        ExamplePass.Run(whole, examples);
        using DecoderModel model = family.Load(60, 20, threads: 2, form: Patterns);
        using ExampleGradients apart = new(model, 3);

        ExamplePass.Run(model, examples);

        double[] sum = new double[apart.Coordinates];
        for (int i = 0; i < 3; i++)
        {
            float[] row = ExamplePass.Row(apart, i);
            for (int j = 0; j < sum.Length; j++)
            {
                sum[j] += row[j];
            }
        }

        double[] batch = [.. whole.Trained.SelectMany(parameter => parameter.Gradient!.Span.ToArray()).Select(value => (double)value)];
        double norm = Math.Sqrt(batch.Sum(value => value * value));
        Assert.Equal(batch.Length, sum.Length);
        Assert.True(Math.Sqrt(batch.Zip(sum, (a, b) => (a - b) * (a - b)).Sum()) <= 1e-5 * norm);
        Assert.Equal([4, 1], whole.Linears.Where(linear => linear.Module.EndsWith("q_proj", StringComparison.Ordinal)).Select(linear => linear.Adapter!.Rank).Take(2));
    }
}
