// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator.Runs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Simulation.Tests.Whole;
using Xunit;

namespace FedCloud.Coordinator.Tests.Runs;

/// <summary>Layouts from the stored headers of base models, in one file and in several.</summary>
public sealed class BaseModelShapesTests : IAsyncLifetime
{
    private static readonly string[] Names = ["model.layers.0.self_attn.q_proj.weight", "model.layers.0.self_attn.v_proj.weight"];

    private readonly string _folder = Directory.CreateTempSubdirectory("shapes").FullName;
    private readonly MemoryBlobStore _store = new(TimeProvider.System);

    public BaseModelShapesTests()
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), "{}");
        File.WriteAllText(Path.Combine(_folder, "tokenizer.json"), "{}");
        for (int i = 0; i < Names.Length; i++)
        {
            Write(Shard(i), 24, Names[i]);
        }

        File.WriteAllText(Path.Combine(_folder, SafetensorsIndex.FileName), $"{{\"weight_map\":{{\"{Names[0]}\":\"{Shard(0)}\",\"{Names[1]}\":\"{Shard(1)}\"}}}}");
    }

    [Fact]
    public async Task LayoutAsync_Shards_GivesTheLayoutOfTheFolder()
    {
        RunConfig config = await StoreAsync(BaseModelManifest.OfFolder(_folder));

        AdapterLayout layout = await new BaseModelShapes(_store).LayoutAsync(config, default);

        Assert.Equal(AdapterLayout.Of(config, _folder).Tensors.Select(tensor => tensor.Tensor.Name), layout.Tensors.Select(tensor => tensor.Tensor.Name));
        Assert.Equal(2, layout.Modules.Length);
        Assert.All(layout.Modules, module => Assert.Equal(24, module.Out));
    }

    // A file that no digest covers must not decide on shapes.
    [Fact]
    public async Task LayoutAsync_FileThatTheManifestDoesNotName_IsNotRead()
    {
        RunConfig config = await StoreAsync(BaseModelManifest.OfFolder(_folder));
        Write("model.safetensors", 48, Names);
        await new ModelShelf(_store, config.Federation).PutBaseFileAsync(config.BaseModel, "model.safetensors", Path.Combine(_folder, "model.safetensors"), default);

        AdapterLayout layout = await new BaseModelShapes(_store).LayoutAsync(config, default);

        Assert.All(layout.Modules, module => Assert.Equal(24, module.Out));
    }

    [Fact]
    public async Task LayoutAsync_NothingStored_IsRefused()
    {
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => new BaseModelShapes(_store).LayoutAsync(Config(BaseModelManifest.OfFolder(_folder)), default));

        Assert.Equal("base_model_missing", error.Code.Name);
    }

    [Theory]
    [InlineData("{\"max_position_embeddings\":128}", null)]
    [InlineData("{\"max_position_embeddings\":127}", "expected a sequence_length of at most 127, the base model's positions, found 128")]
    [InlineData("{\"model_type\":\"gpt2\",\"n_positions\":64}", "expected a sequence_length of at most 64")]
    [InlineData("{\"max_position_embeddings\":null}", null)]
    [InlineData("[127]", null)]
    [InlineData("not JSON", null)]
    public async Task RequirePositionsAsync_PlanWithLongerSequences_IsRefused(string configuration, string? expected)
    {
        File.WriteAllText(Path.Combine(_folder, "config.json"), configuration);
        RunConfig config = await StoreAsync(BaseModelManifest.OfFolder(_folder));

        Task require = new BaseModelShapes(_store).RequirePositionsAsync(config, default);

        FedCloudException? error = (FedCloudException?)await Record.ExceptionAsync(() => require);
        Assert.Equal(expected is null ? null : "sequence_too_long", error?.Code.Name);
        Assert.Contains(expected ?? string.Empty, error?.Message ?? string.Empty, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("manifest.json")]
    [InlineData("model-1.safetensors")]
    public async Task PutBaseFileAsync_AnotherName_IsRefused(string name)
    {
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() =>
            new ModelShelf(_store, new FederationId("test-federation")).PutBaseFileAsync(BaseModelManifest.OfFolder(_folder).Digest(), name, Path.Combine(_folder, "config.json"), default));

        Assert.Equal("base_model_missing", error.Code.Name);
    }

    public Task InitializeAsync() => _store.EnsureContainerAsync(StorageNames.Models, default);

    public Task DisposeAsync()
    {
        Directory.Delete(_folder, recursive: true);
        return Task.CompletedTask;
    }

    private static string Shard(int i) => $"model-0000{i + 1}-of-00002.safetensors";

    private static RunConfig Config(BaseModelManifest manifest)
    {
        Dictionary<string, string> filledIn = new(StringComparer.Ordinal) { ["job"] = "run-1", ["federation"] = "test-federation", ["base_model"] = manifest.Digest().Hex };
        PlanEntry Field(string name, string value) => new(0, name, new PlanScalar(0, value, Quoted: false));
        PlanMapping plan = new(0,
        [
            new PlanEntry(0, "aggregation", new PlanMapping(0, [Field("mode", "plain")])),
            new PlanEntry(0, "participation", new PlanMapping(0, [Field("quorum", "2"), Field("min_silos", "2")])),
        ]);
        RunConfig config = PlanReader.Require(PlanReader.Read(plan, filledIn));
        return config with { Lora = config.Lora with { TargetModules = ["q_proj", "v_proj"] } };
    }

    private void Write(string file, int rows, params string[] names) => SafetensorsWriter.WriteFile(
        Path.Combine(_folder, file),
        [.. names.Select(name => TensorEntry.Of(name, TensorType.F32, rows, 32))],
        metadata: null,
        (entry, stream) => stream.Write(new byte[entry.ByteLength]));

    private async Task<RunConfig> StoreAsync(BaseModelManifest manifest)
    {
        RunConfig config = Config(manifest);
        ModelShelf shelf = new(_store, config.Federation);
        foreach (BaseModelFile file in manifest.Files)
        {
            await shelf.PutBaseFileAsync(config.BaseModel, file.Name, Path.Combine(_folder, file.Name), default);
        }

        await shelf.PutBaseManifestAsync(config.BaseModel, manifest.ToJcs(), _folder, default);
        return config;
    }
}
