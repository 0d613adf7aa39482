// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Llama;

/// <summary>The shape of a Llama model, from Hugging Face's <c>config.json</c>.</summary>
public sealed record LlamaConfig
{
    // Fields that change the mathematics, with the one value that is implemented.
    private static readonly (string Field, string[] Allowed)[] Fixed =
    [
        ("hidden_act", ["\"silu\""]),
        ("attention_bias", ["false"]),
        ("mlp_bias", ["false"]),
        ("rope_scaling", ["null"]),
        ("pretraining_tp", ["1"]),
        ("attention_dropout", ["0.0", "0"]),
    ];

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

    /// <summary>The base of rotary positions.</summary>
    public required double RopeTheta { get; init; }

    /// <summary>Whether the head's weights are the embedding's.</summary>
    public required bool TiedHead { get; init; }

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
        string type = json.GetProperty("model_type").GetString() ?? string.Empty;
        if (!string.Equals(type, "llama", StringComparison.Ordinal))
        {
            throw Unsupported("model_type", "llama");
        }

        foreach ((string field, string[] allowed) in Fixed)
        {
            if (json.TryGetProperty(field, out JsonElement value) && !allowed.Contains(value.GetRawText(), StringComparer.Ordinal))
            {
                throw Unsupported(field, string.Join(" or ", allowed));
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
            RopeTheta = json.TryGetProperty("rope_theta", out JsonElement theta) ? theta.GetDouble() : 10_000,
            TiedHead = json.TryGetProperty("tie_word_embeddings", out JsonElement tied) && tied.GetBoolean(),
        };
        bool possible = new[] { config.Vocabulary, config.Hidden, config.Intermediate, config.Layers, config.Heads, config.KeyValueHeads, config.HeadWidth, config.Positions }.All(side => side is > 0 and < 1 << 20)
            && config.Heads % config.KeyValueHeads == 0
            && config.HeadWidth % 2 == 0;
        return possible ? config : throw new FedCloudException(ErrorCodes.ConfigUnsupported, "config.json has sizes that no model can have");
    }

    private static FedCloudException Unsupported(string field, string expected) =>
        new(ErrorCodes.ConfigUnsupported, $"config.json: expected {field} to be {expected}, found another value");
}
