// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Protocol.Adapters;

/// <summary>PEFT's <c>adapter_config.json</c> for LoRA (huggingface/peft, <c>LoraConfig</c>): the fields that loaders need.</summary>
public sealed record PeftConfig
{
    /// <summary>Always <c>LORA</c>.</summary>
    public required string PeftType { get; init; }

    /// <summary>Always <c>CAUSAL_LM</c>.</summary>
    public required string TaskType { get; init; }

    /// <summary>The base model's name or path.</summary>
    public required string BaseModelNameOrPath { get; init; }

    /// <summary>The rank.</summary>
    public required int R { get; init; }

    /// <summary>Alpha.</summary>
    public required double LoraAlpha { get; init; }

    /// <summary>Dropout; 0.</summary>
    public required double LoraDropout { get; init; }

    /// <summary>The adapted modules.</summary>
    public required ImmutableArray<string> TargetModules { get; init; }

    /// <summary>Always <c>none</c>.</summary>
    public required string Bias { get; init; }

    /// <summary>Whether weights are (in, out), as in GPT-2's Conv1D modules; else they are (out, in).</summary>
    public required bool FanInFanOut { get; init; }

    /// <summary>Whether the adapter is loaded frozen.</summary>
    public required bool InferenceMode { get; init; }

    /// <summary>How A was made; informative.</summary>
    public required bool InitLoraWeights { get; init; }

    /// <summary>rsLoRA; false.</summary>
    public required bool UseRslora { get; init; }

    /// <summary>DoRA; false.</summary>
    public required bool UseDora { get; init; }

    /// <summary>A released adapter.</summary>
    public static PeftConfig Of(string baseModel, int rank, double alpha, ImmutableArray<string> targetModules) => new()
    {
        PeftType = "LORA",
        TaskType = "CAUSAL_LM",
        BaseModelNameOrPath = baseModel,
        R = rank,
        LoraAlpha = alpha,
        LoraDropout = 0,
        TargetModules = targetModules,
        Bias = "none",
        FanInFanOut = targetModules.All(LinearShape.IsInOut),
        InferenceMode = true,
        InitLoraWeights = true,
        UseRslora = false,
        UseDora = false,
    };

    /// <summary>The file's bytes.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, PeftConfigJson.Default.PeftConfig);
}

/// <summary>JSON of PEFT's configuration.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, WriteIndented = true)]
[JsonSerializable(typeof(PeftConfig))]
public sealed partial class PeftConfigJson : JsonSerializerContext;
