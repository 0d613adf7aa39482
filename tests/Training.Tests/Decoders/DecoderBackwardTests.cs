// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

public sealed class DecoderBackwardTests
{
    private const int B = 2;
    private const int T = 7;

    private static readonly int[] Tokens = [7, 250, 31, 31, 4, 299, 18, 1, 2, 3, 200, 5, 6, 60];
    private static readonly int[] Targets = [-1, -1, 31, 4, 299, 18, 9, -1, 3, 200, 5, 6, 60, -1];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Backward_EveryParameter_AgreesWithFiniteDifferences(bool tied)
    {
        using TinyBase tiny = new(tied);
        using DecoderModel model = tiny.Load(B * T, T);
        model.TrainAll();
        model.TrainAdapter(ExchangedFactor.Both);
        Loss(model);
        model.Backward();

        foreach (Parameter parameter in model.Trained)
        {
            double expected = Difference(() => Loss(model), parameter);
            double found = Slope(parameter);
            Assert.True(Math.Abs(expected - found) < 2e-3 * Math.Max(1, Math.Abs(expected)), $"{parameter.Name}: finite difference {expected}, gradient {found}");
        }

        Assert.Equal(2 + (2 * (9 + 14)) + (tied ? 0 : 1), model.Trained.Count());
    }

    // Attention works in blocks of 48 queries; 101 tokens are two of them and a part.
    [Fact]
    public void Backward_LongSequences_AgreesWithFiniteDifferences()
    {
        const int Length = 101;
        using TinyBase tiny = new();
        using DecoderModel model = tiny.Load(B * Length, Length);
        model.TrainAdapter(ExchangedFactor.Both);
        int[] tokens = [.. Enumerable.Range(0, B * Length).Select(i => i * 31 % tiny.Config.Vocabulary)];
        int[] targets = [.. tokens.Select((token, i) => i % 5 == 0 ? -1 : (token + 7) % tiny.Config.Vocabulary)];
        double Mean()
        {
            model.Forward(tokens, B, Length);
            return model.Loss(targets, 0.01f) * 0.01;
        }

        Mean();
        model.Backward();

        foreach (Parameter parameter in model.Trained)
        {
            double expected = Difference(Mean, parameter);
            double found = Slope(parameter);
            Assert.True(Math.Abs(expected - found) < 2e-3 * Math.Max(0.1, Math.Abs(expected)), $"{parameter.Name}: finite difference {expected}, gradient {found}");
        }
    }

    [Theory]
    [InlineData(ExchangedFactor.A, "lora_A")]
    [InlineData(ExchangedFactor.B, "lora_B")]
    public void TrainAdapter_OneFactor_HasTheGradientsOfBothAndNoOther(ExchangedFactor exchanged, string name)
    {
        using TinyBase tiny = new();
        using DecoderModel both = tiny.Load(B * T, T);
        using DecoderModel one = tiny.Load(B * T, T);
        both.TrainAdapter(ExchangedFactor.Both);
        one.TrainAdapter(exchanged);

        Loss(both);
        both.Backward();
        Loss(one);
        one.Backward();

        Assert.Equal(14, one.Trained.Count());
        Assert.All(one.Trained, parameter =>
        {
            Assert.Contains(name, parameter.Name, StringComparison.Ordinal);
            Parameter same = both.Trained.Single(other => string.Equals(other.Name, parameter.Name, StringComparison.Ordinal));
            Assert.Equal(same.Gradient!.Span.ToArray(), parameter.Gradient!.Span.ToArray());
        });
    }

    [Fact]
    public void Backward_TwoMicroBatches_AddUpToTheWholeBatch()
    {
        using TinyBase tiny = new();
        using DecoderModel whole = tiny.Load(B * T, T);
        using DecoderModel parts = tiny.Load(B * T, T);
        whole.TrainAdapter(ExchangedFactor.Both);
        parts.TrainAdapter(ExchangedFactor.Both);

        double loss = Loss(whole);
        whole.Backward();
        double sum = 0;
        for (int b = 0; b < B; b++)
        {
            parts.Forward(Tokens.AsSpan(b * T, T), 1, T);
            sum += parts.Loss(Targets.AsSpan(b * T, T), 1);
            parts.Backward();
        }

        Assert.Equal(loss, sum, 4);
        Assert.All(whole.Trained.Zip(parts.Trained), pair => Assert.True(Distance(pair.First, pair.Second) < 1e-4));
    }

    [Fact]
    public void Loss_NothingCounts_GivesNoLossAndNoGradient()
    {
        using TinyBase tiny = new();
        using DecoderModel model = tiny.Load(B * T, T);
        model.TrainAdapter(ExchangedFactor.Both);
        int[] none = new int[B * T];
        Array.Fill(none, -1);

        model.Forward(Tokens, B, T);
        double loss = model.Loss(none, 1);
        model.Backward();

        Assert.Equal(0, loss);
        Assert.All(model.Trained, parameter => Assert.Equal(-1, parameter.Gradient!.Span.IndexOfAnyExcept(0f)));
    }

