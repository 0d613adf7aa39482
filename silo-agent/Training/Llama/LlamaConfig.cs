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
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object ? Parse(document.RootElement) : throw Malformed("expected a JSON object, found another value");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.ConfigUnsupported, "config.json is not JSON, or names a field twice", cause: error);
        }
    }

    private static LlamaConfig Parse(JsonElement json)
    {
        _ = Field(json, "model_type");
        foreach (JsonProperty field in json.EnumerateObject().Where(field => field.Value.ValueKind != JsonValueKind.Null))
        {
            if (Fixed.TryGetValue(field.Name, out string[]? allowed))
            {
                if (!allowed.Contains(Compact(field.Value), StringComparer.Ordinal))
                {
                    throw Malformed($"expected {field.Name} to be {string.Join(" or ", allowed)}, found {Printable(Compact(field.Value))}");
                }
            }
            else if (!Known.Contains(field.Name))
            {
                // Whether an unknown field changes the mathematics cannot be known, so it is not ignored.
                throw Malformed($"the field {Printable(field.Name)} is not known to this trainer");
            }
        }

        int vocabulary = Size(json, "vocab_size");
        int hidden = Size(json, "hidden_size");
        int heads = Size(json, "num_attention_heads");
        int groups = Size(json, "num_key_value_heads", heads);
        int width = Size(json, "head_dim", hidden / heads);
        return new LlamaConfig
        {
            Vocabulary = vocabulary,
            Hidden = hidden,
            Intermediate = Size(json, "intermediate_size"),
            Layers = Size(json, "num_hidden_layers"),
            Heads = heads,
            KeyValueHeads = heads % groups == 0 ? groups : throw Malformed($"expected num_key_value_heads to divide num_attention_heads {heads}, found {groups}"),
            HeadWidth = width is > 0 && width % 2 == 0 ? width : throw Malformed($"expected an even head_dim, or hidden_size / num_attention_heads, found {width}"),
            Positions = Size(json, "max_position_embeddings") is > 1 and int positions ? positions : throw Malformed("expected max_position_embeddings of 2 or more, found 1"),
            NormEpsilon = Epsilon(json),
            Rope = RotaryPositions.Read(json) is { Theta: >= 1 and < 1e12 } rope
                ? rope
                : throw Malformed("expected rope_theta from 1, and rope_scaling or rope_parameters of type default or llama3 with the members of that type, found another value"),
            TiedHead = Flag(json, "tie_word_embeddings"),
            EndOfText = EndToken(json, vocabulary),
        };
    }

    private static int Size(JsonElement json, string name, int? otherwise = null)
    {
        if (otherwise is { } value && (!json.TryGetProperty(name, out JsonElement given) || given.ValueKind == JsonValueKind.Null))
        {
            return value;
        }

        JsonElement field = Field(json, name);
        return field.ValueKind == JsonValueKind.Number && field.TryGetInt32(out int size) && size is > 0 and < 1 << 20
            ? size
            : throw Malformed($"expected {name} to be a whole number from 1 to {(1 << 20) - 1}, found {Printable(Compact(field))}");
    }

    private static bool Flag(JsonElement json, string name)
    {
        JsonValueKind kind = json.TryGetProperty(name, out JsonElement field) ? field.ValueKind : JsonValueKind.Null;
        return kind is JsonValueKind.True or JsonValueKind.False or JsonValueKind.Null
            ? kind is JsonValueKind.True
            : throw Malformed($"expected {name} to be true or false, found {Printable(Compact(field))}");
    }

    private static float Epsilon(JsonElement json)
    {
        JsonElement field = Field(json, "rms_norm_eps");
        return field.ValueKind == JsonValueKind.Number && field.TryGetSingle(out float epsilon) && epsilon is > 0 and < 1
            ? epsilon
            : throw Malformed($"expected rms_norm_eps to be a number between 0 and 1, found {Printable(Compact(field))}");
    }

    private static JsonElement Field(JsonElement json, string name) =>
        json.TryGetProperty(name, out JsonElement field) && field.ValueKind != JsonValueKind.Null ? field : throw Malformed($"expected the field {name}, found none");

    // One token, or several of which the first ends a text.
    private static int? EndToken(JsonElement json, int vocabulary)
    {
        if (!json.TryGetProperty("eos_token_id", out JsonElement end) || end.ValueKind == JsonValueKind.Null)
        {
            return null;
        }

        JsonElement first = end.ValueKind == JsonValueKind.Array && end.GetArrayLength() > 0 ? end[0] : end;
        return first.ValueKind == JsonValueKind.Number && first.TryGetInt32(out int token) && token >= 0 && token < vocabulary
            ? token
            : throw Malformed($"expected eos_token_id to be a token below vocab_size {vocabulary}, found {Printable(Compact(end))}");
    }

    private static string Compact(JsonElement value) => value.GetRawText().ReplaceLineEndings(string.Empty).Replace(" ", string.Empty, StringComparison.Ordinal);

    private static string Printable(string name) => new([.. name.Take(40).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')]);

    private static FedCloudException Malformed(string what) => new(ErrorCodes.ConfigUnsupported, $"config.json: {what}");
}
