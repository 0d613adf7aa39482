// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders.Families;

/// <summary>GPT-2 (Radford et al. 2019): LayerNorm, learned positions, one module for queries, keys and values, GELU without a gate, biases everywhere, weights stored (in, out).</summary>
/// <remarks>Dropout rates are known and not applied: training here has no dropout.</remarks>
internal static class Gpt2Family
{
    private static ModelNames Names { get; } = new()
    {
        OptionalPrefix = "transformer.",
        Embedding = "transformer.wte",
        Positions = "transformer.wpe",
        Layers = "transformer.h.",
        AttentionNorm = "ln_1",
        FeedForwardNorm = "ln_2",
        AttentionInputs = ["attn.c_attn"],
        AttentionOutput = "attn.c_proj",
        Gate = null,
        Up = "mlp.c_fc",
        Down = "mlp.c_proj",
        FinalNorm = "transformer.ln_f",
    };

    public static ModelFamily Family { get; } = new(
        "gpt2",
        "GPT2LMHeadModel",
        new Dictionary<string, string[]>(StringComparer.Ordinal)
        {
            ["activation_function"] = ["\"gelu_new\"", "\"gelu_pytorch_tanh\""],
            ["scale_attn_weights"] = ["true"],
            ["scale_attn_by_inverse_layer_idx"] = ["false"],
            ["reorder_and_upcast_attn"] = ["false"],
        },
        [
            "vocab_size", "n_positions", "n_ctx", "n_embd", "n_layer", "n_head", "n_inner", "layer_norm_epsilon", "attn_pdrop", "embd_pdrop", "resid_pdrop",
            "summary_activation", "summary_first_dropout", "summary_proj_to_labels", "summary_type", "summary_use_proj",
        ],
        Shape);

    private static ModelConfig Shape(ConfigFields config)
    {
        int vocabulary = config.Size("vocab_size");
        int hidden = config.Size("n_embd");
        int heads = config.Size("n_head");
        return new ModelConfig
        {
            Vocabulary = vocabulary,
            Hidden = hidden,
            Intermediate = config.Size("n_inner", 4 * hidden),
            Layers = config.Size("n_layer"),
            Heads = heads,
            KeyValueHeads = heads,
            HeadWidth = hidden % heads == 0 ? hidden / heads : throw ConfigFields.Malformed($"expected n_head to divide n_embd {hidden}, found {heads}"),
            Positions = config.Positions("n_positions"),
            NormEpsilon = config.Number("layer_norm_epsilon", below: 1),
            Rope = null,
            TiedHead = config.Flag("tie_word_embeddings", otherwise: true),
            EndOfText = config.EndOfText(vocabulary),
            Names = Names,
            Norm = NormKind.Layer,
            FeedForward = FeedForwardKind.Gelu,
            AttentionInputBias = true,
            AttentionOutputBias = true,
            FeedForwardBias = true,
            WeightsAreInOut = true,
        };
    }
}
