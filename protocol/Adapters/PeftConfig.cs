// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;

namespace FedCloud.Protocol.Adapters;

/// <summary>PEFT's <c>adapter_config.json</c> for LoRA: what of it says how an adapter is computed.</summary>
/// <remarks>Source: huggingface/peft 0.20, <c>LoraConfig</c> in tuners/lora/config.py. <see cref="PeftConfigReader"/> reads it.</remarks>
public sealed record PeftConfig
{
    /// <summary>The configuration's file in an adapter's folder.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>The base model: a name, a path, or the digest of its manifest, which exports of FedCloud write; null where none is named.</summary>
    public required string? BaseModelNameOrPath { get; init; }

    /// <summary>Ranks and scalings.</summary>
    public required LoraForm Form { get; init; }

    /// <summary>The adapted modules.</summary>
    public required PeftTargets TargetModules { get; init; }

    /// <summary>Whether weights are (in, out), as in GPT-2's Conv1D modules; else they are (out, in). Null where the file does not say.</summary>
    public required bool? FanInFanOut { get; init; }

    /// <summary>The configuration of an adapter. Patterns name each module whose rank or alpha is its own, by its full name, so that they mean the same in whatever order they are read.</summary>
    /// <param name="baseModel">The base model's name or digest.</param>
    /// <param name="layout">The adapter.</param>
    /// <param name="targetModules">The last parts of the names of its modules.</param>
    public static PeftConfig Of(string baseModel, AdapterLayout layout, ImmutableArray<string> targetModules)
    {
        ArgumentNullException.ThrowIfNull(layout);
        LoraForm form = layout.Form;
        string[] modules = [.. layout.Modules.Select(module => module.Module).Order(StringComparer.Ordinal)];
        return new PeftConfig
        {
            BaseModelNameOrPath = baseModel,
            Form = form with
            {
                RankPattern = [.. modules.Where(module => form.RankOf(module) != form.Rank).Select(module => KeyValuePair.Create(module, form.RankOf(module)))],
                AlphaPattern = [.. modules.Where(module => !form.AlphaOf(module).Equals(form.Alpha)).Select(module => KeyValuePair.Create(module, form.AlphaOf(module)))],
            },
            TargetModules = new PeftTargets(targetModules),
            FanInFanOut = targetModules.All(LinearShape.IsInOut),
        };
    }

    /// <summary>The file's bytes. Fields that older versions of PEFT do not know are left out where they have no effect.</summary>
    /// <exception cref="InvalidOperationException">The modules are named by an expression: such a configuration is read and never written.</exception>
    public byte[] ToJson()
    {
        if (TargetModules.Names.IsDefaultOrEmpty)
        {
            throw new InvalidOperationException("an adapter that is written names its modules");
        }

        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteString("peft_type", "LORA");
            json.WriteString("task_type", "CAUSAL_LM");
            json.WriteString("base_model_name_or_path", BaseModelNameOrPath);
            json.WriteNumber("r", Form.Rank);
            json.WriteNumber("lora_alpha", Form.Alpha);
            json.WriteNumber("lora_dropout", 0);
            json.WriteStartArray("target_modules");
            foreach (string name in TargetModules.Names)
            {
                json.WriteStringValue(name);
            }

            json.WriteEndArray();
            json.WriteString("bias", "none");
            json.WriteBoolean("fan_in_fan_out", FanInFanOut ?? false);
            json.WriteBoolean("inference_mode", true);
            json.WriteBoolean("init_lora_weights", true);
            Write(json, "rank_pattern", Form.RankPattern, static (writer, one) => writer.WriteNumber(one.Key, one.Value));
            Write(json, "alpha_pattern", Form.AlphaPattern, static (writer, one) => writer.WriteNumber(one.Key, one.Value));
            WriteIf(json, "use_rslora", Form.IsRankStabilized);
            WriteIf(json, "use_dora", Form.IsDecomposed);
            json.WriteEndObject();
        }

        return output.ToArray();
    }

    private static void Write<T>(Utf8JsonWriter json, string name, ImmutableArray<KeyValuePair<string, T>> pattern, Action<Utf8JsonWriter, KeyValuePair<string, T>> write)
    {
        if (pattern.IsEmpty)
        {
            return;
        }

        json.WriteStartObject(name);
        foreach (KeyValuePair<string, T> one in pattern)
        {
            write(json, one);
        }

        json.WriteEndObject();
    }

    private static void WriteIf(Utf8JsonWriter json, string name, bool value)
    {
        if (value)
        {
            json.WriteBoolean(name, value);
        }
    }
}
