// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Decoders;

/// <summary>What Hugging Face calls the parts of a model, as module paths; a part without a name is not there.</summary>
public sealed record ModelNames
{
    /// <summary>What names in a checkpoint may lack at their beginning; empty for nothing.</summary>
    public string OptionalPrefix { get; init; } = string.Empty;

    /// <summary>The embedding of tokens.</summary>
    public string Embedding { get; init; } = "model.embed_tokens";

    /// <summary>The embedding of learned positions; null where positions are rotary.</summary>
    public string? Positions { get; init; }

    /// <summary>What stands before a layer's number.</summary>
    public string Layers { get; init; } = "model.layers.";

    /// <summary>The norm before attention.</summary>
    public string AttentionNorm { get; init; } = "input_layernorm";

    /// <summary>The norm after attention, before the residual sum.</summary>
    public string? AttentionOutputNorm { get; init; }

    /// <summary>The norm before the feed-forward layer.</summary>
    public string FeedForwardNorm { get; init; } = "post_attention_layernorm";

    /// <summary>The norm after the feed-forward layer, before the residual sum.</summary>
    public string? FeedForwardOutputNorm { get; init; }

    /// <summary>Queries, keys and values: three modules, or one that makes all of them side by side.</summary>
    public IReadOnlyList<string> AttentionInputs { get; init; } = SeparateInputs;

    /// <summary>Attention's output.</summary>
    public string AttentionOutput { get; init; } = "self_attn.o_proj";

    /// <summary>The norm of each query head.</summary>
    public string? QueryNorm { get; init; }

    /// <summary>The norm of each key head.</summary>
    public string? KeyNorm { get; init; }

    /// <summary>The feed-forward layer's gate.</summary>
    public string? Gate { get; init; } = "mlp.gate_proj";

    /// <summary>The feed-forward layer's first matrix.</summary>
    public string Up { get; init; } = "mlp.up_proj";

    /// <summary>The feed-forward layer's last matrix.</summary>
    public string Down { get; init; } = "mlp.down_proj";

    /// <summary>The norm after the last layer.</summary>
    public string FinalNorm { get; init; } = "model.norm";

    /// <summary>The head.</summary>
    public string Head { get; init; } = "lm_head";

    private static string[] SeparateInputs { get; } = ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"];
}
