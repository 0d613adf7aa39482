// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders.Families;

/// <summary>Gemma 2 (Gemma Team 2024): norms before and after each part, capped scores and logits, every other layer with a window. The text models of Gemma 3 (Gemma Team 2025): norms of query and key heads in place of the cap, five layers of six with a window and with positions of their own.</summary>
internal static class GemmaFamily
{
    private static readonly string[] Fields =
    [
        .. LlamaFamily.Fields, "query_pre_attn_scalar", "sliding_window", "layer_types", "final_logit_softcapping", "cache_implementation",
    ];

    private static readonly Dictionary<string, string[]> Values = new(StringComparer.Ordinal)
    {
        ["hidden_activation"] = ["\"gelu_pytorch_tanh\""],
        ["hidden_act"] = ["\"gelu_pytorch_tanh\""],
        ["attention_bias"] = ["false"],
        ["use_bidirectional_attention"] = ["false"],
    };

    private static ModelNames Names { get; } = new()
    {
        AttentionOutputNorm = "post_attention_layernorm",
        FeedForwardNorm = "pre_feedforward_layernorm",
        FeedForwardOutputNorm = "post_feedforward_layernorm",
    };

    public static ModelFamily Second { get; } = new(
        "gemma2",
        "Gemma2ForCausalLM",
        Values,
        [.. Fields, "attn_logit_softcapping", "sliding_window_size"],
        config =>
        {
            ModelConfig shape = Shape(config, rope: null);
            RequireOneWindow(config, shape.Window);
            return shape with
            {
                Names = Names,
                WindowedLayers = config.WindowedLayers(shape.Layers, layer => layer % 2 == 0),
                AttentionCap = Cap(config, "attn_logit_softcapping", otherwise: 50),
                LogitCap = Cap(config, "final_logit_softcapping", otherwise: 30),
            };
        });

    // The reference reads attn_logit_softcapping here and does not use it, so nothing but null is safe.
    public static ModelFamily Third { get; } = new(
        "gemma3_text",
        "Gemma3ForCausalLM",
        Values,
        [.. Fields, "rope_local_base_freq", "sliding_window_pattern", "_sliding_window_pattern"],
        config =>
        {
            (RotaryPositions full, RotaryPositions windowed) = RotaryFields.ReadByLayerType(config, full: 1_000_000, windowed: RotaryPositions.DefaultTheta);
            ModelConfig shape = Shape(config, full);
            int pattern = config.Size("sliding_window_pattern", config.Size("_sliding_window_pattern", otherwise: 6));
            return shape with
            {
                Names = Names with { QueryNorm = "self_attn.q_norm", KeyNorm = "self_attn.k_norm" },
                WindowedLayers = config.WindowedLayers(shape.Layers, layer => (layer + 1) % pattern != 0),
                WindowedRope = windowed,
                LogitCap = Cap(config, "final_logit_softcapping", otherwise: null),
            };
        });

    private static ModelConfig Shape(ConfigFields config, RotaryPositions? rope)
    {
        ModelConfig shape = LlamaFamily.Shape(config, keyValueHeads: null, headWidth: null, tiedHead: true, rope);
        return shape with
        {
            Norm = NormKind.RmsOnePlus,
            FeedForward = FeedForwardKind.GeGlu,
            Window = config.Size("sliding_window"),
            EmbeddingScale = MathF.Sqrt(shape.Hidden),
            AttentionScale = 1 / MathF.Sqrt(config.Number("query_pre_attn_scalar", below: 1e6f)),
        };
    }

    // Gemma 2 9B is published with the window under both names.
    private static void RequireOneWindow(ConfigFields config, int? window)
    {
        if (config.Find("sliding_window_size") is { } other && config.Size("sliding_window_size") != window)
        {
            throw ConfigFields.Malformed($"expected sliding_window_size to be the sliding_window {window}, found {ConfigFields.Printable(ConfigFields.Compact(other))}");
        }
    }

    // Null switches a cap off; a field that is not there has the value that the family is published with.
    private static float? Cap(ConfigFields config, string name, float? otherwise) =>
        !config.Names(name) ? otherwise : config.Find(name) is null ? null : config.Number(name, below: 1e6f);
}
