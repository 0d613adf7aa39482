// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Models;

namespace FedCloud.Training.Tests.Models;

/// <summary>What PyTorch makes of small models, from vectors/; its README says how that is made again.</summary>
internal static class PyTorchVectors
{
    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    };

    public static string Folder { get; } = Path.Combine(Repository.Root, "tests", "Training.Tests", "Llama", "vectors");

    public static IReadOnlyDictionary<string, PyTorchCase> Cases { get; } =
        JsonSerializer.Deserialize<Dictionary<string, PyTorchCase>>(File.ReadAllBytes(Path.Combine(Folder, "cases.json")), Json)!;

    /// <summary>The tensors of a case: its adapter's factors, and what is expected.</summary>
    public static SafetensorsFile Open(string name) => SafetensorsFile.Open(Path.Combine(Folder, "cases", name + ".safetensors"), SafetensorsLimits.Foreign);

    /// <summary>The model as a case begins: base and adapter loaded, its weights set to train.</summary>
    public static DecoderModel Load(string name)
    {
        PyTorchCase one = Cases[name];
        string folder = Path.Combine(Folder, "bases", one.Base);
        int length = one.Steps.SelectMany(step => step).SelectMany(batch => batch).Max(example => example.Tokens.Length) - 1;
        int rows = length * one.Steps.SelectMany(step => step).Max(batch => batch.Length);
        using SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"), SafetensorsLimits.BaseModel);
        AdapterLayout? layout = one.Adapter is { } lora ? new(LinearShape.Select(weights.Header.Tensors, lora.TargetModules, lora.Rank), lora.Rank) : null;
        float scaling = one.Adapter is { } scaled ? (float)(scaled.Alpha / scaled.Rank) : 0;
        DecoderModel model = DecoderModel.Load(ModelConfig.Read(Path.Combine(folder, "config.json")), weights, layout, scaling, rows, length, threads: 1);
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