    [Fact]
    public void Backward_TwoThreads_GivesTheBitsOfOne()
    {
        // Large enough that the matrix products are split.
        const int Sequences = 8;
        const int Length = 48;
        using TinyBase tiny = new();
        using DecoderModel one = tiny.Load(Sequences * Length, Length, threads: 1);
        using DecoderModel two = tiny.Load(Sequences * Length, Length, threads: 2);
        int[] tokens = [.. Enumerable.Range(0, Sequences * Length).Select(i => i * 31 % tiny.Config.Vocabulary)];
        int[] targets = [.. tokens.Select(token => (token + 5) % tiny.Config.Vocabulary)];
        double Gradients(DecoderModel model)
        {
            model.TrainAll();
            model.TrainAdapter(ExchangedFactor.Both);
            model.ZeroGradients();
            model.Forward(tokens, Sequences, Length);
            double loss = model.Loss(targets, 0.01f);
            model.Backward();
            return loss;
        }

        double expected = Gradients(one);
        double found = Gradients(two);

        Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(found));
        Assert.All(one.Trained.Zip(two.Trained), pair => Assert.True(pair.First.Gradient!.Span.SequenceEqual(pair.Second.Gradient!.Span), pair.First.Name));
    }

    [Fact]
    public void Backward_WideModelOnTwoThreads_GivesTheBitsOfOne()
    {
        // Wide enough that both threads work on the rows of a norm, often enough that a sum in the order of arrival shows.
        const int Sequences = 32;
        const int Length = 64;
        const int Times = 3;
        using TinyBase tiny = new();
        ModelConfig wide = tiny.Config with { Hidden = 2048, Intermediate = 32, Layers = 1, HeadWidth = 16 };
        using DecoderModel one = DecoderModel.Random(wide, 1, Sequences * Length, Length, threads: 1);
        using DecoderModel two = DecoderModel.Random(wide, 1, Sequences * Length, Length, threads: 2);
        int[] tokens = [.. Enumerable.Range(0, Sequences * Length).Select(i => i * 31 % wide.Vocabulary)];
        int[] targets = [.. tokens.Select(token => (token + 5) % wide.Vocabulary)];
        double Gradients(DecoderModel model)
        {
            model.TrainAll();
            model.ZeroGradients();
            model.Forward(tokens, Sequences, Length);
            double loss = model.Loss(targets, 0.01f);
            model.Backward();
            return loss;
        }

        double expected = Gradients(one);

        for (int i = 0; i < Times; i++)
        {
            Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(Gradients(two)));
            Assert.All(one.Trained.Zip(two.Trained), pair => Assert.True(pair.First.Gradient!.Span.SequenceEqual(pair.Second.Gradient!.Span), pair.First.Name));
        }
    }

    private static double Loss(DecoderModel model)
    {
        model.Forward(Tokens, B, T);
        return model.Loss(Targets, 1);
    }

    // The directional derivative along a fixed pseudo-random direction sees every element of the tensor at once.
    private static double Difference(Func<double> loss, Parameter parameter)
    {
        float[] start = parameter.Value.Span.ToArray();
        double[] direction = Direction(start.Length);
        double At(double step)
        {
            for (int i = 0; i < start.Length; i++)
            {
                parameter.Value.Span[i] = (float)(start[i] + (step * direction[i]));
            }

            return loss();
        }

        // Central differences with Richardson's extrapolation.
        const double H = 4e-3;
        double coarse = (At(2 * H) - At(-2 * H)) / (4 * H);
        double fine = (At(H) - At(-H)) / (2 * H);
        start.CopyTo(parameter.Value.Span);
        return ((4 * fine) - coarse) / 3;
    }

    private static double Slope(Parameter parameter)
    {
        double[] direction = Direction(parameter.Value.Span.Length);
        double sum = 0;
        for (int i = 0; i < direction.Length; i++)
        {
            sum += direction[i] * parameter.Gradient!.Span[i];
        }

        return sum;
    }

    private static double[] Direction(int count)
    {
        Random random = new(11);
        double[] direction = [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() - 0.5)];
        double length = Math.Sqrt(direction.Sum(value => value * value));
        return [.. direction.Select(value => value / length)];
    }

    private static double Distance(Parameter a, Parameter b)
    {
        double worst = 0;
        for (int i = 0; i < a.Gradient!.Span.Length; i++)
        {
            worst = Math.Max(worst, Math.Abs(a.Gradient.Span[i] - b.Gradient!.Span[i]));
        }

        return worst;
    }
}
