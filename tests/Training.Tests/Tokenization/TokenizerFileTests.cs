// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Tokenization;

/// <summary>What is not a BPE of a known form is refused, and the line says which part.</summary>
public sealed class TokenizerFileTests : IDisposable
{
    private const string Added = "{\"id\":519,\"content\":\"<|x|>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":true}";

    private const string Again = "{\"id\":520,\"content\":\"<|x|>\",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":true,\"special\":true}";

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    private string TokenizerFile => Path.Combine(_folder, "tokenizer.json");

    [Theory]
    [InlineData("version", "\"2.0\"", "version: expected 1.0, found \"2.0\"")]
    [InlineData("surprise", "1", "the file has the unknown member surprise")]
    [InlineData("decoder", "null", "decoder: expected the type ByteLevel or Sequence, found nothing")]
    [InlineData("decoder.type", "\"Metaspace\"", "decoder: expected the type ByteLevel or Sequence, found an object")]
    [InlineData("model", "null", "model: expected an object, found nothing")]
    [InlineData("model", "[]", "model: expected an object, found an array")]
    [InlineData("model.type", "null", "model.type: expected a text, found nothing")]
    [InlineData("model.type", "\"Unigram\"", "model.type: expected BPE, found \"Unigram\"")]
    [InlineData("model.dropout", "0.1", "model.dropout: expected it switched off, found 0.1")]
    [InlineData("model.continuing_subword_prefix", "\"##\"", "model.continuing_subword_prefix: expected it switched off, found \"##\"")]
    [InlineData("model.end_of_word_suffix", "\"</w>\"", "model.end_of_word_suffix: expected it switched off, found \"</w>\"")]
    [InlineData("model.byte_fallback", "1", "model.byte_fallback: expected true or false, found 1")]
    [InlineData("model.ignore_merges", "\"yes\"", "model.ignore_merges: expected true or false, found \"yes\"")]
    [InlineData("model.language", "\"en\"", "model has the unknown member language")]
    [InlineData("model.vocab", "null", "model.vocab: expected an object, found nothing")]
    [InlineData("model.vocab", "{}", "added_tokens[0].id: expected 0 from its place in the order, found 519")]
    [InlineData("model.vocab.a", "-1", "model.vocab.*: expected a token id, found -1")]
    [InlineData("model.vocab.a", "1.5", "model.vocab.*: expected a token id, found 1.5")]
    [InlineData("model.vocab.a", "2147483647", "model.vocab.*: expected a token id, found 2147483647")]
    [InlineData("model.vocab.a", "\"\\u001B[2J\\u0000äöü and a very long text that would fill an operator's terminal\"", "model.vocab.*: expected a token id, found \"\\u001B[2J\\u0000??? and a very long text that would fill an …. Next")]
    [InlineData("model.vocab.a", "0", "model.vocab has the id 0 or its token twice")]
    [InlineData("model.merges", "null", "model.merges: expected an array, found nothing")]
    [InlineData("model.merges", "[\"a\"]", "model.merges has a pair of 1 parts")]
    [InlineData("model.merges", "[[\"a\",\"b\",\"c\"]]", "model.merges has a pair of 3 parts")]
    [InlineData("model.merges", "[[\"a\",1]]", "model.merges[0][1]: expected a text, found 1")]
    [InlineData("model.merges", "[1]", "model.merges[0]: expected an array, found 1")]
    [InlineData("model.merges", "[\"Ġ t\",\"q zz\"]", "model.merges[1] names a token that the vocabulary lacks")]
    [InlineData("model.merges", "[\"q q\"]", "model.merges[0] names a token that the vocabulary lacks")]
    [InlineData("normalizer", "{\"type\":\"NFKC\"}", "normalizer.type: expected NFC, or no normalizer, found \"NFKC\"")]
    [InlineData("normalizer", "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{\"type\":\"Lowercase\"}]}", "normalizer.normalizers[1].type: expected NFC, or no normalizer, found \"Lowercase\"")]
    [InlineData("normalizer", "{\"type\":\"Sequence\"}", "normalizer.normalizers: expected an array, found nothing")]
    [InlineData("pre_tokenizer", "null", "pre_tokenizer: expected an object, found nothing")]
    [InlineData("pre_tokenizer.type", "\"Metaspace\"", "pre_tokenizer.type: expected ByteLevel, or a Sequence of Split and ByteLevel, found \"Metaspace\"")]
    [InlineData("pre_tokenizer.add_prefix_space", "true", "pre_tokenizer.add_prefix_space: expected it switched off, found true")]
    [InlineData("pre_tokenizer.use_regex", "false", "pre_tokenizer.use_regex: expected true, found false")]
    [InlineData("pre_tokenizer.more", "false", "pre_tokenizer has the unknown member more")]
    [InlineData("added_tokens", "{}", "added_tokens: expected an array, found an object")]
    [InlineData("added_tokens", "[1]", "added_tokens[0]: expected an object, found 1")]
    [InlineData("added_tokens", "[{}]", "added_tokens[0].content: expected a text, found nothing")]
    [InlineData("added_tokens.0.content", "\"\"", "added_tokens[0].content: expected a text, found \"\"")]
    [InlineData("added_tokens.0.single_word", "true", "added_tokens[0].single_word: expected it switched off, found true")]
    [InlineData("added_tokens.0.lstrip", "true", "added_tokens[0].lstrip: expected it switched off, found true")]
    [InlineData("added_tokens.0.rstrip", "true", "added_tokens[0].rstrip: expected it switched off, found true")]
    [InlineData("added_tokens.0.normalized", "null", "added_tokens[0].normalized: expected true or false, found nothing")]
    [InlineData("added_tokens.0.special", "null", "added_tokens[0].special: expected true or false, found nothing")]
    [InlineData("added_tokens.0.rank", "1", "added_tokens[0] has the unknown member rank")]
    [InlineData("added_tokens.0.id", "-1", "added_tokens[0].id: expected a token id, found -1")]
    [InlineData("added_tokens.0.id", "600", "added_tokens[0].id: expected 519 from its place in the order, found 600")]
    [InlineData("added_tokens.0.content", "\"a\"", "added_tokens[0].id: expected 64 from its place in the order, found 519")]
    [InlineData("added_tokens", "[" + Added + "," + Added + "]", "added_tokens[1].id: expected 520 from its place in the order, found 519")]
    [InlineData("added_tokens", "[" + Added + "," + Again + "]", "added_tokens has the token with the id 520 twice")]
    [InlineData("post_processor", "{\"type\":\"BertProcessing\"}", "post_processor.type: expected ByteLevel, TemplateProcessing or a Sequence of them, found \"BertProcessing\"")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\"}", "post_processor.single: expected an array, found nothing")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[]}", "post_processor.single: expected tokens before the text and none after it, found an array")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"x\"}}]}", "post_processor.single: expected tokens before the text and none after it")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}},{\"Sequence\":{\"id\":\"A\"}}]}", "post_processor.single: expected tokens before the text and none after it")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"B\"}}]}", "post_processor.single: expected tokens before the text and none after it")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}},{\"Sequence\":{\"id\":\"A\"}}]}", "post_processor.special_tokens: expected an object, found nothing")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":\"x\"}},{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"x\":{\"ids\":[9999]}}}", "post_processor begins a text with a token that does not exist")]
    public void Read_Gpt2FormSpoilt_IsRefusedByName(string place, string value, string line) => AssertRefused("gpt2", place, value, line);

    [Theory]
    [InlineData("pre_tokenizer.pretokenizers", "null", "pre_tokenizer.pretokenizers: expected an array, found nothing")]
    [InlineData("pre_tokenizer.pretokenizers", "[]", "pre_tokenizer.pretokenizers: expected Split and ByteLevel, found an array")]
    [InlineData("pre_tokenizer.pretokenizers.0.type", "\"Digits\"", "pre_tokenizer.pretokenizers[0].type: expected Split, found \"Digits\"")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern", "{\"String\":\" \"}", "pre_tokenizer.pretokenizers[0].pattern.Regex: expected a text, found nothing")]
    [InlineData("pre_tokenizer.pretokenizers.0.pattern.Regex", "\"\\\\p{N}\"", "pre_tokenizer.pretokenizers[0].pattern.Regex: expected the pattern of Llama 3, Qwen or Mistral, found \"\\\\p{N}\"")]
    [InlineData("pre_tokenizer.pretokenizers.0.behavior", "\"Removed\"", "pre_tokenizer.pretokenizers[0].behavior: expected Isolated, found \"Removed\"")]
    [InlineData("pre_tokenizer.pretokenizers.0.invert", "true", "pre_tokenizer.pretokenizers[0].invert: expected it switched off, found true")]
    [InlineData("pre_tokenizer.pretokenizers.0.limit", "1", "pre_tokenizer.pretokenizers[0] has the unknown member limit")]
    [InlineData("pre_tokenizer.pretokenizers.1.type", "\"Split\"", "pre_tokenizer.pretokenizers[1].type: expected ByteLevel, found \"Split\"")]
    [InlineData("pre_tokenizer.pretokenizers.1.use_regex", "true", "pre_tokenizer.pretokenizers[1].use_regex: expected false, since the text is split before, found true")]
    [InlineData("pre_tokenizer.pretokenizers.1.add_prefix_space", "true", "pre_tokenizer.pretokenizers[1].add_prefix_space: expected it switched off, found true")]
    [InlineData("post_processor.processors.1.type", "\"RobertaProcessing\"", "post_processor.processors[1].type: expected ByteLevel, TemplateProcessing or a Sequence of them, found \"RobertaProcessing\"")]
    [InlineData("post_processor.processors.0", "{\"type\":\"TemplateProcessing\",\"single\":[{\"Sequence\":{\"id\":\"A\"}}]}", "post_processor.processors: expected one TemplateProcessing at most, found an array")]
    public void Read_Llama3FormSpoilt_IsRefusedByName(string place, string value, string line) => AssertRefused("llama3", place, value, line);

    [Theory]
    [InlineData("llama2", "normalizer", "{\"type\":\"NFC\"}", "normalizer.type: expected Replace, or a Sequence of Prepend and Replace, found \"NFC\"")]
    [InlineData("llama2", "normalizer.normalizers.0", "{\"type\":\"Strip\"}", "normalizer.normalizers[0].type: expected Prepend, found \"Strip\"")]
    [InlineData("llama2", "normalizer.normalizers", "[]", "normalizer.normalizers: expected Prepend and Replace, found an array")]
    [InlineData("llama2", "normalizer.normalizers.0.prepend", "\"x\"", "normalizer.normalizers[0].prepend: expected \u2581, found \"x\"")]
    [InlineData("llama2", "normalizer.normalizers.1.content", "\"_\"", "normalizer.normalizers[1].content: expected \u2581, found \"_\"")]
    [InlineData("llama2", "normalizer.normalizers.1.pattern", "{\"Regex\":\" \"}", "normalizer.normalizers[1].pattern.String: expected a text, found nothing")]
    [InlineData("llama2", "normalizer.strip", "1", "normalizer has the unknown member strip")]
    [InlineData("llama2", "pre_tokenizer", "{\"type\":\"Metaspace\"}", "pre_tokenizer.type: expected Split, found \"Metaspace\"")]
    [InlineData("llama2", "decoder.decoders", "[]", "decoder.decoders: expected Replace, ByteFallback, Fuse and at most Strip, found an array")]
    [InlineData("llama2", "decoder.decoders.1.type", "\"Fuse\"", "decoder.decoders[1].type: expected ByteFallback, found \"Fuse\"")]
    [InlineData("llama2", "decoder.decoders.3.stop", "1", "decoder.decoders[3].stop: expected it switched off, found 1")]
    [InlineData("llama2", "decoder.decoders.3.content", "\"x\"", "decoder.decoders[3].content: expected \" \", found \"x\"")]
    [InlineData("llama2", "model.byte_fallback", "false", "model.vocab has no token for the byte 0x00, or byte_fallback is off")]
    [InlineData("llama2", "model.ignore_merges", "true", "model.ignore_merges: expected it switched off where letters are characters, found true")]
    [InlineData("llama2", "added_tokens.0.lstrip", "true", "added_tokens[0].lstrip: expected it switched off, found true")]
    [InlineData("mistral", "pre_tokenizer", "null", "pre_tokenizer: expected an object, found nothing")]
    [InlineData("mistral", "pre_tokenizer.type", "\"Whitespace\"", "pre_tokenizer.type: expected Metaspace, found \"Whitespace\"")]
    [InlineData("mistral", "pre_tokenizer.replacement", "\"_\"", "pre_tokenizer.replacement: expected \u2581, found \"_\"")]
    [InlineData("mistral", "pre_tokenizer.prepend_scheme", "\"last\"", "pre_tokenizer.prepend_scheme: expected always, first or never, found \"last\"")]
    [InlineData("mistral", "pre_tokenizer.prepend_scheme", "null", "pre_tokenizer.prepend_scheme: expected a text, found nothing")]
    [InlineData("mistral", "pre_tokenizer.split", "1", "pre_tokenizer.split: expected true or false, found 1")]
    [InlineData("mistral", "pre_tokenizer.add_prefix_space", "false", "pre_tokenizer.add_prefix_space: expected true, or prepend_scheme alone, found false")]
    [InlineData("mistral", "pre_tokenizer.str_rep", "\"_\"", "pre_tokenizer has the unknown member str_rep")]
    [InlineData("gemma", "pre_tokenizer.behavior", "\"Removed\"", "pre_tokenizer.behavior: expected MergedWithPrevious, found \"Removed\"")]
    [InlineData("gemma", "pre_tokenizer.pattern.String", "\",\"", "pre_tokenizer.pattern.String: expected \" \", found \",\"")]
    public void Read_SentencePieceFormSpoilt_IsRefusedByName(string form, string place, string value, string line) => AssertRefused(form, place, value, line);

    [Fact]
    public void Read_AddedTokensOfOneNormalizedText_AreRefused()
    {
        JsonObject json = Form("gpt2");
        Set(json, "normalizer", "{\"type\":\"NFC\"}");
        Set(json, "added_tokens", "[" + Added.Replace("<|x|>", "é漢", StringComparison.Ordinal) + "," + Added.Replace("<|x|>", "e\u0301漢", StringComparison.Ordinal).Replace("519", "520", StringComparison.Ordinal) + "]");
        Assert.NotNull(Accepted(json));

        Set(json, "added_tokens.0.normalized", "true");
        Set(json, "added_tokens.1.normalized", "true");

        Assert.Contains("added_tokens has two tokens of one normalized text, one with the id 520", Refusal(Text(json)), StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FallbackWithoutItsBytes_IsRefused()
    {
        JsonObject json = Form("fallback");
        json["model"]!["byte_fallback"] = false;

        Assert.Contains("model.vocab has no token for the byte 0xAA", Refusal(Text(json)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "tokenizer.json is not JSON")]
    [InlineData("{", "tokenizer.json is not JSON")]
    [InlineData("[]", "the file: expected an object, found an array")]
    [InlineData("{\"version\":\"\\ud800\"}", "tokenizer.json holds a text that is not Unicode")]
    public void Read_AnotherText_IsRefused(string text, string line) => Assert.Contains(line, Refusal(text), StringComparison.Ordinal);

    [Fact]
    public void Read_NoFile_SaysSo()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Tokenizer.Read(TokenizerFile));

        Assert.Equal("base_model_missing", error.Code.Name);
        Assert.Contains("found none", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FileThatCannotBeRead_SaysSo()
    {
        // Opens, but gives an input/output error at its first byte.
        FedCloudException error = Assert.Throws<FedCloudException>(() => Tokenizer.Read("/proc/self/mem"));

        Assert.Equal("base_model_missing", error.Code.Name);
        Assert.Contains("one that cannot be read", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("normalizer", "{\"type\":\"Sequence\",\"normalizers\":[]}")]
    [InlineData("model.dropout", "0.0")]
    [InlineData("model.continuing_subword_prefix", "\"\"")]
    [InlineData("post_processor", "{\"type\":\"ByteLevel\",\"add_prefix_space\":true,\"trim_offsets\":false,\"use_regex\":true}")]
    [InlineData("truncation", "{\"max_length\":2,\"strategy\":\"LongestFirst\",\"stride\":0,\"direction\":\"Right\"}")]
    [InlineData("padding", "{}")]
    public void Read_OptionWithoutEffect_ChangesNoToken(string place, string value)
    {
        JsonObject json = Form("gpt2");
        Set(json, place, value);

        Tokenizer tokenizer = Accepted(json);

        Assert.Equal(Vectors.Tokens("gpt2"), Vectors.Texts.Select(text => tokenizer.Encode(text).ToArray()));
        Assert.Empty(tokenizer.Start);
    }

    [Fact]
    public void Read_MergesAsPairs_AreThoseAsTexts()
    {
        JsonObject json = Form("gpt2");
        json["model"]!["merges"] = new JsonArray([.. json["model"]!["merges"]!.AsArray().Select(merge => new JsonArray([.. merge!.GetValue<string>().Split(' ').Select(part => JsonValue.Create(part))]))]);

        Tokenizer tokenizer = Accepted(json);

        Assert.Equal(Vectors.Tokens("gpt2"), Vectors.Texts.Select(text => tokenizer.Encode(text).ToArray()));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static JsonObject Form(string name) => JsonNode.Parse(File.ReadAllText(Vectors.FileOf(name)))!.AsObject();

    private static string Text(JsonObject json) => json.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private static void Set(JsonObject json, string place, string value)
    {
        string[] steps = place.Split('.');
        JsonNode node = json;
        foreach (string step in steps[..^1])
        {
            node = node is JsonArray array ? array[step[0] - '0']! : node[step]!;
        }

        if (node is JsonArray items)
        {
            items[steps[^1][0] - '0'] = JsonNode.Parse(value);
            return;
        }

        node[steps[^1]] = JsonNode.Parse(value);
    }

    private void AssertRefused(string form, string place, string value, string line)
    {
        JsonObject json = Form(form);
        Set(json, place, value);

        Assert.Contains(line, Refusal(Text(json)), StringComparison.Ordinal);
    }

    private Tokenizer Accepted(JsonObject json)
    {
        File.WriteAllText(TokenizerFile, Text(json));
        return Tokenizer.Read(TokenizerFile);
    }

    private string Refusal(string text)
    {
        File.WriteAllText(TokenizerFile, text);
        FedCloudException error = Assert.Throws<FedCloudException>(() => Tokenizer.Read(TokenizerFile));
        Assert.Equal("tokenizer_unsupported", error.Code.Name);
        Assert.DoesNotContain('\n', error.Message);
        return error.Message;
    }
}
