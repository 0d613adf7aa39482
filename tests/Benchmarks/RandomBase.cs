// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;

namespace FedCloud.Benchmarks;

/// <summary>A base model of Qwen 2's form with random weights, written piece by piece: config.json and one file of weights or several with their index.</summary>
internal static class RandomBase
{
    private const float Width = 0.035f; // uniform, of deviation 0.02
    private const int Piece = 1 << 16;

    /// <summary>Writes a model.</summary>
    /// <param name="folder">Where to.</param>
    /// <param name="config">Its shape; the head is tied, queries, keys and values have biases.</param>
    /// <param name="type">F32 or BF16.</param>
    /// <param name="layersOfAFile">How many layers go into one file; 0 for one file of all.</param>
    public static void Write(string folder, ModelConfig config, TensorType type, int layersOfAFile = 0)
    {
        WriteConfig(folder, config);
        List<TensorEntry[]> files = [[TensorEntry.Of("model.embed_tokens.weight", type, config.Vocabulary, config.Hidden), TensorEntry.Of("model.norm.weight", type, config.Hidden)]];
        foreach (int[] layers in Enumerable.Range(0, config.Layers).Chunk(layersOfAFile == 0 ? config.Layers : layersOfAFile))
        {
            files.Add([.. layers.SelectMany(layer => Layer(config, layer, type))]);
        }

        if (layersOfAFile == 0)
        {
            WriteFile(Path.Combine(folder, "model.safetensors"), [.. files.SelectMany(file => file)], 1);
            return;
        }

        Dictionary<string, string> map = new(StringComparer.Ordinal);
        for (int i = 0; i < files.Count; i++)
        {
            string name = string.Create(CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{files.Count:D5}.safetensors");
            WriteFile(Path.Combine(folder, name), files[i], (uint)i + 1);
            foreach (TensorEntry entry in files[i])
            {
                map.Add(entry.Name, name);
            }
        }

        File.WriteAllBytes(Path.Combine(folder, "model.safetensors.index.json"), JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>(StringComparer.Ordinal) { ["weight_map"] = map }));
    }

    private static void WriteConfig(string folder, ModelConfig config) => File.WriteAllBytes(
        Path.Combine(folder, "config.json"),
        JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, object>(StringComparer.Ordinal)
        {
            ["model_type"] = "qwen2",
            ["hidden_act"] = "silu",
            ["vocab_size"] = config.Vocabulary,
            ["hidden_size"] = config.Hidden,
            ["intermediate_size"] = config.Intermediate,
            ["num_hidden_layers"] = config.Layers,
            ["num_attention_heads"] = config.Heads,
            ["num_key_value_heads"] = config.KeyValueHeads,
            ["max_position_embeddings"] = config.Positions,
            ["rms_norm_eps"] = 1e-6,
            ["rope_theta"] = 1_000_000.0,
            ["tie_word_embeddings"] = true,
            ["use_sliding_window"] = false,
        }));

    private static IEnumerable<TensorEntry> Layer(ModelConfig config, int layer, TensorType type)
    {
        string prefix = string.Create(CultureInfo.InvariantCulture, $"model.layers.{layer}.");
        int q = config.Heads * config.HeadWidth;
        int kv = config.KeyValueHeads * config.HeadWidth;
        return
        [
            TensorEntry.Of(prefix + "input_layernorm.weight", type, config.Hidden),
            TensorEntry.Of(prefix + "post_attention_layernorm.weight", type, config.Hidden),
            TensorEntry.Of(prefix + "self_attn.q_proj.weight", type, q, config.Hidden),
            TensorEntry.Of(prefix + "self_attn.q_proj.bias", type, q),
            TensorEntry.Of(prefix + "self_attn.k_proj.weight", type, kv, config.Hidden),
            TensorEntry.Of(prefix + "self_attn.k_proj.bias", type, kv),
            TensorEntry.Of(prefix + "self_attn.v_proj.weight", type, kv, config.Hidden),
            TensorEntry.Of(prefix + "self_attn.v_proj.bias", type, kv),
            TensorEntry.Of(prefix + "self_attn.o_proj.weight", type, config.Hidden, q),
            TensorEntry.Of(prefix + "mlp.gate_proj.weight", type, config.Intermediate, config.Hidden),
            TensorEntry.Of(prefix + "mlp.up_proj.weight", type, config.Intermediate, config.Hidden),
            TensorEntry.Of(prefix + "mlp.down_proj.weight", type, config.Hidden, config.Intermediate),
        ];
    }

    private static void WriteFile(string path, TensorEntry[] entries, uint seed)
    {
        uint state = seed * 2_654_435_769;
        float[] values = new float[Piece];
        byte[] halves = new byte[Piece * 2];
        SafetensorsWriter.WriteFile(path, entries, metadata: null, (entry, stream) =>
        {
            for (long left = entry.Count; left > 0; left -= Piece)
            {
                Span<float> piece = values.AsSpan(0, (int)Math.Min(left, Piece));
                foreach (ref float value in piece)
                {
                    // Marsaglia 2003, Xorshift RNGs.
                    state ^= state << 13;
                    state ^= state >> 17;
                    state ^= state << 5;
                    value = entry.Shape.Length == 1 ? (entry.Name.EndsWith("norm.weight", StringComparison.Ordinal) ? 1 : 0) : ((int)state * (Width / int.MaxValue));
                }

                if (entry.Type == TensorType.F32)
                {
                    stream.Write(MemoryMarshal.AsBytes(piece));
                    continue;
                }

                for (int i = 0; i < piece.Length; i++)
                {
                    BinaryPrimitives.WriteUInt16LittleEndian(halves.AsSpan(2 * i), (ushort)(BitConverter.SingleToUInt32Bits(piece[i]) >> 16));
                }

                stream.Write(halves.AsSpan(0, 2 * piece.Length));
            }
        });
    }
}
