// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Training.Tokenization;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Tokenization;

public sealed class ByteLevelBpeTests : IDisposable
{
    private readonly TinyBase _tiny = new();

    private string TokenizerFile => Path.Combine(_tiny.Folder, "tokenizer.json");

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
        json["added_tokens"] = new JsonArray();
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
    [InlineData("gpt2")]
    [InlineData("llama3")]
    public void Decode_OfEncodeOfAnyValidText_IsTheText(string form)
    {
        ByteLevelBpe tokenizer = Vectors.Tokenizer(form);

        Prop.ForAll(TextGenerators.Valid.ToArbitrary(), text => string.Equals(tokenizer.Decode(tokenizer.Encode(text)), text, StringComparison.Ordinal))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("nfc")]
    public void Encode_LoneSurrogates_AreReplacementCharacters(string form)
    {
        ByteLevelBpe tokenizer = Vectors.Tokenizer(form);

        Prop.ForAll(TextGenerators.Any.ToArbitrary(), text =>
        {
            string valid = Encoding.UTF8.GetString(Encoding.UTF8.GetBytes(text));
            return tokenizer.Encode(text).SequenceEqual(tokenizer.Encode(valid));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Theory]
    [MemberData(nameof(ReferenceTests.Forms), MemberType = typeof(ReferenceTests))]
    public void EnumerateTokens_SeveralTextsInTurns_GivesEachItsTokens(string form)
    {
        ByteLevelBpe tokenizer = Vectors.Tokenizer(form);

        for (int i = 0; i + 1 < Vectors.Texts.Count; i++)
        {
            List<int> left = [];
            List<int> right = [];
            TokenEnumerator a = tokenizer.EnumerateTokens(Vectors.Texts[i]);
            TokenEnumerator b = tokenizer.EnumerateTokens(Vectors.Texts[i + 1]);
            for (bool more = true; more;)
            {
                bool fromA = Next(ref a, left);
                bool fromB = Next(ref b, right);
                more = fromA || fromB;
            }

            Assert.Equal(tokenizer.Encode(Vectors.Texts[i]), left);
            Assert.Equal(tokenizer.Encode(Vectors.Texts[i + 1]), right);
        }
    }

    [Fact]
    public void Size_AnyForm_IsOneMoreThanTheLargestId()
    {
        ByteLevelBpe tokenizer = Vectors.Tokenizer("gpt2");

        Assert.Equal(520, tokenizer.Size);
        Assert.Equal(519, tokenizer.AddedToken(BpeTrainer.EndOfText));
    }

    [Fact]
    public void Encode_IntoAList_KeepsWhatItHolds()
    {
        ByteLevelBpe tokenizer = Vectors.Tokenizer("llama3");
        List<int> ids = [.. tokenizer.Start];

        tokenizer.Encode(" the note", ids);

        Assert.Equal([.. tokenizer.Start, .. tokenizer.Encode(" the note")], ids);
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("nfc")]
    public void Encode_WarmText_AllocatesNothing(string form)
    {
        ByteLevelBpe tokenizer = Vectors.Tokenizer(form);
        string text = File.ReadAllText(Path.Combine(Vectors.Folder, "text.txt"));
        text = form == "nfc" ? text[..text.IndexOf('ü', StringComparison.Ordinal)] : text + "<|endoftext|>" + text; // form C makes a new text from U+0300 on
        List<int> ids = tokenizer.Encode(text);
        int count = ids.Count;
        ids.Clear();
        tokenizer.Encode(text, ids);

        long allocated = Allocations.Of(() =>
        {
            ids.Clear();
            tokenizer.Encode(text, ids);
        });

        Assert.Equal(0, allocated);
        Assert.Equal(count, ids.Count);
    }

    [Fact]
    public void Encode_MoreWordsThanAreKept_GivesTheSameTokens()
    {
        ByteLevelBpe used = Vectors.Tokenizer("llama3");
        for (int i = 0; i < 110_000; i++)
        {
            used.Encode("x" + string.Concat(i.ToString(CultureInfo.InvariantCulture).Select(digit => (char)(digit + 'a' - '0'))));
        }

        List<int> found = used.Encode(" doctor writes");

        Assert.Equal(Vectors.Tokenizer("llama3").Encode(" doctor writes"), found);
    }

    [Fact]
    public void Encode_WordOfTheVocabularyWithoutMerges_IsOneTokenOnlyWhereTheFileSaysSo()
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(Vectors.FileOf("llama3")))!.AsObject();
        int id = json["model"]!["vocab"]!["Ġdoctor"]!.GetValue<int>();
        Assert.Equal([id], Vectors.Tokenizer("llama3").Encode(" doctor"));

        json["model"]!["ignore_merges"] = false;
        Write(json);

        Assert.DoesNotContain(id, ByteLevelBpe.Read(TokenizerFile).Encode(" doctor"));
    }

    public void Dispose() => _tiny.Dispose();

    private static bool Next(ref TokenEnumerator tokens, List<int> ids)
    {
        bool any = tokens.MoveNext();
        if (any)
        {
            ids.Add(tokens.Current);
        }

        return any;
    }

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
