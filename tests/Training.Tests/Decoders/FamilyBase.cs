// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>A base model of any family in a temporary folder, with the configuration of a model that PyTorch knows but a vocabulary and positions for real text: random weights, large enough to matter.</summary>
internal sealed class FamilyBase : IDisposable
{
    public const int Vocabulary = 300;

    public const int Rank = 2;

    /// <summary>One model of every family, and more where they differ.</summary>
    public static readonly string[] All = ["llama2", "mistral-window", "qwen2-tied", "qwen3-untied", "gemma2", "gemma3", "gpt2"];

    public FamilyBase(string name, params (string Field, JsonNode Value)[] changes)
    {
        Folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;
        JsonObject config = JsonNode.Parse(File.ReadAllText(Path.Combine(PyTorchVectors.Families.Folder, "bases", name, "config.json")))!.AsObject();
        config["vocab_size"] = Vocabulary;
        config[config.ContainsKey("n_positions") ? "n_positions" : "max_position_embeddings"] = 512;
        foreach ((string field, JsonNode value) in changes)
        {
            config[field] = value;
        }

        File.WriteAllText(Path.Combine(Folder, "config.json"), config.ToJsonString());
        Config = ModelConfig.Read(Path.Combine(Folder, "config.json"));
        Modules = Write();
    }

    public string Folder { get; }

    public ModelConfig Config { get; }

    /// <summary>The last parts of the names of all linear modules, sorted.</summary>
    public IReadOnlyList<string> Modules { get; }

    public DecoderModel Load(int rows, int length, int threads = 1, ExchangedFactor exchanged = ExchangedFactor.Both, WeightStorage storage = WeightStorage.F32, LoraForm? form = null)
    {
        using BaseWeights weights = BaseWeights.Open(Folder);
        AdapterLayout layout = AdapterLayout.Of(weights.Tensors, Modules, form ?? new LoraForm(Rank, 1.5 * Rank));
        DecoderModel model = DecoderModel.Load(Config, weights, layout, rows, length, threads, storage);
        Random random = new(7);
        foreach (Parameter factor in model.Linears.SelectMany(linear => new[] { linear.Adapter!.A, linear.Adapter.B }))
        {
            foreach (ref float value in factor.Value.Span)
            {
                value = (float)((random.NextDouble() - 0.5) * 0.6);
            }
        }

        model.TrainAdapter(exchanged);
        return model;
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private string[] Write()
    {
        using DecoderModel model = DecoderModel.Random(Config, seed: 1, 8, 8, threads: 1);
        Dictionary<string, Parameter> parameters = model.BaseParameters().ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        Random random = new(3);
        SafetensorsWriter.WriteFile(
            Path.Combine(Folder, "model.safetensors"),
            [.. parameters.Values.Select(parameter => TensorEntry.Of(parameter.Name, TensorType.F32, [.. parameter.Shape]))],
            null,
            (entry, stream) =>
            {
                foreach (ref float value in parameters[entry.Name].Value.Span)
                {
                    value = (value * (entry.Shape.Length == 1 ? 1 : 12)) + (float)((random.NextDouble() - 0.5) * 0.4);
                }

                stream.Write(MemoryMarshal.AsBytes(parameters[entry.Name].Value.Span));
            });
        return [.. model.Linears.Select(linear => linear.Module.Split('.')[^1]).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }
}
