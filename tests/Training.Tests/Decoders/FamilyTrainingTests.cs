// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Optimization;
using FedCloud.Training.Privacy;
using FedCloud.Training.Tests.Privacy;

namespace FedCloud.Training.Tests.Decoders;

public sealed unsafe class FamilyTrainingTests
{
    public static TheoryData<string> Families => [.. FamilyBase.All];

    // Attention works in blocks of 48 queries: windows that end inside a block, that reach over blocks, and that are as long as one.
    public static TheoryData<string, int> Windows => new()
    {
        { "mistral-window", 5 }, { "mistral-window", 48 }, { "mistral-window", 70 }, { "mistral-window", 500 }, { "gemma2", 5 }, { "gemma2", 61 }, { "gemma3", 50 },
    };

    [Theory]
    [MemberData(nameof(Families))]
    public void Backward_EveryParameter_AgreesWithFiniteDifferences(string name)
    {
        using FamilyBase family = new(name);

        AssertDifferences(family, length: 11, all: true);
    }

    [Theory]
    [MemberData(nameof(Windows))]
    public void Backward_LongSequencesWithAWindow_AgreesWithFiniteDifferences(string name, int window)
    {
        using FamilyBase family = new(name, ("sliding_window", window));

        AssertDifferences(family, length: 101, all: false);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Step_TwoThreads_GivesTheBitsOfOne(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel one = family.Load(4 * 70, 70, threads: 1);
        using DecoderModel two = family.Load(4 * 70, 70, threads: 2);
        double expected = All(one);

        double found = All(two);

        Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(found));
        Assert.All(one.Trained.Zip(two.Trained), pair => Assert.True(pair.First.Gradient!.Span.SequenceEqual(pair.Second.Gradient!.Span), pair.First.Name));

        static double All(DecoderModel model)
        {
            model.TrainAll();
            return Loss(model, 4, 70);
        }
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Step_Warm_AllocatesNothing(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel model = family.Load(2 * 9, 9, threads: 2);
        model.TrainAll();
        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.99, 1e-8, 0, 1));
        int[] tokens = Tokens(2 * 9, 0);
        int[] targets = Tokens(2 * 9, 5);
        void Step()
        {
            model.ZeroGradients();
            model.Forward(tokens, 2, 9);
            model.Loss(targets, 0.1f);
            model.Backward();
            optimizer.Step(0.001);
        }

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 50; i++)
            {
                Step();
            }
        }));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Backward_ExamplesApart_SumToTheBatchAndHaveTheirBitsInAnyBatch(string name)
    {
        using FamilyBase family = new(name);
        Example[] examples = [PrivateTask.Make(1, 9, 3), PrivateTask.Make(2, 70, 5), PrivateTask.Make(3, 2, 1), PrivateTask.Make(4, 51, 0)];
        using DecoderModel whole = family.Load(4 * 70, 70);
        ExamplePass.Run(whole, examples);
        using DecoderModel model = family.Load(4 * 70, 70, threads: 2);
        using ExampleGradients apart = new(model, 4);
        float[][] alone = [.. examples.Select(example =>
        {
            ExamplePass.Run(model, [example]);
            return ExamplePass.Row(apart, 0);
        })];

        ExamplePass.Run(model, examples);

        double[] sum = new double[apart.Coordinates];
        for (int i = 0; i < examples.Length; i++)
        {
            float[] row = ExamplePass.Row(apart, i);
            Assert.True(alone[i].AsSpan().SequenceEqual(row), $"example {i}");
            Assert.Contains(row, value => value != 0);
            for (int j = 0; j < sum.Length; j++)
            {
                sum[j] += row[j];
            }
        }

        double[] batch = [.. whole.Trained.SelectMany(parameter => parameter.Gradient!.Span.ToArray()).Select(value => (double)value)];
        double norm = Math.Sqrt(batch.Sum(value => value * value));
        Assert.True(Math.Sqrt(batch.Zip(sum, (a, b) => (a - b) * (a - b)).Sum()) <= 1e-5 * norm);
    }

    private static void AssertDifferences(FamilyBase family, int length, bool all)
    {
        using DecoderModel model = family.Load(2 * length, length);
        if (all)
        {
            model.TrainAll();
        }

        Loss(model, 2, length);
        foreach (Parameter parameter in model.Trained)
        {
            (double expected, double found) = Slopes(parameter, () => Loss(model, 2, length, backward: false));
            Assert.True(Math.Abs(expected - found) < 3e-3 * Math.Max(0.1, Math.Abs(expected)), $"{parameter.Name}: finite difference {expected}, gradient {found}");
        }
    }

    private static double Loss(DecoderModel model, int b, int t, bool backward = true)
    {
        int[] targets = [.. Tokens(b * t, 7).Select((token, i) => i % 5 == 0 ? -1 : token)];
        float scale = 1f / targets.Count(target => target >= 0);
        model.Forward(Tokens(b * t, 0), b, t);
        double loss = model.Loss(targets, scale) * scale;
        if (backward)
        {
            model.ZeroGradients();
            model.Backward();
        }

        return loss;
    }

    private static int[] Tokens(int count, int shift) => [.. Enumerable.Range(0, count).Select(i => ((i * 31) + (i * i % 7) + shift) % FamilyBase.Vocabulary)];

    // Along a fixed pseudo-random direction of length 1, by central differences with Richardson's extrapolation.
    private static (double Expected, double Found) Slopes(Parameter parameter, Func<double> loss)
    {
        const double H = 1e-2;
        float[] start = parameter.Value.Span.ToArray();
        Random random = new(11);
        double[] direction = [.. start.Select(_ => random.NextDouble() - 0.5)];
        double length = Math.Sqrt(direction.Sum(value => value * value));
        double At(double step)
        {
            for (int i = 0; i < start.Length; i++)
            {
                parameter.Value.Span[i] = (float)(start[i] + (step * direction[i] / length));
            }

            return loss();
        }

        double coarse = (At(2 * H) - At(-2 * H)) / (4 * H);
        double fine = (At(H) - At(-H)) / (2 * H);
        start.CopyTo(parameter.Value.Span);
        return (((4 * fine) - coarse) / 3, direction.Select((value, i) => value / length * parameter.Gradient!.Span[i]).Sum());
    }
}
