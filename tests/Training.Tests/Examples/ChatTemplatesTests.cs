// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Examples;
using FedCloud.Training.Tests.Tokenization;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Examples;

/// <summary>How a base model's template is found.</summary>
public sealed class ChatTemplatesTests : IDisposable
{
    // As published for Qwen/Qwen1.5 and 2: short enough to stand here.
    private const string Qwen2 = "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}{% endif %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}";

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    [Theory]
    [InlineData("llama", "llama2", "", "llama2")]
    [InlineData("llama", "llama3", "<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|>", "llama3")]
    [InlineData("llama", "llama3", "<|begin_of_text|> <|start_header_id|> <|end_header_id|> <|eot_id|> <|python_tag|>", "llama3.1")]
    [InlineData("llama", "llama3", "<|start_header_id|>", null)]
    [InlineData("llama", "gpt2", "", null)]
    [InlineData("llama", "qwen", "", null)]
    [InlineData("mistral", "llama2", "", "mistral-v1")]
    [InlineData("mistral", "mistral", "", "mistral-v3")]
    [InlineData("mistral", "tekken", "", "mistral-v3-tekken")]
    [InlineData("qwen2", "qwen", "", "qwen2")]
    [InlineData("qwen2", "qwen", "<tool_call>", "qwen2.5")]
    [InlineData("qwen3", "qwen", "", "qwen3")]
    [InlineData("gemma", "gemma", "", "gemma2")]
    [InlineData("gemma2", "gemma", "", "gemma2")]
    [InlineData("gemma3_text", "gemma", "", "gemma3")]
    [InlineData("gemma3_text", "llama2", "", null)]
    [InlineData("gpt2", "gpt2", "", null)]
    public void Find_ByFamilyAndAddedTokens_IsTheFamilysTemplate(string family, string form, string more, string? expected)
    {
        Write("config.json", $$"""{"model_type":"{{family}}"}""");
        Tokenizer tokenizer = With(form, more.Split(' ', StringSplitOptions.RemoveEmptyEntries));

        if (expected is null)
        {
            Assert.Equal("chat_template_missing", Assert.Throws<FedCloudException>(() => ChatTemplates.Find(_folder, tokenizer)).Code.Name);
            return;
        }

        Assert.Equal(expected, ChatTemplates.Find(_folder, tokenizer).Name);
    }

    [Fact]
    public void Find_PublishedText_WinsOverTheFamily()
    {
        Tokenizer tokenizer = With("qwen", ["<tool_call>"]);
        Write("config.json", """{"model_type":"qwen2"}""");
        Assert.Equal("qwen2.5", ChatTemplates.Find(_folder, tokenizer).Name);

        Write("tokenizer_config.json", JsonSerializer.Serialize(new Dictionary<string, string> { ["chat_template"] = Qwen2 }));
        Assert.Equal("qwen2", ChatTemplates.Find(_folder, tokenizer).Name);

        Write("chat_template.jinja", "\r\n" + Qwen2.Replace("\\n", "\n", StringComparison.Ordinal) + "\n");
        Assert.Equal("qwen2", ChatTemplates.Find(_folder, tokenizer).Name);
    }

    [Theory]
    [InlineData("chat_template.jinja", "{{ messages }}")]
    [InlineData("tokenizer_config.json", "{\"chat_template\":\"{{ messages }}\"}")]
    [InlineData("tokenizer_config.json", "{\"chat_template\":[{\"name\":\"default\",\"template\":\"x\"}]}")]
    public void Find_UnknownText_IsRefusedWithItsDigest(string file, string text)
    {
        Write("config.json", """{"model_type":"qwen2"}""");
        Write(file, text);

        FedCloudException error = Assert.Throws<FedCloudException>(() => ChatTemplates.Find(_folder, With("qwen", [])));

        Assert.Equal("chat_template_unknown", error.Code.Name);
        Assert.Matches("[0-9a-f]{64}", error.Message);
    }

    [Fact]
    public void Encoder_TokenizerWithoutAMarker_IsRefused() =>
        Assert.Equal("chat_template_missing", Assert.Throws<FedCloudException>(() => new ChatEncoder(Vectors.Read("gpt2"), ChatTemplates.All["qwen2"])).Code.Name);

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private Tokenizer With(string form, string[] more)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(Vectors.FileOf(form)))!.AsObject();
        int next = Vectors.Read(form).Size;
        foreach (string marker in more)
        {
            json["added_tokens"]!.AsArray().Add(JsonNode.Parse($$"""{"id":{{next++}},"content":"{{marker}}","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}"""));
        }

        Write("tokenizer.json", json.ToJsonString());
        return Tokenizer.Read(Path.Combine(_folder, "tokenizer.json"));
    }

    private void Write(string file, string text) => File.WriteAllText(Path.Combine(_folder, file), text);
}
