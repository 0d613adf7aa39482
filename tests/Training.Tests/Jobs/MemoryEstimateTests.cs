// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Reflection;
using FedCloud.Training.Decoders;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;
using FedCloud.Training.Tests.Decoders;

namespace FedCloud.Training.Tests.Jobs;

public sealed class MemoryEstimateTests
{
    // Llama 3.2 1B: 1,235,814,400 weights, so 4.9 GB in float32 before any activation.
    private static readonly ModelConfig Llama1B = new()
    {
        Vocabulary = 128_256,
        Hidden = 2048,
        Intermediate = 8192,
        Layers = 16,
        Heads = 32,
        KeyValueHeads = 8,
        HeadWidth = 64,
        Positions = 131_072,
        NormEpsilon = 1e-5f,
        Rope = new RotaryPositions(500_000),
        TiedHead = true,
    };

    [Fact]
    public void Bytes_NoTokens_AreTheWeights()
    {
        Assert.Equal(4L * 1_235_814_400, Bytes(Llama1B, rank: 0, rows: 0, length: 0));
    }

    [Fact]
    public void Bytes_Adapter_CountsFiveTimesItsParameters()
    {
        // PEFT reports 5,636,096 trainable parameters for rank 8 on all seven linear modules of this model.
        Assert.Equal(4L * 5 * 5_636_096, Bytes(Llama1B, 8, 0, 0) - Bytes(Llama1B, 0, 0, 0));
    }

    [Fact]
    public void Bytes_PrivateSteps_CountTheGradientOfEachExampleAndTheSums()
    {
        // 16 examples, a person's sum in float32, the sum in 64-bit integers.
        Assert.Equal(((4L * 17) + 8) * 5_636_096, Bytes(Llama1B, 8, 0, 0, examples: 16) - Bytes(Llama1B, 8, 0, 0));
    }

    [Fact]
    public void Bytes_LongerSequences_DoNotGrowWithTheSquare()
    {
        long base0 = Bytes(Llama1B, 0, 0, 0);
        long half = Bytes(Llama1B, 0, 1024, 1024) - base0;
        long whole = Bytes(Llama1B, 0, 2048, 2048) - base0;

        Assert.InRange((double)whole / half, 1.8, 2);
    }

    public static TheoryData<string> Families => [.. FamilyBase.All];

    [Theory]
    [MemberData(nameof(Families))]
    public void Bytes_AnyFamily_AreWhatTheModelHolds(string name)
    {
        const int Rows = 3 * 40;
        using FamilyBase family = new(name);
        ModelConfig config = family.Config with { Hidden = 96, Intermediate = 200, HeadWidth = 24 };
        using DecoderModel model = DecoderModel.Random(config, seed: 1, Rows, 40, threads: 1);

        double measured = Held(model, []);

        Assert.InRange(Bytes(config, 0, Rows, 40) / measured, 0.97, 1.001); // a few numbers for each row are not counted
        Assert.Equal(4 * model.BaseParameters().Sum(parameter => (long)parameter.Value.Span.Length), Bytes(config, 0, 0, 0));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Bytes_AdapterOfAnyFamily_CountFiveTimesItsParameters(string name)
    {
        using FamilyBase family = new(name);
        using DecoderModel model = family.Load(4, 4);

        long expected = 4L * 5 * model.Trained.Sum(parameter => parameter.Value.Span.Length);

        Assert.Equal(expected, Bytes(family.Config, FamilyBase.Rank, 0, 0) - Bytes(family.Config, 0, 0, 0));
    }

    [Theory]
    [InlineData("qwen2-tied", WeightStorage.BF16)]
    [InlineData("qwen2-tied", WeightStorage.Int8)]
    [InlineData("llama2", WeightStorage.Int8)]
    [InlineData("gemma2", WeightStorage.Int8)]
    [InlineData("gpt2", WeightStorage.BF16)]
    [InlineData("gpt2", WeightStorage.Int8)]
    public void Bytes_CompactWeights_AreWhatTheModelHolds(string name, WeightStorage storage)
    {
        using FamilyBase family = new(name);
        using DecoderModel model = family.Load(4, 4, storage: storage);

        long expected = model.BaseParameters().Sum(parameter => Held(parameter, []));

        Assert.Equal(expected, Bytes(family.Config, 0, 0, 0, storage: storage));
    }

    [Fact]
    public void Of_Parts_AreNamedAndSumToTheTotal()
    {
        MemoryEstimate estimate = MemoryEstimate.Of(Llama1B, new MemoryDemand(8, 1024, 256, Examples: 4, Threads: 2, WeightStorage.Int8, TokenizerFileBytes: 1000));
        Dictionary<string, long> parts = estimate.Parts.ToDictionary(part => part.Name, part => part.Bytes, StringComparer.Ordinal);

        Assert.Equal(["weights", "adapter", "activations", "scratch", "logits", "private_step", "tokenizer", "runtime"], estimate.Parts.Select(part => part.Name), StringComparer.Ordinal);
        Assert.Equal(parts.Values.Sum(), estimate.TotalBytes);
        Assert.Equal((estimate.TotalBytes + 1048575) / 1048576, estimate.TotalMib);
        Assert.Equal(4L * 192 * (128_256 + (2 * 2048)), parts["logits"]); // of a block of rows
        Assert.Equal(9000, parts["tokenizer"]);
        Assert.InRange(parts["weights"], 1_235_814_400, 1_235_814_400 * 101L / 100); // a byte each, and scales
    }

    // All parts but the runtime.
    private static long Bytes(ModelConfig config, long rank, long rows, long length, long examples = 0, WeightStorage storage = WeightStorage.F32) =>
        MemoryEstimate.Of(config, new MemoryDemand(rank, rows, length, examples, Storage: storage)).Parts.Where(part => !string.Equals(part.Name, "runtime", StringComparison.Ordinal)).Sum(part => part.Bytes);

    // The bytes of all matrices that an object leads to.
    private static long Held(object? part, HashSet<object> seen)
    {
        if (part is null or string || !seen.Add(part))
        {
            return 0;
        }

        if (part is Matrix matrix)
        {
            return 4L * matrix.Rows * matrix.Columns;
        }

        if (part is CompactMatrix compact)
        {
            return ((long)compact.Rows * compact.Columns * (compact.Storage == WeightStorage.BF16 ? 2 : 1)) + (4L * compact.Scales.Length);
        }

        return part is System.Collections.IEnumerable many
            ? many.Cast<object?>().Sum(one => Held(one, seen))
            : Fields(part.GetType()).Sum(field => Held(field.GetValue(part), seen));
    }

    private static IEnumerable<FieldInfo> Fields(Type type) => type.Namespace?.StartsWith("FedCloud.Training", StringComparison.Ordinal) ?? false
        ? type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic | BindingFlags.Public).Where(field => !field.FieldType.IsPointer && !field.FieldType.IsValueType)
        : type.IsGenericType && type.Name.StartsWith("KeyValuePair", StringComparison.Ordinal) ? type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic) : [];
}
