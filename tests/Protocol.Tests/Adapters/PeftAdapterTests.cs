// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using Xunit;

namespace FedCloud.Protocol.Tests.Adapters;

public sealed class PeftAdapterTests : IDisposable
{
    private static readonly TensorEntry[] Base =
    [
        TensorEntry.Of("model.embed_tokens.weight", TensorType.F32, 20, 8),
        TensorEntry.Of("model.layers.0.self_attn.q_proj.weight", TensorType.F32, 6, 8),
        TensorEntry.Of("model.layers.0.mlp.up_proj.weight", TensorType.F32, 10, 8),
        TensorEntry.Of("lm_head.weight", TensorType.F32, 20, 8),
    ];

    private static readonly TensorEntry[] Gpt2 = [TensorEntry.Of("h.0.attn.c_attn.weight", TensorType.F32, 8, 24), TensorEntry.Of("wte.weight", TensorType.F32, 20, 8)];

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    private string ConfigFile => Path.Combine(_folder, "adapter_config.json");

    private string WeightsFile => Path.Combine(_folder, "adapter_model.safetensors");

    [Theory]
    [InlineData("[\"q_proj\", \"up_proj\"]", "self_attn.q_proj", "mlp.up_proj")]
    [InlineData("[\"up_proj\", \"query_key_value\"]", "mlp.up_proj")] // a name that the base model lacks is skipped, as PEFT does
    [InlineData("\"all-linear\"", "self_attn.q_proj", "mlp.up_proj")]
    [InlineData("\".*q_proj\"", "self_attn.q_proj")]
    public void Open_TargetModules_AreThoseOfTheBaseModel(string targets, params string[] modules)
    {
        Write(targets, Tensors(modules));

        Assert.Equal(modules.Select(module => "model.layers.0." + module), PeftAdapter.Open(_folder, Base).Layout.Modules.Select(module => module.Module));
    }

    [Fact]
    public void Open_MagnitudesAndHalves_AreTaken()
    {
        Write("[\"q_proj\"]", [.. Tensors(["self_attn.q_proj"], TensorType.BF16), TensorEntry.Of("base_model.model.model.layers.0.self_attn.q_proj.lora_magnitude_vector", TensorType.F16, 6)], ("use_dora", true));

        PeftAdapter adapter = PeftAdapter.Open(_folder, Base);

        Assert.Equal([Factor.A, Factor.B, Factor.Magnitude], adapter.Layout.Tensors.Select(tensor => tensor.Factor));
    }

    [Fact]
    public void Open_TensorMissing_IsRefusedByName()
    {
        Write("[\"q_proj\"]", [.. Tensors(["self_attn.q_proj"]).Take(1)]);

        Refused("tensor_missing", "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight");
    }

    [Fact]
    public void Open_MagnitudesMissing_IsRefusedByName()
    {
        Write("[\"q_proj\"]", Tensors(["self_attn.q_proj"]), ("use_dora", true));

        Refused("tensor_missing", "lora_magnitude_vector");
    }

    [Fact]
    public void Open_TensorOfAnotherModule_IsRefusedByName()
    {
        Write("[\"q_proj\"]", Tensors(["self_attn.q_proj", "mlp.up_proj"]));

        Refused("adapter_unsupported", "up_proj.lora_A");
    }

    [Fact]
    public void Open_OtherType_IsRefusedByName()
    {
        Write("[\"q_proj\"]", Tensors(["self_attn.q_proj"], TensorType.I32));

        Refused("tensor_type_mismatch", "q_proj.lora_A");
    }

    [Fact]
    public void Open_OtherRank_IsRefusedByName()
    {
        Write("[\"q_proj\"]", Tensors(["self_attn.q_proj"]), ("r", 3));

        Refused("tensor_shape_mismatch", "q_proj.lora_A");
    }

    [Theory]
    [InlineData("[\"q_proj\", \"lm_head\"]", "lm_head")]
    [InlineData("\"(lm_head|.*up_proj)\"", "lm_head")]
    [InlineData("[\"embed_tokens\"]", "embed_tokens")]
    public void Open_HeadOrEmbedding_IsRefusedByName(string targets, string name)
    {
        Write(targets, Tensors(["self_attn.q_proj"]));

        Refused("adapter_unsupported", name);
    }

