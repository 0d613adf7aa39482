// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Merging;
using FedCloud.Training.Tests.Decoders;

namespace FedCloud.Training.Tests.Merging;

/// <summary>Merged models against base and adapter, on the adapters of PyTorch's cases.</summary>
public sealed class AdapterMergeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    public static TheoryData<string> Adapters => [.. PyTorchVectors.Families.Cases.Where(one => one.Value is { Adapter: not null, TrainsBase: false }).Select(one => one.Key)];

    private string Adapter => Path.Combine(_folder, "adapter");

    private string Output => Path.Combine(_folder, "merged");

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Run_Case_HasTheLogitsOfBaseAndAdapter(string name)
    {
        WriteAdapter(name);
        using DecoderModel expected = PyTorchVectors.Families.Load(name);

        MergeOutcome outcome = AdapterMerge.Run(new MergeRequest(PyTorchVectors.Families.Base(name), Adapter, Output, TensorType.F32));

        PyTorchStep.RequireClose("logits", Logits(expected, name), Logits(Output, name), 1e-5);
        Assert.Equal(expected.Linears.Count(linear => linear.Adapter is not null), outcome.Modules);
        Assert.Equal((false, "base"), (outcome.BaseIsChecked, outcome.BaseModelName));
    }

    [Fact]
    public void Run_Shards_KeepsFilesNamesTypesAndOrder()
    {
        const string Name = "llama31-dora";
        WriteAdapter(Name);
        string shards = Path.Combine(PyTorchVectors.Families.Folder, "bases", "llama31-shards");
        using DecoderModel expected = PyTorchVectors.Families.Load(Name);

        AdapterMerge.Run(new MergeRequest(shards, Adapter, Output + "32", TensorType.F32));
        AdapterMerge.Run(new MergeRequest(shards, Adapter, Output, null));

        PyTorchStep.RequireClose("logits", Logits(expected, Name), Logits(Output + "32", Name), 1e-5);
        foreach (string file in Directory.GetFiles(shards, "*.safetensors").Select(path => Path.GetFileName(path)))
        {
            using SafetensorsFile before = SafetensorsFile.Open(Path.Combine(shards, file), SafetensorsLimits.BaseModel);
            using SafetensorsFile after = SafetensorsFile.Open(Path.Combine(Output, file), SafetensorsLimits.BaseModel);
            Assert.Equal(before.Header.Tensors.Select(tensor => (tensor.Name, tensor.Type)), after.Header.Tensors.Select(tensor => (tensor.Name, tensor.Type)));
            Assert.Equal(before.Header.Metadata, after.Header.Metadata);
        }

        Assert.Equal(File.ReadAllText(Path.Combine(shards, "config.json")), File.ReadAllText(Path.Combine(Output, "config.json")));
        Assert.False(File.Exists(Path.Combine(Output, "model.safetensors")));
    }

    [Theory]
    [InlineData("llama2-lora", null, TensorType.F16)]
    [InlineData("llama32-lora", null, TensorType.BF16)]
    [InlineData("llama32-lora", TensorType.F16, TensorType.F16)]
    [InlineData("llama2-lora", TensorType.BF16, TensorType.BF16)]
    public void Run_TwoBytes_RoundsOnceToTheNearest(string name, TensorType? asked, TensorType expected)
    {
        WriteAdapter(name);
        AdapterMerge.Run(new MergeRequest(PyTorchVectors.Families.Base(name), Adapter, Output + "32", TensorType.F32));

        AdapterMerge.Run(new MergeRequest(PyTorchVectors.Families.Base(name), Adapter, Output, asked));

        using SafetensorsFile exact = SafetensorsFile.Open(Path.Combine(Output + "32", "model.safetensors"), SafetensorsLimits.BaseModel);
        using SafetensorsFile found = SafetensorsFile.Open(Path.Combine(Output, "model.safetensors"), SafetensorsLimits.BaseModel);
        foreach (TensorEntry tensor in found.Header.Tensors.Where(tensor => tensor.Type != TensorType.I64 && tensor.Name.Contains("proj", StringComparison.Ordinal)))
        {
            Assert.Equal(expected, tensor.Type);
            (float[] values, float[] rounded) = (PyTorchStep.Read(exact, tensor.Name), PyTorchStep.Read(found, tensor.Name));
            float half = expected == TensorType.F16 ? 1f / 2048 : 1f / 256; // half a unit in the last place, of the value
            Assert.All(values.Zip(rounded), pair => Assert.True(Math.Abs(pair.First - pair.Second) <= (half * Math.Abs(pair.First)) + 3e-8f, $"{tensor.Name}: {pair}"));
        }

        JsonNode config = JsonNode.Parse(File.ReadAllText(Path.Combine(Output, "config.json")))!;
        Assert.Equal(expected == TensorType.F16 ? "float16" : "bfloat16", (string?)(config["dtype"] ?? config["torch_dtype"]));
    }

    [Fact]
    public void Run_CompanionFiles_AreCopied()
    {
        const string Name = "qwen2-tied-lora";
        WriteAdapter(Name);
        string model = Path.Combine(_folder, "base");
        Directory.CreateDirectory(model);
        foreach (string path in Directory.GetFiles(PyTorchVectors.Families.Base(Name)))
        {
            File.Copy(path, Path.Combine(model, Path.GetFileName(path)));
        }

        string[] companions = ["tokenizer.json", "tokenizer_config.json", "chat_template.jinja", "generation_config.json"];
        foreach (string file in companions)
        {
            File.WriteAllText(Path.Combine(model, file), "{\"file\": \"" + file + "\"}");
        }

        File.WriteAllText(Path.Combine(model, "optimizer.pt"), "not copied");

        AdapterMerge.Run(new MergeRequest(model, Adapter, Output, null));

        Assert.All(companions, file => Assert.Equal(File.ReadAllBytes(Path.Combine(model, file)), File.ReadAllBytes(Path.Combine(Output, file))));
        Assert.Equal(["chat_template.jinja", "config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"], Directory.GetFiles(Output).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
    }

    [Theory]
    [InlineData("merged")]
    [InlineData("merged.part")]
    public void Run_FolderIsThere_IsRefusedAndLeftAlone(string name)
    {
        WriteAdapter("llama31-rslora");
        Directory.CreateDirectory(Path.Combine(_folder, name));
        File.WriteAllText(Path.Combine(_folder, name, "mine.txt"), "mine");

        Assert.Equal("folder_not_empty", Refused("llama31-rslora").Code.Name);
        Assert.Equal("mine", File.ReadAllText(Path.Combine(_folder, name, "mine.txt")));
    }

    [Fact]
    public void Run_AdapterHoldsNaN_LeavesNothing()
    {
        WriteAdapter("llama31-rslora", poison: true);

        Assert.Equal("tensor_not_finite", Refused("llama31-rslora").Code.Name);
        Assert.Equal([Adapter], Directory.GetFileSystemEntries(_folder));
    }

    [Fact]
    public void Run_ValueTooLargeForTheType_IsRefusedAndLeavesNothing()
    {
        const string Name = "llama31-rslora";
        WriteAdapter(Name, scale: 1e30f);

        FedCloudException error = Assert.Throws<FedCloudException>(() => AdapterMerge.Run(new MergeRequest(PyTorchVectors.Families.Base(Name), Adapter, Output, TensorType.F16)));

        Assert.Equal("tensor_not_finite", error.Code.Name);
        Assert.Contains("F16", error.Message, StringComparison.Ordinal);
        Assert.Equal([Adapter], Directory.GetFileSystemEntries(_folder));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static float[] Logits(string folder, string name)
    {
        Example[] examples = [.. PyTorchVectors.Families.Cases[name].Steps[0].SelectMany(batch => batch)];
        int length = examples.Max(example => example.Tokens.Length) - 1;
        using BaseWeights weights = BaseWeights.Open(folder);
        using DecoderModel model = DecoderModel.Load(ModelConfig.Read(Path.Combine(folder, "config.json")), weights, null, length * examples.Length, length, 1);
        return Logits(model, name);
    }

    private static float[] Logits(DecoderModel model, string name)
    {
        List<float> logits = [];
        PyTorchStep.Take(model, PyTorchVectors.Families.Cases[name].Steps[0], logits);
        return [.. logits];
    }

    private FedCloudException Refused(string name) =>
        Assert.Throws<FedCloudException>(() => AdapterMerge.Run(new MergeRequest(PyTorchVectors.Families.Base(name), Adapter, Output, null)));

    // The case's factors as PEFT would save them.
    private void WriteAdapter(string name, bool poison = false, float scale = 1)
    {
        Directory.CreateDirectory(Adapter);
        PyTorchAdapter lora = PyTorchVectors.Families.Cases[name].Adapter!;
        AdapterLayout layout = new(LinearShape.Select(BaseModelTensors.OfFolder(PyTorchVectors.Families.Base(name)).Tensors, lora.TargetModules, lora.Form), lora.Form);
        File.WriteAllBytes(Path.Combine(Adapter, "adapter_config.json"), PeftConfig.Of("base", layout, lora.TargetModules).ToJson());
        using SafetensorsFile factors = PyTorchVectors.Families.Open(name);
        SafetensorsWriter.WriteFile(Path.Combine(Adapter, "adapter_model.safetensors"), [.. layout.Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
        {
            float[] values = [.. PyTorchStep.Read(factors, entry.Name).Select(value => value * scale)];
            if (poison)
            {
                values[^1] = float.NaN;
            }

            stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        });
    }
}
