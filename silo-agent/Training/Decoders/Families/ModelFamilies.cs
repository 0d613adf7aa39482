// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Decoders.Families;

/// <summary>The families whose base models are read.</summary>
internal static class ModelFamilies
{
    private static readonly FrozenDictionary<string, ModelFamily> All =
        new[] { LlamaFamily.Family, MistralFamily.Family, QwenFamily.Second, QwenFamily.Third, GemmaFamily.Second, GemmaFamily.Third, Gpt2Family.Family }
            .ToFrozenDictionary(family => family.Type, StringComparer.Ordinal);

    /// <summary>Reads <c>config.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>config_unsupported</c>.</exception>
    public static ModelConfig Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new FedCloudException(ErrorCodes.BaseModelMissing, "expected config.json in the base model's folder, found none");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path), new JsonDocumentOptions { AllowDuplicateProperties = false });
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? Read(new ConfigFields(document.RootElement))
                : throw ConfigFields.Malformed("expected a JSON object, found another value");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.ConfigUnsupported, "config.json is not JSON, or names a field twice", cause: error);
        }
    }

    private static ModelConfig Read(ConfigFields config)
    {
        string type = config.Text("model_type");
        return All.TryGetValue(type, out ModelFamily? family)
            ? family.Read(config)
            : throw ConfigFields.Malformed($"expected model_type to be one of {string.Join(", ", All.Keys.Order(StringComparer.Ordinal))}, found {ConfigFields.Printable(type)}");
    }
}
