// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Examples;

/// <summary>Finds a base model's template for conversations: by the published text where its folder holds one, else by family and added tokens.</summary>
/// <remarks>A federation's base models are config.json, model.safetensors and tokenizer.json alone, so there it is the family. docs/job-format.md has the rule.</remarks>
public static class ChatTemplates
{
    private static readonly ChatTemplate Llama2 = new Llama2Chat();
    private static readonly ChatTemplate Llama3 = new Llama3Chat("llama3", saysDates: false);
    private static readonly ChatTemplate Llama31 = new Llama3Chat("llama3.1", saysDates: true);
    private static readonly ChatTemplate Qwen2 = new QwenChat("qwen2", "You are a helpful assistant.", thinks: false);
    private static readonly ChatTemplate Qwen25 = new QwenChat("qwen2.5", "You are Qwen, created by Alibaba Cloud. You are a helpful assistant.", thinks: false);
    private static readonly ChatTemplate Qwen3 = new QwenChat("qwen3", system: null, thinks: true);
    private static readonly ChatTemplate Gemma2 = new GemmaChat("gemma2", allowsSystem: false);
    private static readonly ChatTemplate Gemma3 = new GemmaChat("gemma3", allowsSystem: true);

    // SHA-256 of published templates, as Digest makes it.
    private static readonly FrozenDictionary<string, ChatTemplate> Published = new Dictionary<string, ChatTemplate>(StringComparer.Ordinal)
    {
        ["9780fae5bfea3cfd7be37d328c6edfd296a8869be8131495bbe7eb37e780c88c"] = Llama2, // meta-llama/Llama-2-7b-chat-hf
        ["5dc3ab76a98f3889ad7f7af42d81259e2600c751b3fab807c1d08e9768e9d0a1"] = Llama2, // transformers' default for Llama
        ["ba03a121d097859c7b5b9cd03af99aafe95275210d2876f642ad9929a150f122"] = Llama3, // meta-llama/Meta-Llama-3-8B-Instruct
        ["b48c47f6443892716176eb200bf4ef108f64e06ca26ed0fa8ebc0a4b3992fcb2"] = Llama3, // the same model, as first published
        ["99799a835a31e1d33c4a9c7ee8a0de3923b291a95155ed6dc8efcbd0fe1d0238"] = Llama31, // meta-llama/Llama-3.1-8B-Instruct and Llama-3.3-70B-Instruct
        ["0cac23ffd2b33ff7b039e17ee143a080053318146fdc788f1d49ed4745aa8683"] = Llama31, // meta-llama/Llama-3.2-3B-Instruct
        ["793202280c0910ab26bc6eb57c8212c2417324c6d8c4efd0d10d59092ab3e3eb"] = Qwen2, // Qwen/Qwen2-7B-Instruct
        ["a18cc698dd45623eb707279d08e66f7bb8d76afc89ead84016b88487b395b5cc"] = Qwen25, // Qwen/Qwen2.5-7B-Instruct
        ["2df317a15cbc983d9602cc391d33be17237d47ec7eb11ead80fae277143958aa"] = Qwen3, // Qwen/Qwen3-0.6B
        ["26a59556925c987317ce5291811ba3b7f32ec4c647c400c6cc7e3a9993007ba7"] = MistralChat.V0, // mistralai/Mistral-7B-Instruct-v0.2 and Mixtral-8x7B-Instruct-v0.1, as first published
        ["1c6594f8393552ef16bbf3ddecb67d8258fb8d66339a1a092a8f8496061f02d3"] = MistralChat.V1, // mistralai/Mistral-7B-Instruct-v0.2
        ["1127255163dd25a2fd472f9901035aa9e78dc77ca33efdd010f5c8ea87e5d436"] = MistralChat.V3Tekken, // mistralai/Mistral-Nemo-Instruct-2407
        ["962c60d6f78274641b82606abbb59b4c5b1163fc7b9b8c5a0e2dcf70a55a79df"] = MistralChat.V3Tekken, // the same model, as first published
        ["ecd6ae513fe103f0eb62e8ab5bfa8d0fe45c1074fa398b089c93a7e70c15cfd6"] = Gemma2, // google/gemma-2-2b-it
        ["8d9e3a3c114fb2053ec500184677af4f7e5f8ec2582443cd535834e68b3ade29"] = Gemma3, // google/gemma-3-4b-it
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>All templates by name.</summary>
    internal static IReadOnlyDictionary<string, ChatTemplate> All { get; } =
        Published.Values.Append(MistralChat.V3).Distinct().ToDictionary(template => template.Name, StringComparer.Ordinal);

    /// <summary>Finds the template of a base model's folder.</summary>
    /// <param name="folder">The folder with config.json, and maybe chat_template.jinja or a tokenizer_config.json with a template.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <exception cref="FedCloudException"><c>chat_template_missing</c> or <c>chat_template_unknown</c>.</exception>
    public static ChatTemplate Find(string folder, Tokenizer tokenizer)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        if (ReadText(folder) is { } text)
        {
            return OfText(text) ?? throw new FedCloudException(ErrorCodes.ChatTemplateUnknown, $"expected a published chat template, found one with the SHA-256 {Digest(text)}");
        }

        string family = ReadMember(Path.Combine(folder, "config.json"), "model_type") is { ValueKind: JsonValueKind.String } type ? type.GetString() ?? string.Empty : string.Empty;
        return OfFamily(family, tokenizer) ?? throw new FedCloudException(ErrorCodes.ChatTemplateMissing, "expected a family with a chat template in config.json and its markers among the added tokens of tokenizer.json, found none");
    }

