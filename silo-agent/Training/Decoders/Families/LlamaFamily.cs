// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders.Families;

/// <summary>Llama 2 and 3 (Touvron et al. 2023; Grattafiori et al. 2024): everything as <see cref="ModelConfig"/> has it by default.</summary>
internal static class LlamaFamily
{
    /// <summary>The fields that all families with Llama's layout have.</summary>
    public static readonly string[] Fields =
    [
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
        "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters",
    ];

    public static ModelFamily Family { get; } = new(
        "llama",
        "LlamaForCausalLM",
        new Dictionary<string, string[]>(StringComparer.Ordinal)
        {
            ["hidden_act"] = ["\"silu\""],
            ["attention_bias"] = ["false"],
            ["mlp_bias"] = ["false"],
            ["pretraining_tp"] = ["1"],
        },
        Fields,
        config => Shape(config, keyValueHeads: config.Size("num_attention_heads"), headWidth: config.Size("hidden_size") / config.Size("num_attention_heads")));

    /// <summary>The shape of a model with Llama's layout.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="keyValueHeads">Key and value heads where the configuration names none; null when it has to.</param>
    /// <param name="headWidth">The width of a head where the configuration names none; null when it has to.</param>
    /// <param name="tiedHead">Whether the head is tied where the configuration does not say.</param>
    /// <param name="rope">Its rotary positions where they are not the same in all layers.</param>
    public static ModelConfig Shape(ConfigFields config, int? keyValueHeads, int? headWidth, bool tiedHead = false, RotaryPositions? rope = null)
    {
        int vocabulary = config.Size("vocab_size");
        int heads = config.Size("num_attention_heads");
        return new ModelConfig
        {
            Vocabulary = vocabulary,
            Hidden = config.Size("hidden_size"),
            Intermediate = config.Size("intermediate_size"),
            Layers = config.Size("num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = config.KeyValueHeads(heads, keyValueHeads),
            HeadWidth = config.EvenHeadWidth(headWidth),
            Positions = config.Positions("max_position_embeddings"),
            NormEpsilon = config.Number("rms_norm_eps", below: 1),
            Rope = rope ?? RotaryFields.Read(config, RotaryPositions.DefaultTheta),
            TiedHead = config.Flag("tie_word_embeddings", tiedHead),
            EndOfText = config.EndOfText(vocabulary),
        };
    }
}
