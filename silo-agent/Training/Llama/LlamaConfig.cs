// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Llama;

/// <summary>The shape of a Llama model, from Hugging Face's <c>config.json</c>.</summary>
public sealed record LlamaConfig
{
    // Fields that change the mathematics, with the values that are implemented, as JSON texts.
    private static readonly FrozenDictionary<string, string[]> Fixed = new Dictionary<string, string[]>(StringComparer.Ordinal)
    {
        ["model_type"] = ["\"llama\""],
        ["architectures"] = ["[\"LlamaForCausalLM\"]"],
        ["hidden_act"] = ["\"silu\""],
        ["attention_bias"] = ["false"],
        ["mlp_bias"] = ["false"],
        ["pretraining_tp"] = ["1"],
        ["attention_dropout"] = ["0", "0.0"],
        ["hidden_dropout"] = ["0", "0.0"],
        ["is_encoder_decoder"] = ["false"],
        ["add_cross_attention"] = ["false"],
    }.ToFrozenDictionary(StringComparer.Ordinal);

    // Fields that are read below, and fields that do not change the mathematics.
    private static readonly FrozenSet<string> Known = new[]
    {
        "vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim",
        "max_position_embeddings", "rms_norm_eps", "rope_theta", "rope_scaling", "rope_parameters", "tie_word_embeddings", "eos_token_id",
        "_name_or_path", "bos_token_id", "pad_token_id", "dtype", "torch_dtype", "initializer_range", "use_cache", "transformers_version",
        "output_attentions", "output_hidden_states", "return_dict", "task_specific_params", "unsloth_version", "unsloth_fixed", "_attn_implementation_autoset",
    }.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Tokens in the vocabulary.</summary>
    public required int Vocabulary { get; init; }

    /// <summary>The width of the residual stream.</summary>
    public required int Hidden { get; init; }

    /// <summary>The width of the feed-forward layer.</summary>
    public required int Intermediate { get; init; }

    /// <summary>Layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Query heads.</summary>
    public required int Heads { get; init; }

    /// <summary>Key and value heads (grouped-query attention, Ainslie et al. 2023).</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>The width of a head.</summary>
    public required int HeadWidth { get; init; }

    /// <summary>The longest sequence.</summary>
    public required int Positions { get; init; }

    /// <summary>RMSNorm's ε.</summary>
    public required float NormEpsilon { get; init; }

    /// <summary>Rotary positions.</summary>
    public required RotaryPositions Rope { get; init; }

    /// <summary>Whether the head's weights are the embedding's.</summary>
    public required bool TiedHead { get; init; }

    /// <summary>The token that ends a text; null when the configuration names none.</summary>
    public int? EndOfText { get; init; }

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>config_unsupported</c>.</exception>
    public static LlamaConfig Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new FedCloudException(ErrorCodes.BaseModelMissing, "expected config.json in the base model's folder, found none");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Parse(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or FormatException or KeyNotFoundException)
        {
            throw new FedCloudException(ErrorCodes.ConfigUnsupported, "config.json is not JSON with the fields of a Llama model", cause: error);
        }
    }

    private static LlamaConfig Parse(JsonElement json)
    {
        _ = json.GetProperty("model_type");
        foreach (JsonProperty field in json.EnumerateObject().Where(field => field.Value.ValueKind != JsonValueKind.Null))
        {
            if (Fixed.TryGetValue(field.Name, out string[]? allowed))
            {
                if (!allowed.Contains(Compact(field.Value), StringComparer.Ordinal))
                {
                    throw Unsupported(field.Name, string.Join(" or ", allowed));
                }
            }
            else if (!Known.Contains(field.Name))
            {
                // Whether an unknown field changes the mathematics cannot be known, so it is not ignored.
                throw new FedCloudException(ErrorCodes.ConfigUnsupported, $"config.json: the field {Printable(field.Name)} is not known to this trainer");
            }
        }

        int hidden = json.GetProperty("hidden_size").GetInt32();
        int heads = json.GetProperty("num_attention_heads").GetInt32();
        LlamaConfig config = new()
        {
            Vocabulary = json.GetProperty("vocab_size").GetInt32(),
            Hidden = hidden,
            Intermediate = json.GetProperty("intermediate_size").GetInt32(),
            Layers = json.GetProperty("num_hidden_layers").GetInt32(),
            Heads = heads,
            KeyValueHeads = json.TryGetProperty("num_key_value_heads", out JsonElement kv) ? kv.GetInt32() : heads,
            HeadWidth = json.TryGetProperty("head_dim", out JsonElement width) ? width.GetInt32() : hidden / Math.Max(1, heads),
            Positions = json.GetProperty("max_position_embeddings").GetInt32(),
            NormEpsilon = json.GetProperty("rms_norm_eps").GetSingle(),
            Rope = RotaryPositions.Read(json) ?? throw Unsupported("rope_scaling or rope_parameters", "of type default or llama3 with the members of that type"),
            TiedHead = json.TryGetProperty("tie_word_embeddings", out JsonElement tied) && tied.GetBoolean(),
            EndOfText = EndToken(json),
        };
        bool possible = new[] { config.Vocabulary, config.Hidden, config.Intermediate, config.Layers, config.Heads, config.KeyValueHeads, config.HeadWidth, config.Positions }.All(side => side is > 0 and < 1 << 20)
            && config.Heads % config.KeyValueHeads == 0
            && config.HeadWidth % 2 == 0
            && config.Positions > 1
            && config.NormEpsilon is > 0 and < 1
            && config.Rope.Theta is >= 1 and < 1e12
            && (config.EndOfText is null || (config.EndOfText >= 0 && config.EndOfText < config.Vocabulary));
        return possible ? config : throw new FedCloudException(ErrorCodes.ConfigUnsupported, "config.json has sizes that no model can have");
    }

    private static int? EndToken(JsonElement json)
    {
        if (!json.TryGetProperty("eos_token_id", out JsonElement end))
        {
            return null;
        }

        return end.ValueKind switch
        {
            JsonValueKind.Null => null,
            JsonValueKind.Array => end.EnumerateArray().Select(token => (int?)token.GetInt32()).FirstOrDefault(),
            _ => end.GetInt32(),
        };
    }

    private static string Compact(JsonElement value) => value.GetRawText().ReplaceLineEndings(string.Empty).Replace(" ", string.Empty, StringComparison.Ordinal);

    private static string Printable(string name) => new([.. name.Take(40).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')]);

    private static FedCloudException Unsupported(string field, string expected) =>
        new(ErrorCodes.ConfigUnsupported, $"config.json: expected {field} to be {expected}, found another value");
}
