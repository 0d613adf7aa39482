// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Tokenization;

public sealed class ByteLevelBpeTests : IDisposable
{
    private readonly TinyBase _tiny = new();

    private string TokenizerFile => Path.Combine(_tiny.Folder, "tokenizer.json");

    [Fact]
    public void Decode_OfEncode_IsTheText()
    {
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(TokenizerFile);
        string[] pieces = ["the cat", " sat", "\n\n", "\t ", "don't", "Grüße", "心電図", "🫀🩺", "𝒳", "1/2 mg", "  ", "'", "ﷺ", "e\u0301", "\u0000", "x"];
        Gen<string> texts = Gen.Elements(pieces).ListOf().Select(string.Concat);

        Prop.ForAll(texts.ToArbitrary(), text => string.Equals(tokenizer.Decode(tokenizer.Encode(text)), text, StringComparison.Ordinal)).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("𐌰𐝀😀 👩‍⚕️ 漢字 ١٢ é ß")]
    [InlineData("  two  spaces\n\n\ttab 's 'll 123abc")]
    public void Decode_ManyScripts_IsTheText(string text)
    {
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(TokenizerFile);

        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    [Fact]
    public void Encode_FrequentWord_IsOneToken()
    {
        Assert.Single(ByteLevelBpe.Read(TokenizerFile).Encode(" the"));
    }

    [Fact]
    public void Encode_Words_MergesTheLowestRankFirst()
    {
        JsonObject json = Tokenizer();
        json["model"]!["merges"] = new JsonArray("b c", "a b", "ab c");
        AddTokens(json, "bc", "ab", "abc");
        Write(json);
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(TokenizerFile);

        // "abc": b c has rank 0, so a b never forms; "ab" merges by rank 1.
        Assert.Equal(["a", "bc"], tokenizer.Encode("abc").Select(id => tokenizer.Decode([id])), StringComparer.Ordinal);
        Assert.Equal(["ab", " ", "ab"], tokenizer.Encode("ab ab").Select(id => tokenizer.Decode([id])), StringComparer.Ordinal);
    }

    [Fact]
    public void Encode_RandomWords_AgreesWithTheSlowAlgorithm()
    {
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(TokenizerFile);
        JsonObject model = Tokenizer()["model"]!.AsObject();
        string[] merges = [.. model["merges"]!.AsArray().Select(merge => merge!.GetValue<string>())];
        Gen<string> words = Gen.Elements("t", "h", "e", "c", "a", "s", "o", "n", "d", "m", "l", "g").NonEmptyListOf().Select(string.Concat);

        Prop.ForAll(words.ToArbitrary(), word =>
        {
            List<string> expected = [.. word.Select(letter => letter.ToString())];
            foreach (string merge in merges)
            {
                string[] parts = merge.Split(' ');
                for (int i = 0; i + 1 < expected.Count; i++)
                {
                    if (string.Equals(expected[i], parts[0], StringComparison.Ordinal) && string.Equals(expected[i + 1], parts[1], StringComparison.Ordinal))
                    {
                        expected[i] += expected[i + 1];
                        expected.RemoveAt(i + 1);
                    }
                }
            }

            return expected.SequenceEqual(tokenizer.Encode(word).Select(id => tokenizer.Decode([id])), StringComparer.Ordinal);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void Encode_WordOfAHundredThousandLetters_TakesNoQuadraticTime()
    {
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(TokenizerFile);
        string sequence = string.Concat(Enumerable.Repeat("thecatsat", 11_112));
        Stopwatch watch = Stopwatch.StartNew();

        List<int> ids = tokenizer.Encode(sequence);

        Assert.Equal(sequence, tokenizer.Decode(ids));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"took {watch.Elapsed}"); // quadratic: minutes
    }

    [Fact]
    public void Encode_AddedToken_IsOneToken()
    {
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(TokenizerFile);
        int end = tokenizer.AddedToken(BpeTrainer.EndOfText)!.Value;

        List<int> ids = tokenizer.Encode("the<|endoftext|>the");

        Assert.Equal(1, ids.Count(id => id == end));
        Assert.Equal(tokenizer.Encode("the"), ids[..ids.IndexOf(end)]);
        Assert.Null(tokenizer.AddedToken("<|other|>"));
    }

    [Theory]
    [InlineData("normalizer", "{\"type\":\"NFC\"}")]
    [InlineData("post_processor", "{\"type\":\"TemplateProcessing\"}")]
    [InlineData("pre_tokenizer", "{\"type\":\"Metaspace\"}")]
    [InlineData("pre_tokenizer", "null")]
    [InlineData("pre_tokenizer", "{\"type\":\"ByteLevel\",\"add_prefix_space\":true}")]
    [InlineData("pre_tokenizer", "{\"type\":\"ByteLevel\",\"use_regex\":false}")]
    [InlineData("model", "{\"type\":\"Unigram\",\"vocab\":[]}")]
    [InlineData("model", "{\"type\":\"BPE\",\"vocab\":{\"a\":0},\"merges\":[]}")]
    public void Read_AnotherKindOfTokenizer_IsRefused(string part, string value)
    {
        JsonObject json = Tokenizer();
        json[part] = JsonNode.Parse(value);
        Write(json);

        FedCloudException error = Assert.Throws<FedCloudException>(() => ByteLevelBpe.Read(TokenizerFile));

        Assert.Equal("tokenizer_unsupported", error.Code.Name);
    }

    [Theory]
    [InlineData("byte_fallback", "true")]
    [InlineData("ignore_merges", "true")]
    [InlineData("dropout", "0.1")]
    [InlineData("end_of_word_suffix", "\"</w>\"")]
    public void Read_UnknownOption_IsRefusedByName(string option, string value)
    {
        JsonObject json = Tokenizer();
        json["model"]![option] = JsonNode.Parse(value);
        Write(json);

        FedCloudException error = Assert.Throws<FedCloudException>(() => ByteLevelBpe.Read(TokenizerFile));

        Assert.Contains(option, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MergeOfUnknownTokens_IsRefused()
    {
        JsonObject json = Tokenizer();
        json["model"]!["merges"] = new JsonArray("q zz");
        Write(json);

        Assert.Equal("tokenizer_unsupported", Assert.Throws<FedCloudException>(() => ByteLevelBpe.Read(TokenizerFile)).Code.Name);
    }

    [Fact]
    public void Train_SameText_WritesTheSameBytes()
    {
        string other = Path.Combine(_tiny.Folder, "again.json");
        string text = string.Concat(Enumerable.Repeat("the cat sat on the mat and the dog sat on the log. ", 3));

        BpeTrainer.Train(text, 280, other);

        Assert.Equal(File.ReadAllBytes(TokenizerFile), File.ReadAllBytes(other));
        Assert.Equal("a t", Tokenizer()["model"]!["merges"]![0]!.GetValue<string>()); // as frequent as "t h" and "h e", and first by text
    }

    public void Dispose() => _tiny.Dispose();

    private static void AddTokens(JsonObject json, params string[] tokens)
    {
        JsonObject vocabulary = json["model"]!["vocab"]!.AsObject();
        int next = 1000;
        foreach (string token in tokens)
        {
            vocabulary[token] = next++;
        }
    }

    private JsonObject Tokenizer() => JsonNode.Parse(File.ReadAllText(TokenizerFile))!.AsObject();

    private void Write(JsonObject json) => File.WriteAllText(TokenizerFile, json.ToJsonString());
}
