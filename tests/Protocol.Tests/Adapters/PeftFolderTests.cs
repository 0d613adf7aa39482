// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Tests.Plans;
using Xunit;

namespace FedCloud.Protocol.Tests.Adapters;

public sealed class PeftFolderTests : IDisposable
{
    private static readonly TensorEntry[] Base =
    [
        TensorEntry.Of("model.layers.0.self_attn.q_proj.weight", TensorType.F32, 16, 16), TensorEntry.Of("model.layers.0.self_attn.v_proj.weight", TensorType.F32, 12, 16),
        TensorEntry.Of("model.layers.1.self_attn.q_proj.weight", TensorType.F32, 16, 16), TensorEntry.Of("model.layers.1.self_attn.v_proj.weight", TensorType.F32, 12, 16),
    ];

    private static readonly RunConfig Plan = PlanReaderTests.Config("lora.target_modules: q_proj,v_proj", "lora.scaling: rslora", "lora.rank_pattern: q_proj=4,model.layers.1.self_attn.q_proj=2", "lora.alpha_pattern.v_proj: 3", "aggregation.server_optimizer.name: adam");

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    private string Output => Path.Combine(_folder, "adapter");

    [Fact]
    public void Write_PatternsAndRslora_OpensAsTheSameAdapter()
    {
        using SafetensorsFile version = Version();

        PeftFolder.Write(Output, version, Plan);

        PeftAdapter adapter = PeftAdapter.Open(Output, Base);
        AdapterLayout layout = AdapterLayout.Of(Base, Plan.Lora.TargetModules, Plan.Lora.Form());
        Assert.Equal(layout.Tensors.Select(tensor => (tensor.Tensor.Name, string.Join(' ', tensor.Tensor.Shape))).Order(), adapter.Layout.Tensors.Select(tensor => (tensor.Tensor.Name, string.Join(' ', tensor.Tensor.Shape))).Order());
        Assert.Equal([4, 2], adapter.Layout.Modules.Where(module => module.Module.EndsWith("q_proj", StringComparison.Ordinal)).Select(module => adapter.Layout.RankOf(module.Module)));
        Assert.All(layout.Modules, module => Assert.Equal(layout.ScalingOf(module.Module), adapter.Layout.ScalingOf(module.Module)));
        Assert.True(adapter.NamesDigest);
        Assert.Equal(["adapter_config.json", "adapter_model.safetensors"], Directory.GetFiles(Output).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        Assert.Equal([Output], Directory.GetDirectories(_folder));
        using SafetensorsFile file = SafetensorsFile.Open(adapter.WeightsPath, SafetensorsLimits.Foreign);
        Assert.Equal("pt", file.Header.Metadata["format"]);
        Assert.DoesNotContain(file.Header.Tensors, tensor => tensor.Name.StartsWith("server.", StringComparison.Ordinal));
    }

    [Fact]
    public void Write_EarlierExport_IsReplaced()
    {
        using SafetensorsFile version = Version();
        Directory.CreateDirectory(Output);
        File.WriteAllText(Path.Combine(Output, "adapter_config.json"), "{}");

        PeftFolder.Write(Output, version, Plan);

        Assert.Equal(4, PeftAdapter.Open(Output, Base).Layout.Modules.Length);
    }

    [Theory]
    [InlineData("adapter")]
    [InlineData("adapter.part")]
    public void Write_FolderWithOtherFiles_IsRefusedAndLeftAlone(string name)
    {
        using SafetensorsFile version = Version();
        string mine = Path.Combine(_folder, name, "mine.txt");
        Directory.CreateDirectory(Path.Combine(_folder, name));
        File.WriteAllText(mine, "mine");

        FedCloudException error = Assert.Throws<FedCloudException>(() => PeftFolder.Write(Output, version, Plan));

        Assert.Equal("folder_not_empty", error.Code.Name);
        Assert.Contains("mine.txt", error.Message, StringComparison.Ordinal);
        Assert.True(File.Exists(mine));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private SafetensorsFile Version()
    {
        string path = Path.Combine(_folder, "version.safetensors");
        ModelVersionFile.WriteInitial(path, Plan, AdapterLayout.Of(Base, Plan.Lora.TargetModules, Plan.Lora.Form()));
        return SafetensorsFile.Open(path, SafetensorsLimits.Foreign);
    }
}
