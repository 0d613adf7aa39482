// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders.Families;

/// <summary>Mistral (Jiang et al. 2023): Llama with a window in every layer, or none.</summary>
internal static class MistralFamily
{
    public static ModelFamily Family { get; } = new(
        "mistral",
        "MistralForCausalLM",
        new Dictionary<string, string[]>(StringComparer.Ordinal) { ["hidden_act"] = ["\"silu\""] },
        [.. LlamaFamily.Fields, "sliding_window"],
        config =>
        {
            ModelConfig shape = LlamaFamily.Shape(config, keyValueHeads: null, headWidth: config.Size("hidden_size") / config.Size("num_attention_heads"));
            return config.Find("sliding_window") is null
                ? shape
                : shape with { Window = config.Size("sliding_window"), WindowedLayers = [.. Enumerable.Repeat(true, shape.Layers)] };
        });
}
