// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using System.Text.Json;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests;

/// <summary>A base model of a few thousand random weights in a temporary folder: odd sizes, grouped heads, weights large enough to matter.</summary>
internal sealed class TinyBase : IDisposable
{
    public const int Rank = 3;

    public const double Alpha = 6;

    public static readonly ImmutableArray<string> AllModules = ["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"];

    private readonly Dictionary<string, float[]> _weights = new(StringComparer.Ordinal);

    public TinyBase(bool tied = true, TensorType type = TensorType.F32, int vocabulary = 300)
    {
        Folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;
        Config = new ModelConfig
        {
            Vocabulary = vocabulary,
            Hidden = 20,
            Intermediate = 27,
            Layers = 2,
            Heads = 4,
            KeyValueHeads = 2,
            HeadWidth = 6,
            Positions = 64,
            NormEpsilon = 1e-5f,
            Rope = new RotaryPositions(10_000),
            TiedHead = tied,
        };
        WriteConfig();
        BpeTrainer.Train(string.Concat(Enumerable.Repeat("the cat sat on the mat and the dog sat on the log. ", 3)), Math.Min(vocabulary, 280), Path.Combine(Folder, "tokenizer.json"));
        WriteWeights(type);
        WriteAdapter(AdapterFile, bIsZero: false);
    }

    public string Folder { get; }

    public ModelConfig Config { get; }

    public string AdapterFile => Path.Combine(Folder, "version.safetensors");

    public IReadOnlyDictionary<string, float[]> Weights => _weights;

    public AdapterLayout Layout(params string[] modules)
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(Folder, "model.safetensors"), SafetensorsLimits.BaseModel);
        return AdapterLayout.Of(file.Header.Tensors, modules.Length == 0 ? AllModules : modules, new LoraForm(Rank, Alpha));
    }

    public DecoderModel Load(int rows, int length, int threads = 1, bool withAdapter = true)
    {
        using BaseWeights file = BaseWeights.Open(Folder);
        if (!withAdapter)
        {
            return DecoderModel.Load(Config, file, null, rows, length, threads);
        }

        AdapterLayout layout = Layout();
        DecoderModel model = DecoderModel.Load(Config, file, layout, rows, length, threads);
        using SafetensorsFile version = SafetensorsFile.Open(AdapterFile, SafetensorsLimits.Foreign);
        model.LoadAdapter(version, layout);
        return model;
    }

    public void WriteAdapter(string path, bool bIsZero)
    {
        Random random = new(5);
        SafetensorsWriter.WriteFile(path, [.. Layout().Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
        {
            float[] values = Values(random, (int)entry.Count, bIsZero && entry.Name.Contains("lora_B", StringComparison.Ordinal) ? 0 : 0.4);
            _weights[entry.Name] = values;
            stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        });
    }

    public void AddToAdapter(IReadOnlyDictionary<string, float[]> update) => WriteVersion(name => [.. _weights[name].Zip(update[name], (value, change) => value + change)], state: []);

    public void AddServerState() => WriteVersion(name => _weights[name], state: ["server.m.", "server.v."]);

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    private void WriteVersion(Func<string, float[]> values, string[] state)
    {
        TensorEntry[] adapter = [.. Layout().Tensors.Select(tensor => tensor.Tensor)];
        TensorEntry[] extra = [.. state.SelectMany(prefix => adapter.Select(tensor => tensor with { Name = prefix + tensor.Name }))];
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["version"] = "3" };
        SafetensorsWriter.WriteFile(AdapterFile, [.. adapter, .. extra], metadata, (entry, stream) =>
            stream.Write(MemoryMarshal.AsBytes((_weights.ContainsKey(entry.Name) ? values(entry.Name) : new float[entry.Count]).AsSpan())));
    }

    private void WriteConfig() => File.WriteAllText(
        Path.Combine(Folder, "config.json"),
        JsonSerializer.Serialize(new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["model_type"] = "llama",
            ["hidden_act"] = "silu",
            ["vocab_size"] = Config.Vocabulary,
            ["hidden_size"] = Config.Hidden,
            ["intermediate_size"] = Config.Intermediate,
            ["num_hidden_layers"] = Config.Layers,
            ["num_attention_heads"] = Config.Heads,
            ["num_key_value_heads"] = Config.KeyValueHeads,
            ["head_dim"] = Config.HeadWidth,
            ["max_position_embeddings"] = Config.Positions,
            ["rms_norm_eps"] = 1e-5,
            ["rope_theta"] = 10_000.0,
            ["tie_word_embeddings"] = Config.TiedHead,
        }));

    private void WriteWeights(TensorType type)
    {
        int q = Config.Heads * Config.HeadWidth;
        int kv = Config.KeyValueHeads * Config.HeadWidth;
        List<TensorEntry> entries = [TensorEntry.Of("model.embed_tokens.weight", type, Config.Vocabulary, Config.Hidden)];
        for (int l = 0; l < Config.Layers; l++)
        {
            string prefix = $"model.layers.{l}.";
            entries.AddRange(
            [
                TensorEntry.Of(prefix + "input_layernorm.weight", type, Config.Hidden),
                TensorEntry.Of(prefix + "post_attention_layernorm.weight", type, Config.Hidden),
                TensorEntry.Of(prefix + "self_attn.q_proj.weight", type, q, Config.Hidden),
                TensorEntry.Of(prefix + "self_attn.k_proj.weight", type, kv, Config.Hidden),
                TensorEntry.Of(prefix + "self_attn.v_proj.weight", type, kv, Config.Hidden),
                TensorEntry.Of(prefix + "self_attn.o_proj.weight", type, Config.Hidden, q),
                TensorEntry.Of(prefix + "mlp.gate_proj.weight", type, Config.Intermediate, Config.Hidden),
                TensorEntry.Of(prefix + "mlp.up_proj.weight", type, Config.Intermediate, Config.Hidden),
                TensorEntry.Of(prefix + "mlp.down_proj.weight", type, Config.Hidden, Config.Intermediate),
            ]);
        }

        entries.Add(TensorEntry.Of("model.norm.weight", type, Config.Hidden));
        if (!Config.TiedHead)
        {
            entries.Add(TensorEntry.Of("lm_head.weight", type, Config.Vocabulary, Config.Hidden));
        }

        Random random = new(3);
        SafetensorsWriter.WriteFile(Path.Combine(Folder, "model.safetensors"), entries, null, (entry, stream) =>
        {
            // Multiples of 1/64 below 2 are exact in all three types.
            float[] values = [.. Values(random, (int)entry.Count, 0.5).Select(value => MathF.Round(value * 64) / 64)];
            if (entry.Name.EndsWith("norm.weight", StringComparison.Ordinal))
            {
                values = [.. values.Select(value => 1 + value)];
            }

            _weights[entry.Name] = values;
            foreach (float value in values)
            {
                stream.Write(type switch
                {
                    TensorType.F16 => BitConverter.GetBytes((Half)value),
                    TensorType.BF16 => BitConverter.GetBytes((ushort)(BitConverter.SingleToUInt32Bits(value) >> 16)),
                    _ => BitConverter.GetBytes(value),
                });
            }
        });
    }

    private static float[] Values(Random random, int count, double width) => [.. Enumerable.Range(0, count).Select(_ => (float)(((random.NextDouble() * 2) - 1) * width))];
}
