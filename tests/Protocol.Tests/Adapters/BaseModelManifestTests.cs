// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using Xunit;

namespace FedCloud.Protocol.Tests.Adapters;

public sealed class BaseModelManifestTests : IDisposable
{
    private const string First = "model-00001-of-00002.safetensors";
    private const string Second = "model-00002-of-00002.safetensors";
    private const string Index = "model.safetensors.index.json";

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    public BaseModelManifestTests()
    {
        foreach (string name in (string[])["config.json", "tokenizer.json"])
        {
            File.WriteAllText(Path.Combine(_folder, name), name);
        }
    }

    [Fact]
    public void OfFolder_OneFile_HasTheBytesThatItAlwaysHad()
    {
        File.WriteAllText(Path.Combine(_folder, "model.safetensors"), "weights");

        string json = Encoding.UTF8.GetString(BaseModelManifest.OfFolder(_folder).ToJcs());

        Assert.Equal(
            "{\"files\":[" + string.Join(',', new[] { ("config.json", "config.json"), ("model.safetensors", "weights"), ("tokenizer.json", "tokenizer.json") }.Select(file =>
                $"{{\"length\":{file.Item2.Length},\"name\":\"{file.Item1}\",\"sha256\":\"{Sha256Digest.Of(Encoding.UTF8.GetBytes(file.Item2)).Hex}\"}}")) + "]}",
            json);
    }

    [Fact]
    public void OfFolder_Shards_NamesThemAndTheirIndexSorted()
    {
        WriteShards();

        BaseModelManifest manifest = BaseModelManifest.OfFolder(_folder);

        Assert.Equal(["config.json", First, Second, Index, "tokenizer.json"], manifest.Files.Select(file => file.Name));
        Assert.Equal([First, Second], manifest.WeightFiles.AsEnumerable());
        Assert.Equal(manifest.Digest(), BaseModelManifest.Parse(manifest.ToJcs()).Digest());
        manifest.RequireFolder(_folder);
        Assert.Equal(["a.weight", "b.weight"], BaseModelTensors.OfFolder(_folder).Tensors.Select(tensor => tensor.Name));
    }

    [Fact]
    public void RequireFolder_OneFileBesideTheShards_IsRefused()
    {
        WriteShards();
        BaseModelManifest manifest = BaseModelManifest.OfFolder(_folder);
        File.WriteAllText(Path.Combine(_folder, "model.safetensors"), "weights");

        FedCloudException error = Assert.Throws<FedCloudException>(() => manifest.RequireFolder(_folder));

        Assert.Equal("base_model_corrupt", error.Code.Name);
    }

    [Theory]
    [InlineData("config.json", "tokenizer.json")]
    [InlineData("config.json", First, "tokenizer.json")]
    [InlineData("config.json", Index, "tokenizer.json")]
    [InlineData("config.json", First, First, Index, "tokenizer.json")]
    [InlineData("config.json", Second, First, Index, "tokenizer.json")]
    [InlineData("config.json", First, "model.safetensors", Index, "tokenizer.json")]
    [InlineData("config.json", First, Index, "model-2.safetensors", "tokenizer.json")]
    [InlineData("config.json", "model.safetensors", "tokenizer.json", "vocab.json")]
    public void Parse_AnotherList_IsRefused(params string[] names)
    {
        BaseModelManifest manifest = new() { Files = [.. names.Select(name => new BaseModelFile(name, 1, Sha256Digest.Of("x"u8)))] };

        FedCloudException error = Assert.Throws<FedCloudException>(() => BaseModelManifest.Parse(manifest.ToJcs()));

        Assert.Equal("base_model_missing", error.Code.Name);
    }

    [Theory]
    [InlineData("model-00001-of-00002.safetensors", true)]
    [InlineData("model.safetensors.index.json", true)]
    [InlineData("manifest.json", false)]
    [InlineData("../config.json", false)]
    [InlineData("model-00001-of-00002.safetensors/x", false)]
    [InlineData("model-00001-of-00002.safetensors\n", false)]
    public void IsFileName_AnyName_TakesOnlyThoseOfABaseModel(string name, bool expected) => Assert.Equal(expected, BaseModelManifest.IsFileName(name));

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private void WriteShards()
    {
        foreach ((string file, string tensor) in new[] { (First, "a.weight"), (Second, "b.weight") })
        {
            ImmutableArray<TensorEntry> tensors = [TensorEntry.Of(tensor, TensorType.F32, 1)];
            SafetensorsWriter.WriteFile(Path.Combine(_folder, file), tensors, null, (_, stream) => stream.Write(new byte[4]));
        }

        File.WriteAllText(Path.Combine(_folder, Index), $"{{\"metadata\":{{\"total_size\":8}},\"weight_map\":{{\"a.weight\":\"{First}\",\"b.weight\":\"{Second}\"}}}}");
    }
}
