// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>Weights in one file and in several: what is read, what is refused, and what is not copied.</summary>
public sealed class BaseWeightsTests : IDisposable
{
    private const string First = "model-00001-of-00003.safetensors";
    private const string Index = "model.safetensors.index.json";

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    public BaseWeightsTests()
    {
        foreach (string file in Directory.GetFiles(Path.Combine(PyTorchVectors.Families.Folder, "bases", "llama31-shards")))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)));
        }
    }

    [Fact]
    public void Open_Shards_HoldWhatTheOneFileHolds()
    {
        using BaseWeights shards = BaseWeights.Open(_folder);
        using BaseWeights one = BaseWeights.Open(Path.Combine(PyTorchVectors.Families.Folder, "bases", "llama31"));

        Assert.Equal(one.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal), shards.Tensors.Select(tensor => tensor.Name).Order(StringComparer.Ordinal));
        Assert.Equal(Logits(one), Logits(shards));
    }

    [Fact]
    public void Open_ShardMissing_IsRefusedByName()
    {
        File.Delete(Path.Combine(_folder, First));

        AssertRefused("weight_shard_missing", First);
    }

    [Fact]
    public void Open_NoWeights_IsRefused()
    {
        File.Delete(Path.Combine(_folder, Index));

        AssertRefused("base_model_missing", Index);
    }

    [Fact]
    public void Open_ShardLacksATensor_IsRefusedByName()
    {
        ChangeIndex(map => map["model.extra.weight"] = First);

        AssertRefused("weight_index_malformed", "model.extra.weight");
    }

    [Fact]
    public void Open_TensorInAnotherShard_IsRefusedByName()
    {
        ChangeIndex(map => map["lm_head.weight"] = map["lm_head.weight"]!.GetValue<string>() == First ? "model-00002-of-00003.safetensors" : First);

        AssertRefused("weight_index_malformed", "lm_head.weight");
    }

    [Fact]
    public void Open_TensorThatTheIndexLacks_IsRefusedByName()
    {
        ChangeIndex(map => map.Remove("lm_head.weight"));

        AssertRefused("weight_index_malformed", "lm_head.weight");
    }

    [Fact]
    public void Open_TensorInTwoShards_IsRefused()
    {
        // The whole of another shard once more.
        File.Copy(Path.Combine(_folder, First), Path.Combine(_folder, "model-00002-of-00003.safetensors"), overwrite: true);

        AssertRefused("weight_index_malformed", "model-00002-of-00003.safetensors");
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("{\"weight_map\":{}}")]
    [InlineData("{\"weight_map\":{\"a\":7}}")]
    [InlineData("{\"weight_map\":{\"a\":\"../model-00001-of-00003.safetensors\"}}")]
    [InlineData("{\"weight_map\":{\"a\":\"model.bin\"}}")]
    [InlineData("{\"weight_map\":{\"a\":\"model-00001-of-00003.safetensors\\n\"}}")]
    [InlineData("{\"weight_map\":{\"a\":\"model-00001-of-00003.safetensors\",\"a\":\"model-00001-of-00003.safetensors\"}}")]
    [InlineData("{\"weight_map\":{\"a\":\"model-00001-of-00003.safetensors\"},\"more\":1}")]
    public void Open_NoIndex_IsRefused(string text)
    {
        File.WriteAllText(Path.Combine(_folder, Index), text);

        AssertRefused("weight_index_malformed", Index);
    }

    [Fact]
    public void Open_TensorOfAnotherType_IsRefusedByName()
    {
        byte[] bytes = File.ReadAllBytes(Path.Combine(_folder, First));
        int at = Encoding.Latin1.GetString(bytes).IndexOf("BF16", StringComparison.Ordinal);
        bytes[at] = (byte)'X';
        File.WriteAllBytes(Path.Combine(_folder, First), bytes);

        AssertRefused("tensor_type_mismatch", First);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Load_TiedHeadStoredTwice_IsAcceptedOnlyIfEqual(bool equal)
    {
        string folder = Path.Combine(PyTorchVectors.Families.Folder, "bases", "qwen3-tied");
        foreach (string file in Directory.GetFiles(folder))
        {
            File.Copy(file, Path.Combine(_folder, Path.GetFileName(file)), overwrite: true);
        }

        string path = Path.Combine(_folder, "model.safetensors");
        using (SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.BaseModel))
        {
            TensorEntry head = file.Header.ByName["lm_head.weight"];
            byte[] bytes = File.ReadAllBytes(path);
            bytes[file.Header.DataStart + head.Offset + head.ByteLength - 1] ^= equal ? (byte)0 : (byte)1;
            File.WriteAllBytes(path, bytes);
        }

        using BaseWeights weights = BaseWeights.Open(_folder);
        if (equal)
        {
            Assert.NotEmpty(Logits(weights));
            return;
        }

        FedCloudException error = Assert.Throws<FedCloudException>(() => Logits(weights));
        Assert.Equal("tied_weights_differ", error.Code.Name);
        Assert.Contains("lm_head.weight", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Load_WeightsOfFourBytes_LieInTheFileAndChangeOnlyHere()
    {
        using FamilyBase family = new("gpt2");
        string path = Path.Combine(family.Folder, "model.safetensors");
        byte[] before = File.ReadAllBytes(path);
        bool wasMapped;
        using (DecoderModel model = family.Load(4, 4))
        {
            wasMapped = IsMapped(path);
            foreach (Parameter parameter in model.BaseParameters())
            {
                parameter.Value.Span.Fill(0.5f);
            }
        }

        using DecoderModel again = family.Load(4, 4);

        Assert.True(wasMapped);
        Assert.Equal(before, File.ReadAllBytes(path));
        Assert.All(again.BaseParameters(), parameter => Assert.NotEqual(0.5f, parameter.Value.Span[0]));
    }

    [Fact]
    public void Dispose_Model_LetsTheFileGo()
    {
        using FamilyBase family = new("gemma3");
        string path = Path.Combine(family.Folder, "model.safetensors");

        family.Load(4, 4).Dispose();

        Assert.False(IsMapped(path));
    }

    [Fact]
    public void Matrix_BehindTheEndOfItsMemory_IsRefused()
    {
        string path = Path.Combine(_folder, "numbers");
        File.WriteAllBytes(path, new byte[64]);
        using MappedFile file = new(path);

        Assert.Throws<ArgumentOutOfRangeException>(() => file.Matrix(1, 1, 1L << 40));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    // Only Linux says which files are mapped.
    private static bool IsMapped(string path) => File.ReadAllText("/proc/self/maps").Contains(path, StringComparison.Ordinal);

    private float[] Logits(BaseWeights weights)
    {
        string folder = weights.Tensors.Any(tensor => tensor.Name.Contains("q_norm", StringComparison.Ordinal)) ? "qwen3-tied" : "llama31";
        using DecoderModel model = DecoderModel.Load(ModelConfig.Read(Path.Combine(PyTorchVectors.Families.Folder, "bases", folder, "config.json")), weights, null, 4, 4, 1);
        model.Forward([1, 2, 3, 4], 1, 4);
        return model.Logits(3).ToArray();
    }

    private void ChangeIndex(Action<JsonObject> change)
    {
        JsonObject index = JsonNode.Parse(File.ReadAllText(Path.Combine(_folder, Index)))!.AsObject();
        change(index["weight_map"]!.AsObject());
        File.WriteAllText(Path.Combine(_folder, Index), index.ToJsonString());
    }

    private void AssertRefused(string code, string name)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => BaseWeights.Open(_folder));

        Assert.Equal(code, error.Code.Name);
        Assert.Contains(name, error.Message, StringComparison.Ordinal);
    }
}
