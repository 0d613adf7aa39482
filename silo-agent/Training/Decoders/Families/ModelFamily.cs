// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders.Families;

/// <summary>How one family's <c>config.json</c> is read: every field is read, has one of the values that are implemented, or changes nothing; whatever else is there is refused by name.</summary>
/// <param name="type">Its <c>model_type</c>.</param>
/// <param name="architecture">Hugging Face's class.</param>
/// <param name="values">Fields that change the mathematics, with the values that are implemented, as JSON texts.</param>
/// <param name="fields">Fields that are read, and fields of this family that change nothing.</param>
/// <param name="shape">Reads the shape.</param>
internal sealed class ModelFamily(string type, string architecture, IReadOnlyDictionary<string, string[]> values, IEnumerable<string> fields, Func<ConfigFields, ModelConfig> shape)
{
    // Of any family.
    private static readonly Dictionary<string, string[]> Always = new(StringComparer.Ordinal)
    {
        ["attention_dropout"] = ["0", "0.0"],
        ["hidden_dropout"] = ["0", "0.0"],
        ["is_encoder_decoder"] = ["false"],
        ["add_cross_attention"] = ["false"],
    };

    // Of any family: they do not change the mathematics.
    private static readonly string[] Unused =
    [
        "_name_or_path", "bos_token_id", "pad_token_id", "dtype", "torch_dtype", "initializer_range", "is_decoder", "use_cache", "transformers_version", "output_attentions",
        "output_hidden_states", "return_dict", "task_specific_params", "unsloth_version", "unsloth_fixed", "_attn_implementation_autoset",
    ];

    private readonly FrozenDictionary<string, string[]> _values = Always
        .Concat(values)
        .Append(KeyValuePair.Create("model_type", new[] { $"\"{type}\"" }))
        .Append(KeyValuePair.Create("architectures", new[] { $"[\"{architecture}\"]" }))
        .ToFrozenDictionary(StringComparer.Ordinal);

    private readonly FrozenSet<string> _known = Unused.Concat(fields).Append("tie_word_embeddings").Append("eos_token_id").ToFrozenSet(StringComparer.Ordinal);

    /// <summary>Its <c>model_type</c>.</summary>
    public string Type => type;

    /// <summary>Reads a configuration.</summary>
    /// <exception cref="FedCloud.Protocol.Errors.FedCloudException"><c>config_unsupported</c>.</exception>
    public ModelConfig Read(ConfigFields config)
    {
        config.RequireKnown(_values, _known);
        ModelConfig read = shape(config);
        return read.HeadWidth <= Gemm.MostPackedDepth ? read : throw ConfigFields.Malformed($"expected a head_dim, or hidden size over heads, of at most {Gemm.MostPackedDepth}, found {read.HeadWidth}");
    }
}
