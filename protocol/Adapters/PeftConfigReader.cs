// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Adapters;

/// <summary>Reads <c>adapter_config.json</c> as PEFT writes it. A field that means nothing here is skipped, one that asks for something else than is implemented is refused by name, an unknown one too unless its value asks for nothing.</summary>
public static class PeftConfigReader
{
    private const int MaxBytes = 1 << 20;
    private static readonly JsonDocumentOptions Strict = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    /// <summary>Reads a configuration.</summary>
    /// <param name="bytes">The file.</param>
    /// <exception cref="FedCloudException"><c>adapter_unsupported</c>.</exception>
    public static PeftConfig Read(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > MaxBytes)
        {
            throw Unsupported($"expected at most {MaxBytes} bytes, found {bytes.Length}");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, Strict);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? Read(document.RootElement.EnumerateObject().ToDictionary(field => field.Name, field => field.Value, StringComparer.Ordinal))
                : throw Unsupported("expected a JSON object, found another value");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.AdapterUnsupported, $"{PeftConfig.FileName}: expected JSON with each field once, found other text", cause: error);
        }
    }

    /// <summary>What is wrong with a configuration.</summary>
    internal static FedCloudException Unsupported(string what, string? next = null) => new(ErrorCodes.AdapterUnsupported, $"{PeftConfig.FileName}: {what}", next);

    private static PeftConfig Read(Dictionary<string, JsonElement> fields)
    {
        RequireWord(fields, "peft_type", "LORA", mayBeAbsent: false);
        RequireWord(fields, "task_type", "CAUSAL_LM", mayBeAbsent: true);
        RequireWord(fields, "bias", "none", mayBeAbsent: true);
        RequireBeginning(fields);
        foreach ((string name, JsonElement value) in fields.OrderBy(field => field.Key, StringComparer.Ordinal))
        {
            if (!PeftFields.Read.Contains(name) && !PeftFields.WithoutEffect.Contains(name) && !PeftFields.IsNeutral(value))
            {
                throw Unsupported(PeftFields.Refused.TryGetValue(name, out string? asked)
                    ? $"{name} asks for {asked}, which is not implemented"
                    : $"the field {Printable(name)} is not known, and its value may ask for something");
            }
        }

        return new PeftConfig
        {
            BaseModelNameOrPath = Value(fields, "base_model_name_or_path") is { } named ? Text("base_model_name_or_path", named) : null,
            Form = new LoraForm(Rank("r", Require(fields, "r")), Real("lora_alpha", Require(fields, "lora_alpha")))
            {
                IsRankStabilized = Flag(fields, "use_rslora") ?? false,
                IsDecomposed = Flag(fields, "use_dora") ?? false,
                RankPattern = Pattern(fields, "rank_pattern", Rank),
                AlphaPattern = Pattern(fields, "alpha_pattern", Real),
            },
            TargetModules = Targets(Require(fields, "target_modules")),
            FanInFanOut = Flag(fields, "fan_in_fan_out"),
        };
    }

    private static JsonElement? Value(Dictionary<string, JsonElement> fields, string name) =>
        fields.TryGetValue(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;

    private static JsonElement Require(Dictionary<string, JsonElement> fields, string name) =>
        Value(fields, name) ?? throw Unsupported($"expected a field {name}, found none");

    private static void RequireWord(Dictionary<string, JsonElement> fields, string name, string word, bool mayBeAbsent)
    {
        string? found = Value(fields, name) is { } value ? Text(name, value) : null;
        if (found is null ? !mayBeAbsent : !string.Equals(found, word, StringComparison.Ordinal))
        {
            throw Unsupported($"{name}: expected {word}, found {(found is null ? "none" : Printable(found))}");
        }
    }

    private static void RequireBeginning(Dictionary<string, JsonElement> fields)
    {
        if (Value(fields, "init_lora_weights") is { ValueKind: not (JsonValueKind.True or JsonValueKind.False) } value
            && Text("init_lora_weights", value) is var word && !PeftFields.Beginnings.Contains(word))
        {
            throw Unsupported(
                $"init_lora_weights: expected a beginning that leaves the base model's weights as they are, found {Printable(word)}",
                "save the adapter again in PEFT with path_initial_model_for_weight_conversion, which makes it fit the published base model");
        }
    }

    private static PeftTargets Targets(JsonElement value)
    {
        if (value.ValueKind == JsonValueKind.String)
        {
            return new PeftTargets([], Text("target_modules", value));
        }

        bool isList = value.ValueKind == JsonValueKind.Array && value.GetArrayLength() > 0 && value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String);
        return isList
            ? new PeftTargets([.. value.EnumerateArray().Select(item => item.GetString() ?? string.Empty)])
            : throw Unsupported("target_modules: expected a list of names, or one expression, found another value");
    }

    private static ImmutableArray<KeyValuePair<string, T>> Pattern<T>(Dictionary<string, JsonElement> fields, string name, Func<string, JsonElement, T> read)
    {
        if (Value(fields, name) is not { } value)
        {
            return [];
        }

        return value.ValueKind == JsonValueKind.Object
            ? [.. value.EnumerateObject().Select(one => KeyValuePair.Create(one.Name, read($"{name}.{Printable(one.Name)}", one.Value)))]
            : throw Unsupported($"{name}: expected an object, found another value");
    }

    private static bool? Flag(Dictionary<string, JsonElement> fields, string name) => Value(fields, name) is not { } value ? null : value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Unsupported($"{name}: expected true or false, found another value"),
    };

    private static int Rank(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int rank) && rank >= 1
            ? rank
            : throw Unsupported($"{name}: expected a rank of at least 1, found {Printable(value.GetRawText())}");

    private static double Real(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double real) && double.IsFinite(real)
            ? real
            : throw Unsupported($"{name}: expected a number, found {Printable(value.GetRawText())}");

    private static string Text(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.String && value.GetString() is { } text ? text : throw Unsupported($"{name}: expected a text, found another value");

    private static string Printable(string text) => new([.. text.Take(80).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')]);
}
