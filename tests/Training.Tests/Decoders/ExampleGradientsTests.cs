// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Privacy;
using FedCloud.Training.Tests.Privacy;

namespace FedCloud.Training.Tests.Decoders;

public sealed unsafe class ExampleGradientsTests : IDisposable
{
    private readonly TinyBase _tiny = new(tied: false);

    [Theory]
    [InlineData(ExchangedFactor.A)]
    [InlineData(ExchangedFactor.B)]
    [InlineData(ExchangedFactor.Both)]
    public void Backward_ExamplesApart_AreTheGradientsOfEachByItself(ExchangedFactor exchanged)
    {
        using PrivateTask task = new() { Exchanged = exchanged, BatchSize = 7 };
        double[][] expected = task.OneByOne();
        using DecoderModel model = task.Model();
        using ExampleGradients gradients = new(model, task.BatchSize);

        ExamplePass.Run(model, [.. task.Examples]);

        for (int i = 0; i < expected.Length; i++)
        {
            double[] found = [.. ExamplePass.Row(gradients, i).Select(value => (double)value)];
            double norm = Math.Sqrt(expected[i].Sum(value => value * value));
            double distance = Math.Sqrt(expected[i].Zip(found, (a, b) => (a - b) * (a - b)).Sum());
            Assert.True(distance <= 1e-6 * norm, $"example {i}: {distance} of {norm}");
            Assert.Equal(i == 6, norm == 0); // the last has nothing that counts
        }

        Assert.All(model.Trained, parameter => Assert.Equal(-1, parameter.Gradient!.Span.IndexOfAnyExcept(0f)));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(8)] // more than there are key and value heads in the batch, by so much that attention's backward pass is parted
    public void Backward_ExamplesApart_HaveTheirBitsInAnyBatch(int threads)
    {
        // Around the blocks of 48 queries and of 384 deep, and long enough together that products are split among threads.
        const int Longest = 421;
        int[] lengths = [2, 3, 17, 48, 49, 50, 97, 130, 385, 386, 421];
        using DecoderModel alone = Load(Longest, 1, 1);
        using ExampleGradients apart = new(alone, 1);
        using DecoderModel model = Load(Longest, 5, threads);
        using ExampleGradients gradients = new(model, 5);
        foreach (int length in lengths)
        {
            Example example = PrivateTask.Make(length, length, 1);
            ExamplePass.Run(alone, [example]);
            float[] expected = ExamplePass.Row(apart, 0);
            Assert.Contains(expected, value => value != 0);
            foreach (int longest in (int[])[Math.Max(2, length - 1), Math.Min(Longest, length + 1), Longest])
            {
                foreach (int place in (int[])[0, 3])
                {
                    Example[] batch = [.. Enumerable.Range(0, 4).Select(i => PrivateTask.Make(1000 + i, i == 0 ? longest : 2 + (i * longest / 5), 1))];

                    ExamplePass.Run(model, [.. batch[..place], example, .. batch[place..]]);

                    Assert.True(expected.AsSpan().SequenceEqual(ExamplePass.Row(gradients, place)), $"length {length} beside {longest} at {place}");
                }
            }
        }
    }

    [Theory]
    [InlineData(0)] // the token that padding is filled with
    [InlineData(295)]
    public void Backward_AnotherExampleOrPaddingIsNotFinite_KeepsTheBits(int poisoned)
    {
        using DecoderModel model = Load(24, 3, 1);
        using ExampleGradients gradients = new(model, 3);
        Example example = PrivateTask.Make(1, 9, 2);
        Example other = PrivateTask.Make(2, 24, 2);
        ExamplePass.Run(model, [example, other]);
        (float[] expected, float[] finite) = (ExamplePass.Row(gradients, 0), ExamplePass.Row(gradients, 1));

        model.BaseParameters().First().Value.Span.Slice(poisoned * 20, 20).Fill(float.NaN);
        Example broken = poisoned == 0 ? other : new Example([.. other.Tokens[..7], poisoned, .. other.Tokens[8..]], 2);
        ExamplePass.Run(model, [example, broken]);

        Assert.Equal(expected, ExamplePass.Row(gradients, 0));
        Assert.Equal(poisoned != 0, ExamplePass.Row(gradients, 1).Any(float.IsNaN));
        Assert.Contains(finite, value => value != 0);
        Assert.DoesNotContain(finite, float.IsNaN);
    }

    [Fact]
    public void Dispose_TheNextPass_AddsUpAgain()
    {
        using DecoderModel model = Load(24, 3, 1);
        new ExampleGradients(model, 3).Dispose();

        ExamplePass.Run(model, [PrivateTask.Make(1, 9, 2)]);

        Assert.Contains(model.Trained, parameter => parameter.Gradient!.Span.IndexOfAnyExcept(0f) >= 0);
    }

    [Fact]
    public void Construct_BaseTrainsToo_IsRefused()
    {
        using DecoderModel model = Load(24, 3, 1);
        model.TrainAll();

        Assert.Throws<InvalidOperationException>(() => new ExampleGradients(model, 3));
    }

    public void Dispose() => _tiny.Dispose();

    private DecoderModel Load(int length, int sequences, int threads)
    {
        DecoderModel model = _tiny.Load(length * sequences, length, threads);
        model.TrainAdapter(ExchangedFactor.Both);
        return model;
    }
}
