// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;
using FedCloud.Training.Optimization;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>Base models whose weights are stored as bfloat16 or in 8 bits.</summary>
public sealed unsafe class WeightStorageTests
{
    public static TheoryData<string, WeightStorage> Families
    {
        get
        {
            TheoryData<string, WeightStorage> families = [];
            foreach (string name in FamilyBase.All)
            {
                families.Add(name, WeightStorage.BF16);
                families.Add(name, WeightStorage.Int8);
            }

            return families;
        }
    }

    // Of the logits' L2 norm. Deviations are up to 0.009 (nothing where the file is BF16) and 0.075: large random weights in rows as short as 16.
    public static TheoryData<string, WeightStorage, double> Vectors
    {
        get
        {
            TheoryData<string, WeightStorage, double> vectors = [];
            foreach (string folder in Directory.GetDirectories(Path.Combine(PyTorchVectors.Families.Folder, "bases")).Order(StringComparer.Ordinal))
            {
                vectors.Add(Path.GetFileName(folder), WeightStorage.BF16, 0.012);
                vectors.Add(Path.GetFileName(folder), WeightStorage.Int8, 0.09);
            }

            return vectors;
        }
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Forward_CompactBase_IsNearTheLogitsOfFloat32(string name, WeightStorage storage, double tolerance)
    {
        float[] expected = Logits(name, WeightStorage.F32);

        float[] found = Logits(name, storage);

        double error = Math.Sqrt(expected.Zip(found, (e, f) => Math.Pow((double)e - f, 2)).Sum() / expected.Sum(e => (double)e * e));
        Assert.InRange(error, 0, tolerance);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Step_CompactBase_GivesTheBitsOfTheWidenedBase(string name, WeightStorage storage)
    {
        using FamilyBase family = new(name);
        using DecoderModel compact = family.Load(2 * 70, 70, threads: 2, storage: storage);
        using DecoderModel widened = family.Load(2 * 70, 70);
        foreach ((Parameter from, Parameter to) in compact.BaseParameters().Zip(widened.BaseParameters()))
        {
            for (int row = 0; row < to.Rows; row++)
            {
                from.Operand.WidenRow(row, to.Columns, to.Value.P + ((long)row * to.Columns));
            }
        }

        double expected = Step(widened);
        double found = Step(compact);

        Assert.Equal(BitConverter.DoubleToInt64Bits(expected), BitConverter.DoubleToInt64Bits(found));
        Assert.All(widened.Trained.Zip(compact.Trained), pair => Assert.True(pair.First.Gradient!.Span.SequenceEqual(pair.Second.Gradient!.Span), pair.First.Name));
        Assert.All(compact.Trained, parameter => Assert.True(parameter.Gradient!.Span.IndexOfAnyExcept(0) >= 0, parameter.Name));
    }

    [Theory]
    [InlineData("qwen2-tied", WeightStorage.Int8)]
    [InlineData("gpt2", WeightStorage.Int8)]
    [InlineData("gemma2", WeightStorage.BF16)]
    public void Step_CompactBase_AllocatesNothing(string name, WeightStorage storage)
    {
        using FamilyBase family = new(name);
        using DecoderModel model = family.Load(2 * 70, 70, threads: 2, storage: storage);
        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.99, 1e-8, 0, 1));

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int i = 0; i < 20; i++)
            {
                Step(model);
                optimizer.Step(0.001);
            }
        }));
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Load_CompactBase_StoresMatricesAndNothingElse(string name, WeightStorage storage)
    {
        using FamilyBase family = new(name);
        using DecoderModel model = family.Load(4, 4, storage: storage);

        Assert.All(model.BaseParameters(), parameter =>
        {
            bool isMatrix = parameter.Shape.Count == 2 && !parameter.Name.Contains("wpe", StringComparison.Ordinal);
            Assert.Equal(isMatrix ? storage : WeightStorage.F32, parameter.Storage);
        });
        Assert.All(model.Linears, linear => Assert.Equal(storage == WeightStorage.Int8 && name == "gpt2", linear.Weight.Operand.ColumnsHaveScales));
    }

    [Theory]
    [InlineData(WeightStorage.BF16)]
    [InlineData(WeightStorage.Int8)]
    public void TrainAll_CompactBase_IsRefused(WeightStorage storage)
    {
        using TinyBase tiny = new();
        using BaseWeights weights = BaseWeights.Open(tiny.Folder);
        using DecoderModel model = DecoderModel.Load(tiny.Config, weights, null, 4, 4, 1, storage);

        InvalidOperationException error = Assert.Throws<InvalidOperationException>(model.TrainAll);

        Assert.Contains("model.embed_tokens.weight", error.Message, StringComparison.Ordinal);
        Assert.Throws<InvalidOperationException>(() => model.BaseParameters().First().Value);
    }

    [Theory]
    [InlineData(TensorType.F16, WeightStorage.BF16, false)]
    [InlineData(TensorType.BF16, WeightStorage.BF16, true)]
    [InlineData(TensorType.BF16, WeightStorage.Int8, false)]
    [InlineData(TensorType.BF16, WeightStorage.F32, false)]
    public void Load_FileOfTwoBytes_LiesInTheFileOnlyAsItIs(TensorType type, WeightStorage storage, bool inPlace)
    {
        using TinyBase tiny = new(type: type);
        string path = Path.Combine(tiny.Folder, "model.safetensors");
        using DecoderModel model = Load(tiny, storage);

        Assert.Equal(inPlace, File.ReadAllText("/proc/self/maps").Contains(path, StringComparison.Ordinal)); // only Linux says it
        model.Dispose();
        Assert.DoesNotContain(path, File.ReadAllText("/proc/self/maps"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(TensorType.F32)]
    [InlineData(TensorType.F16)]
    [InlineData(TensorType.BF16)]
    public void Load_FileOfAnyType_GivesTheSameCompactWeights(TensorType type)
    {
        // The numbers of this base are exact in all three types, in bfloat16 too.
        using TinyBase tiny = new(type: type);
        using DecoderModel plain = Load(tiny, WeightStorage.F32);
        using DecoderModel half = Load(tiny, WeightStorage.BF16);
        using DecoderModel bytes = Load(tiny, WeightStorage.Int8);

        foreach ((Parameter expected, Parameter found) in plain.BaseParameters().Zip(half.BaseParameters()))
        {
            Assert.Equal(expected.Value.Span.ToArray(), Widened(found));
        }

        foreach ((Parameter expected, Parameter found) in plain.BaseParameters().Zip(bytes.BaseParameters()).Where(pair => pair.Second.Storage == WeightStorage.Int8))
        {
            foreach ((float[] row, float[] numbers) in expected.Value.Span.ToArray().Chunk(expected.Columns).Zip(Widened(found).Chunk(expected.Columns)))
            {
                float half127 = row.Max(Math.Abs) / 254 * 1.00001f;
                Assert.All(row.Zip(numbers), pair => Assert.InRange(Math.Abs(pair.First - pair.Second), 0, half127));
            }
        }
    }

    [Theory]
    [InlineData(TensorType.F32, WeightStorage.BF16, "NaN or infinity")]
    [InlineData(TensorType.F32, WeightStorage.Int8, "NaN or infinity")]
    [InlineData(TensorType.BF16, WeightStorage.BF16, "NaN or infinity")]
    [InlineData(TensorType.BF16, WeightStorage.Int8, "NaN or infinity")]
    public void Load_WeightNotFinite_IsRefusedByName(TensorType type, WeightStorage storage, string what)
    {
        using TinyBase tiny = new(type: type);
        Poison(tiny, type == TensorType.F32 ? float.NaN : BitConverter.UInt32BitsToSingle(0x7fc07f80));

        FedCloudException error = Assert.Throws<FedCloudException>(() => Load(tiny, storage));

        Assert.Equal("tensor_not_finite", error.Code.Name);
        Assert.Contains("model.layers.1.mlp.up_proj.weight holds " + what, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_WeightTooLargeForBFloat16_IsRefusedByName()
    {
        using TinyBase tiny = new();
        Poison(tiny, float.MaxValue);

        FedCloudException error = Assert.Throws<FedCloudException>(() => Load(tiny, WeightStorage.BF16));

        Assert.Equal("tensor_not_finite", error.Code.Name);
        Assert.Contains("up_proj.weight holds a number too large for bf16", error.Message, StringComparison.Ordinal);
    }

    private static DecoderModel Load(TinyBase tiny, WeightStorage storage)
    {
        using BaseWeights weights = BaseWeights.Open(tiny.Folder);
        return DecoderModel.Load(tiny.Config, weights, null, 4, 4, 1, storage);
    }

    private static void Poison(TinyBase tiny, float value)
    {
        string path = Path.Combine(tiny.Folder, "model.safetensors");
        byte[] bytes = File.ReadAllBytes(path);
        using (SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.BaseModel))
        {
            TensorEntry tensor = file.Header.ByName["model.layers.1.mlp.up_proj.weight"];
            MemoryMarshal.Write(bytes.AsSpan((int)(file.Header.DataStart + tensor.Offset + (tensor.ByteLength / 8 * 4))), value);
        }

        File.WriteAllBytes(path, bytes);
    }

    private static float[] Widened(Parameter parameter)
    {
        using Matrix widened = new(parameter.Rows, parameter.Columns);
        for (int row = 0; row < parameter.Rows; row++)
        {
            parameter.Operand.WidenRow(row, parameter.Columns, widened.P + ((long)row * parameter.Columns));
        }

        return widened.Span.ToArray();
    }

    private static float[] Logits(string name, WeightStorage storage)
    {
        string folder = Path.Combine(PyTorchVectors.Families.Folder, "bases", name);
        using BaseWeights weights = BaseWeights.Open(folder);
        string config = Path.Combine(folder, "config.json");
        using DecoderModel model = DecoderModel.Load(ModelConfig.Read(config), weights, null, 12, 12, 1, storage);
        model.Forward([.. Enumerable.Range(0, 12).Select(i => i * 7 % 23)], 1, 12);
        return [.. Enumerable.Range(0, 12).SelectMany(row => model.Logits(row).ToArray())];
    }

    private static double Step(DecoderModel model)
    {
        model.ZeroGradients();
        model.Forward(Tokens(0), 2, 70);
        double loss = model.Loss(Tokens(5), 0.01f);
        model.Backward();
        return loss;
    }

    private static ReadOnlySpan<int> Tokens(int shift) => shift == 0 ? Inputs : Targets;

    private static readonly int[] Inputs = [.. Enumerable.Range(0, 140).Select(i => ((i * 31) + (i * i % 7)) % FamilyBase.Vocabulary)];

    private static readonly int[] Targets = [.. Inputs.Select(token => (token + 5) % FamilyBase.Vocabulary)];
}
