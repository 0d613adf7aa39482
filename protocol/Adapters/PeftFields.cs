// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;

namespace FedCloud.Protocol.Adapters;

/// <summary>The fields of PEFT's <c>LoraConfig</c>, from 0.5 to 0.20, and what each means for somebody who uses an adapter as it was saved.</summary>
internal static class PeftFields
{
    /// <summary>Fields that are read.</summary>
    public static ImmutableHashSet<string> Read { get; } =
    [
        "peft_type", "task_type", "base_model_name_or_path", "r", "lora_alpha", "target_modules", "bias", "fan_in_fan_out",
        "init_lora_weights", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora",
    ];

    /// <summary>Fields that change nothing about a trained adapter: how it was trained, by which version, and settings of methods that other fields switch on.</summary>
    public static ImmutableHashSet<string> WithoutEffect { get; } =
    [
        "inference_mode", "revision", "auto_mapping", "peft_version", "runtime_config", // whose and which
        "lora_dropout", // training only
        "loftq_config", "eva_config", "corda_config", "lora_ga_config", // with init_lora_weights of that name only
        "layers_pattern", // with layers_to_transform only
        "megatron_core", // with megatron_config only
        "qalora_group_size", // with use_qalora only
        "ensure_weight_tying", // of embeddings and heads only, which are refused
    ];

    /// <summary>Ways to begin that leave the base model as it is. The others take something out of its weights, so that the saved factors fit another base than the published one.</summary>
    public static ImmutableHashSet<string> Beginnings { get; } = ["gaussian", "orthogonal", "eva"];

    /// <summary>What the fields ask for that are known and not implemented.</summary>
    public static ImmutableDictionary<string, string> Refused { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["modules_to_save"] = "whole modules beside the adapter",
        ["exclude_modules"] = "modules that are left out of target_modules",
        ["layers_to_transform"] = "an adapter on some layers only",
        ["layer_replication"] = "layers that are used more than once",
        ["lora_bias"] = "a bias of B",
        ["trainable_token_indices"] = "rows of the embedding that were trained",
        ["target_parameters"] = "adapters on parameters that are no linear module",
        ["megatron_config"] = "layers of Megatron",
        ["alora_invocation_tokens"] = "an adapter that begins in the middle of a text (aLoRA)",
        ["use_qalora"] = "QALoRA",
        ["use_bdlora"] = "BD-LoRA",
        ["arrow_config"] = "Arrow, which chooses among adapters",
        ["kasa_config"] = "KaSA",
        ["monteclora_config"] = "MonteCLoRA",
        ["velora_config"] = "VeLoRA",
    }.ToImmutableDictionary(StringComparer.Ordinal);

    /// <summary>Whether a value asks for nothing, whatever its field means: null, false, or empty.</summary>
    public static bool IsNeutral(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        JsonValueKind.String => value.ValueEquals(string.Empty),
        _ => false,
    };
}
