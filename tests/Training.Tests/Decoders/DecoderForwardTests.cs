// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

public sealed class DecoderForwardTests
{
    private static readonly int[] First = [7, 250, 31, 31, 4, 299, 18, 100, 2];
    private static readonly int[] Second = [1, 2, 3, 200, 5, 6, 60, 61, 62];

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public void Forward_SmallModel_AgreesWithTheFormulas(bool tied, bool adapted)
    {
        using TinyBase tiny = new(tied);
        using DecoderModel model = tiny.Load(2 * First.Length, First.Length, withAdapter: adapted);
        Dictionary<string, float[]> weights = tiny.Weights.Where(entry => adapted || !entry.Key.Contains("lora", StringComparison.Ordinal)).ToDictionary();
        SlowLlama slow = new(tiny.Config, weights, TinyBase.Alpha / TinyBase.Rank);

        model.Forward([.. First, .. Second], 2, First.Length);

        double[][] expected = [.. slow.Logits(First), .. slow.Logits(Second)];
        double worst = expected.Select((row, i) => row.Zip(model.Logits(i).ToArray(), (e, f) => Math.Abs(e - f)).Max()).Max();
        Assert.True(worst < 2e-4, $"logits differ by {worst}");
    }

    // Attention works in blocks of 48 queries.
    [Theory]
    [InlineData(48)]
    [InlineData(49)]
    [InlineData(101)]
    public void Forward_LongSequence_AgreesWithTheFormulas(int length)
    {
        using TinyBase tiny = new();
        using DecoderModel model = tiny.Load(length, length);
        SlowLlama slow = new(tiny.Config, tiny.Weights, TinyBase.Alpha / TinyBase.Rank);
        int[] tokens = [.. Enumerable.Range(0, length).Select(i => i * 31 % tiny.Config.Vocabulary)];

        model.Forward(tokens, 1, length);

        double worst = slow.Logits(tokens).Select((row, i) => row.Zip(model.Logits(i).ToArray(), (e, f) => Math.Abs(e - f)).Max()).Max();
        Assert.True(worst < 2e-4, $"logits differ by {worst}");
    }

    [Theory]
    [InlineData(16)]
    [InlineData(64)]
    [InlineData(4096)]
    public void Forward_StretchedPositions_AgreesWithTheFormulas(double original)
    {
        using TinyBase tiny = new();
        ModelConfig config = tiny.Config with { Rope = new RotaryPositions(500, new RotaryStretch(8, 1, 4, original)) };
        using BaseWeights file = BaseWeights.Open(tiny.Folder);
        using DecoderModel model = DecoderModel.Load(config, file, adapter: null, First.Length, First.Length, threads: 1);
        SlowLlama slow = new(config, tiny.Weights.Where(entry => !entry.Key.Contains("lora", StringComparison.Ordinal)).ToDictionary(), 0);

        model.Forward(First, 1, First.Length);

        double worst = slow.Logits(First).Select((row, i) => row.Zip(model.Logits(i).ToArray(), (e, f) => Math.Abs(e - f)).Max()).Max();
        Assert.True(worst < 2e-4, $"logits differ by {worst}");
    }

    [Theory]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.BF16)]
    public void Load_HalfPrecisionOnDisk_GivesTheSameLogits(TensorType type)
    {
        using TinyBase full = new();
        using TinyBase half = new(type: type);
        using DecoderModel expected = full.Load(First.Length, First.Length);
        using DecoderModel found = half.Load(First.Length, First.Length);

        expected.Forward(First, 1, First.Length);
        found.Forward(First, 1, First.Length);

        Assert.Equal(expected.Logits(3).ToArray(), found.Logits(3).ToArray());
    }

    [Fact]
    public void Forward_LaterTokenChanged_LeavesEarlierLogits()
    {
        using TinyBase tiny = new();
        using DecoderModel model = tiny.Load(First.Length, First.Length);
        model.Forward(First, 1, First.Length);
        float[] before = model.Logits(4).ToArray();
        float[] last = model.Logits(5).ToArray();

        model.Forward([.. First[..5], 11, .. First[6..]], 1, First.Length);

        Assert.Equal(before, model.Logits(4).ToArray());
        Assert.NotEqual(last, model.Logits(5).ToArray());
    }

    [Fact]
    public void Loss_UniformLogits_IsTheLogarithmOfTheVocabulary()
    {
        using TinyBase tiny = new();
        using DecoderModel model = tiny.Load(4, 4, withAdapter: false);
        model.BaseParameters().First().Value.Span.Clear(); // tied: all logits become zero

        model.Forward([1, 2, 3, 4], 1, 4);
        double loss = model.Loss([2, -1, 4, -1], 1);

        Assert.Equal(2 * Math.Log(tiny.Config.Vocabulary), loss, tolerance: 1e-5);
    }

    [Fact]
    public void Load_TensorOfAnotherShape_IsRefusedByName()
    {
        using TinyBase tiny = new();
        using BaseWeights file = BaseWeights.Open(tiny.Folder);

        var error = Assert.Throws<Protocol.Errors.FedCloudException>(() => DecoderModel.Load(tiny.Config with { Vocabulary = 301 }, file, null, 4, 4, 1));

        Assert.Equal("tensor_shape_mismatch", error.Code.Name);
        Assert.Contains("model.embed_tokens.weight", error.Message, StringComparison.Ordinal);
    }
}
