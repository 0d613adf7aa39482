// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>What PyTorch makes of small models; the README beside the files says how they are made again.</summary>
internal sealed class PyTorchVectors
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        Converters = { new ExampleJson() },
    };

    private PyTorchVectors(string folder)
    {
        Folder = Path.Combine(Repository.Root, "tests", "Training.Tests", folder, "vectors");
        Cases = JsonSerializer.Deserialize<Dictionary<string, PyTorchCase>>(File.ReadAllBytes(Path.Combine(Folder, "cases.json")), Json)!;
    }

    /// <summary>Llama in all its forms, and AdamW.</summary>
    public static PyTorchVectors Llama { get; } = new("Llama");

    /// <summary>Small models of every family.</summary>
    public static PyTorchVectors Families { get; } = new("Decoders");

    public string Folder { get; }

    public IReadOnlyDictionary<string, PyTorchCase> Cases { get; }

    /// <summary>The tensors of a case: its adapter's factors, and what is expected.</summary>
    public SafetensorsFile Open(string name) => SafetensorsFile.Open(Path.Combine(Folder, "cases", name + ".safetensors"), SafetensorsLimits.Foreign);

    /// <summary>The folder of a case's base model.</summary>
    public string Base(string name) => Path.Combine(Folder, "bases", Cases[name].Base);

    /// <summary>The model as a case begins: base and adapter loaded, its weights set to train.</summary>
    public DecoderModel Load(string name, int threads = 1)
    {
        PyTorchCase one = Cases[name];
        int length = one.Steps.SelectMany(step => step).SelectMany(batch => batch).Max(example => example.Tokens.Length) - 1;
        int rows = length * one.Steps.SelectMany(step => step).Max(batch => batch.Length);
        using BaseWeights weights = BaseWeights.Open(Base(name));
        AdapterLayout? layout = one.Adapter is { } lora ? new(LinearShape.Select(weights.Tensors, lora.TargetModules, lora.Form), lora.Form) : null;
        DecoderModel model = DecoderModel.Load(ModelConfig.Read(Path.Combine(Base(name), "config.json")), weights, layout, rows, length, threads);
        if (one.TrainsBase)
        {
            model.TrainAll();
        }

        if (layout is not null)
        {
            using SafetensorsFile factors = Open(name);
            model.LoadAdapter(factors, layout);
            model.TrainAdapter(Enum.Parse<ExchangedFactor>(one.Adapter!.Exchanged, ignoreCase: true));
        }

        return model;
    }
}