    [Fact]
    public void Open_ModulesThatTheBaseLacks_IsRefused()
    {
        Write("[\"c_attn\"]", Tensors(["self_attn.q_proj"]));

        Refused("target_module_unmatched", "target_modules");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Open_FanInFanOutAgainstTheModules_IsRefused(bool gpt2)
    {
        Write(gpt2 ? "[\"c_attn\"]" : "[\"q_proj\"]", Tensors(["self_attn.q_proj"]), ("fan_in_fan_out", !gpt2));

        FedCloudException error = Assert.Throws<FedCloudException>(() => PeftAdapter.Open(_folder, gpt2 ? Gpt2 : Base));

        Assert.Equal("adapter_unsupported", error.Code.Name);
        Assert.Contains("fan_in_fan_out", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Open_PickleAlone_IsRefusedWithANextStep()
    {
        Write("[\"q_proj\"]", Tensors(["self_attn.q_proj"]));
        File.Move(WeightsFile, Path.Combine(_folder, "adapter_model.bin"));

        FedCloudException error = Refused("file_not_tensors", "adapter_model.bin");

        Assert.Contains("safe_serialization=True", error.NextStep, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("adapter_config.json")]
    [InlineData("adapter_model.safetensors")]
    public void Open_FileMissing_IsRefusedByName(string name)
    {
        Write("[\"q_proj\"]", Tensors(["self_attn.q_proj"]));
        File.Delete(Path.Combine(_folder, name));

        Refused("file_missing", name);
    }

    [Fact]
    public void RequireBase_OtherDigest_IsRefused()
    {
        string model = Path.Combine(_folder, "base");
        Directory.CreateDirectory(model);
        File.WriteAllText(Path.Combine(model, "config.json"), "{}");
        File.WriteAllText(Path.Combine(model, "tokenizer.json"), "{}");
        SafetensorsWriter.WriteFile(Path.Combine(model, "model.safetensors"), [TensorEntry.Of("t", TensorType.U8, 1)], null, (_, stream) => stream.WriteByte(1));
        string digest = BaseModelManifest.OfFolder(model).Digest().Hex;

        Open(digest).RequireBase(model);
        Open("org/model").RequireBase(model);
        FedCloudException error = Assert.Throws<FedCloudException>(() => Open(new string('a', 64)).RequireBase(model));

        Assert.Equal("adapter_base_mismatch", error.Code.Name);
        Assert.True(Open(digest).NamesDigest);
        Assert.False(Open("org/model").NamesDigest);

        PeftAdapter Open(string name)
        {
            Write("[\"q_proj\"]", Tensors(["self_attn.q_proj"]), ("base_model_name_or_path", name));
            return PeftAdapter.Open(_folder, Base);
        }
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private FedCloudException Refused(string code, string named)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => PeftAdapter.Open(_folder, Base));
        Assert.Equal(code, error.Code.Name);
        Assert.Contains(named, error.Message, StringComparison.Ordinal);
        return error;
    }

    // Rank 2 on modules of the only layer.
    private static TensorEntry[] Tensors(string[] modules, TensorType type = TensorType.F32) =>
        [.. modules.SelectMany(module => new[]
        {
            TensorEntry.Of($"base_model.model.model.layers.0.{module}.lora_A.weight", type, 2, 8),
            TensorEntry.Of($"base_model.model.model.layers.0.{module}.lora_B.weight", type, module.EndsWith("q_proj", StringComparison.Ordinal) ? 6 : 10, 2),
        })];

    private void Write(string targets, TensorEntry[] tensors, params (string Field, JsonNode Value)[] more)
    {
        JsonObject json = new() { ["peft_type"] = "LORA", ["r"] = 2, ["lora_alpha"] = 4, ["target_modules"] = JsonNode.Parse(targets) };
        foreach ((string field, JsonNode value) in more)
        {
            json[field] = value;
        }

        File.WriteAllText(ConfigFile, json.ToJsonString());
        SafetensorsWriter.WriteFile(WeightsFile, tensors, null, (entry, stream) => stream.Write(new byte[entry.ByteLength]));
    }
}
