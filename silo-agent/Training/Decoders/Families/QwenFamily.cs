// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders.Families;

/// <summary>Qwen 2 and 2.5 (Yang et al. 2024), with biases on queries, keys and values; Qwen 3 (Yang et al. 2025), with norms of query and key heads in their place. The upper layers may see a window.</summary>
internal static class QwenFamily
{
    private static readonly string[] Fields = [.. LlamaFamily.Fields, "use_sliding_window", "sliding_window", "max_window_layers", "layer_types"];

    private static ModelNames NamesOfThird { get; } = new() { QueryNorm = "self_attn.q_norm", KeyNorm = "self_attn.k_norm" };

    public static ModelFamily Second { get; } = new(
        "qwen2",
        "Qwen2ForCausalLM",
        new Dictionary<string, string[]>(StringComparer.Ordinal) { ["hidden_act"] = ["\"silu\""], ["use_mrope"] = ["false"] },
        Fields,
        config => Windowed(config, LlamaFamily.Shape(config, keyValueHeads: null, headWidth: config.Size("hidden_size") / config.Size("num_attention_heads"))) with { AttentionInputBias = true });

    public static ModelFamily Third { get; } = new(
        "qwen3",
        "Qwen3ForCausalLM",
        new Dictionary<string, string[]>(StringComparer.Ordinal) { ["hidden_act"] = ["\"silu\""], ["attention_bias"] = ["false"] },
        Fields,
        config => Windowed(config, LlamaFamily.Shape(config, keyValueHeads: null, headWidth: null)) with { Names = NamesOfThird });

    // The window counts only where use_sliding_window says so, and by default from max_window_layers on.
    private static ModelConfig Windowed(ConfigFields config, ModelConfig shape)
    {
        if (!config.Flag("use_sliding_window", otherwise: false) || config.Find("sliding_window") is null)
        {
            return config.WindowedLayers(shape.Layers, _ => false).Contains(item: true)
                ? throw ConfigFields.Malformed("expected layer_types without sliding_attention, or use_sliding_window true and a sliding_window, found neither")
                : shape;
        }

        int first = config.Find("layer_types") is null ? config.Size("max_window_layers") : 0;
        return shape with { Window = config.Size("sliding_window"), WindowedLayers = config.WindowedLayers(shape.Layers, layer => layer >= first) };
    }
}
