// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Benchmarks;

/// <summary>The model of the training benchmark, a Llama of 10 million parameters with LoRA on every linear layer, and a batch of 2,048 tokens in sequences of one length, as files.</summary>
internal static class TrainingModel
{
    /// <summary>The length of sequences where nothing else is said.</summary>
    public const int Length = 256;

    public const int Rows = 2048;
    public const int Rank = 8;
    public const float Scaling = 2;

    public static ModelConfig Config { get; } = new()
    {
        Vocabulary = 512,
        Hidden = 384,
        Intermediate = 1024,
        Layers = 6,
        Heads = 6,
        KeyValueHeads = 2,
        HeadWidth = 64,
        Positions = Rows,
        NormEpsilon = 1e-5f,
        Rope = new RotaryPositions(10_000),
        TiedHead = true,
    };

    public static readonly ImmutableArray<string> Targets = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"];

    /// <summary>Writes model.safetensors, adapter.safetensors and tokens.bin, int32 of (sequences, length + 1).</summary>
    public static void Write(string folder, int length = Length)
    {
        using DecoderModel model = DecoderModel.Random(Config, seed: 1, maxRows: 1, maxLength: 1, threads: 1);
        Dictionary<string, Parameter> parameters = model.BaseParameters().ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        SafetensorsWriter.WriteFile(Path.Combine(folder, "model.safetensors"), [.. parameters.Values.Select(Entry)], null, (entry, stream) =>
            stream.Write(MemoryMarshal.AsBytes(parameters[entry.Name].Value.Span)));
        Random random = new(2);
        SafetensorsWriter.WriteFile(Path.Combine(folder, "adapter.safetensors"), [.. Layout(folder).Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
            stream.Write(MemoryMarshal.AsBytes(Enumerable.Range(0, (int)entry.Count).Select(_ => (float)((random.NextDouble() - 0.5) * 0.1)).ToArray().AsSpan())));
        int[] tokens = [.. Enumerable.Range(0, Sequences(length) * (length + 1)).Select(_ => random.Next(Config.Vocabulary))];
        File.WriteAllBytes(Path.Combine(folder, "tokens.bin"), MemoryMarshal.AsBytes(tokens.AsSpan()));
    }

    /// <summary>Loads what <see cref="Write"/> wrote.</summary>
    public static DecoderModel Load(string folder, int threads, int length = Length)
    {
        using BaseWeights weights = BaseWeights.Open(folder);
        using SafetensorsFile adapter = SafetensorsFile.Open(Path.Combine(folder, "adapter.safetensors"), SafetensorsLimits.Foreign);
        AdapterLayout layout = Layout(folder);
        DecoderModel model = DecoderModel.Load(Config, weights, layout, Rows, length, threads);
        model.LoadAdapter(adapter, layout);
        return model;
    }

    /// <summary>How many sequences a batch has.</summary>
    public static int Sequences(int length = Length) => Rows / length;

    /// <summary>Inputs and the tokens that follow them, (sequences, length) each.</summary>
    public static (int[] Tokens, int[] Targets) Batch(string folder, int length = Length)
    {
        int[][] sequences = [.. MemoryMarshal.Cast<byte, int>(File.ReadAllBytes(Path.Combine(folder, "tokens.bin"))).ToArray().Chunk(length + 1)];
        return ([.. sequences.SelectMany(sequence => sequence[..length])], [.. sequences.SelectMany(sequence => sequence[1..])]);
    }

    private static AdapterLayout Layout(string folder)
    {
        using SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"), SafetensorsLimits.BaseModel);
        return AdapterLayout.Of(weights.Header.Tensors, Targets, new LoraForm(Rank, Scaling * Rank));
    }

    private static TensorEntry Entry(Parameter parameter) => parameter.Name.EndsWith("norm.weight", StringComparison.Ordinal)
        ? TensorEntry.Of(parameter.Name, TensorType.F32, parameter.Value.Columns)
        : TensorEntry.Of(parameter.Name, TensorType.F32, parameter.Value.Rows, parameter.Value.Columns);
}