    /// <summary>The template with a published text; null when it is not known.</summary>
    internal static ChatTemplate? OfText(string text) => Published.GetValueOrDefault(Digest(text));

    /// <summary>The template of a family: where there are several, the newest whose markers the tokenizer has.</summary>
    internal static ChatTemplate? OfFamily(string family, Tokenizer tokenizer)
    {
        bool Has(string marker) => tokenizer.AddedToken(marker) is not null;
        ChatTemplate? template = family switch
        {
            "llama" when Has("<|start_header_id|>") => Has("<|python_tag|>") ? Llama31 : Llama3,
            "llama" when !tokenizer.IsByteLevel => Llama2,
            "mistral" when Has("[INST]") => tokenizer.IsByteLevel ? MistralChat.V3Tekken : MistralChat.V3,
            "mistral" => MistralChat.V1,
            "qwen2" => Has("<tool_call>") ? Qwen25 : Qwen2,
            "qwen3" => Qwen3,
            "gemma" or "gemma2" => Gemma2,
            "gemma3" or "gemma3_text" => Gemma3,
            _ => null,
        };
        return template?.Markers.All(Has) ?? false ? template : null;
    }

    /// <summary>SHA-256 of a template, its line breaks written alike and nothing around it: \n in a Jinja text is a line break however it is written.</summary>
    internal static string Digest(string text) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text.Replace("\r\n", "\n", StringComparison.Ordinal).Replace("\\n", "\n", StringComparison.Ordinal).Trim())));

    private static string? ReadText(string folder)
    {
        string file = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(file))
        {
            return Encoding.UTF8.GetString(ReadBytes(file));
        }

        JsonElement? template = ReadMember(Path.Combine(folder, "tokenizer_config.json"), "chat_template");
        return template switch
        {
            { ValueKind: JsonValueKind.String } text => text.GetString(),
            { ValueKind: JsonValueKind.Array } several => several.GetRawText(), // several templates: none is the one
            _ => null,
        };
    }

    private static byte[] ReadBytes(string path)
    {
        try
        {
            return File.ReadAllBytes(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected a readable {Path.GetFileName(path)} in the base model's folder, found one that cannot be read", cause: error);
        }
    }

    private static JsonElement? ReadMember(string path, string name)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(ReadBytes(path));
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out JsonElement value) ? value.Clone() : null;
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.ConfigUnsupported, $"{Path.GetFileName(path)} is not JSON", cause: error);
        }
    }
}
