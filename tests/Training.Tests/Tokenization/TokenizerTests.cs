// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Training.Tokenization;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Tokenization;

public sealed class TokenizerTests : IDisposable
{
    private readonly TinyBase _tiny = new();

    private string TokenizerFile => Path.Combine(_tiny.Folder, "tokenizer.json");

    [Theory]
    [InlineData("𐌰𐝀😀 👩‍⚕️ 漢字 ١٢ é ß")]
    [InlineData("  two  spaces\n\n\ttab 's 'll 123abc")]
    public void Decode_ManyScripts_IsTheText(string text)
    {
        Tokenizer tokenizer = Tokenizer.Read(TokenizerFile);

        Assert.Equal(text, tokenizer.Decode(tokenizer.Encode(text)));
    }

    [Fact]
    public void Encode_FrequentWord_IsOneToken()
    {
        Assert.Single(Tokenizer.Read(TokenizerFile).Encode(" the"));
    }

    [Fact]
    public void Encode_Words_MergesTheLowestRankFirst()
    {
        JsonObject json = Json();
        json["model"]!["merges"] = new JsonArray("b c", "a b", "ab c");
        json["added_tokens"] = new JsonArray();
        AddTokens(json, "bc", "ab", "abc");
        Write(json);
        Tokenizer tokenizer = Tokenizer.Read(TokenizerFile);

        // "abc": b c has rank 0, so a b never forms; "ab" merges by rank 1.
        Assert.Equal(["a", "bc"], tokenizer.Encode("abc").Select(id => tokenizer.Decode([id])), StringComparer.Ordinal);
        Assert.Equal(["ab", " ", "ab"], tokenizer.Encode("ab ab").Select(id => tokenizer.Decode([id])), StringComparer.Ordinal);
    }

    [Fact]
    public void Encode_RandomWords_AgreesWithTheSlowAlgorithm()
    {
        Tokenizer tokenizer = Tokenizer.Read(TokenizerFile);
        JsonObject model = Json()["model"]!.AsObject();
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
        Tokenizer tokenizer = Tokenizer.Read(TokenizerFile);
        string sequence = string.Concat(Enumerable.Repeat("thecatsat", 11_112));
        Stopwatch watch = Stopwatch.StartNew();

        List<int> ids = tokenizer.Encode(sequence);

        Assert.Equal(sequence, tokenizer.Decode(ids));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(20), $"took {watch.Elapsed}"); // quadratic: minutes
    }

    [Theory]
    [InlineData("llama2", "the note of the nurse ")]
    [InlineData("llama2", "thenoteofthenurse")]
    [InlineData("gemma", "the note of the nurse ")]
    [InlineData("gemma", "                ")]
    public void Encode_TextThatIsOneWord_TakesNoQuadraticTime(string form, string piece)
    {
        Tokenizer tokenizer = Vectors.Read(form);
        string text = string.Concat(Enumerable.Repeat(piece, 1_000_000 / piece.Length));
        Stopwatch watch = Stopwatch.StartNew();

        List<int> ids = tokenizer.Encode(text);

        Assert.Equal(text, tokenizer.Decode(ids));
        Assert.True(watch.Elapsed < TimeSpan.FromSeconds(30), $"took {watch.Elapsed}"); // quadratic: hours
    }

    [Theory]
    [InlineData("gpt2", "<|endoftext|>")]
    [InlineData("qwen", "<|im_end|>")]
    [InlineData("tekken", "[INST]")]
    [InlineData("llama2", "</s>")]
    [InlineData("llama2-normalized", "</s>")]
    [InlineData("mistral", "[/INST]")]
    [InlineData("gemma", "<end_of_turn>")]
    public void WithoutSpecial_TextOfASpecialToken_IsPlainText(string form, string marker)
    {
        Tokenizer tokenizer = Vectors.Read(form);
        int special = tokenizer.AddedToken(marker)!.Value;
        TokenFinder finder = tokenizer.WithoutSpecial([]);

        foreach (string text in Vectors.Texts.Append(marker).Append(marker + marker).Append("the" + marker + "note"))
        {
            List<int> ids = [];
            foreach (int id in new TokenEnumerator(finder, Tokenizer.WellFormed(text), PiecePlace.Inside))
            {
                ids.Add(id);
            }

            Assert.DoesNotContain(special, ids);
            if (text.EndsWith(marker, StringComparison.Ordinal))
            {
                Assert.EndsWith(marker, tokenizer.Decode(ids), StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void WithoutSpecial_MergesThatMakeASpecialToken_AreNotTaken()
    {
        JsonObject json = Json();
        json["model"]!["merges"] = new JsonArray("< |", "<| >");
        json["added_tokens"] = new JsonArray();
        AddTokens(json, "<|", "<|>");
        json["added_tokens"] = JsonNode.Parse("""[{"id":1001,"content":"<|>","single_word":false,"lstrip":false,"rstrip":false,"normalized":false,"special":true}]""");
        Write(json);
        Tokenizer tokenizer = Tokenizer.Read(TokenizerFile);

        TokenEnumerator hidden = new(tokenizer.WithoutSpecial([]), "<|>", PiecePlace.Inside);

        Assert.Equal([1001], tokenizer.Encode("<|>"));
        Assert.True(hidden.MoveNext());
        Assert.Equal(1000, hidden.Current);
    }

    [Theory]
    [InlineData("llama2", "the note")]
    [InlineData("mistral", "the note")]
    [InlineData("gemma", "the note")]
    [InlineData("metaspace-always", "the note")]
    public void EnumerateTokens_InsideAText_BeginsWithNoSpace(string form, string text)
    {
        Tokenizer tokenizer = Vectors.Read(form);
        TokenFinder finder = tokenizer.WithoutSpecial([]);
        string First(PiecePlace place)
        {
            TokenEnumerator tokens = new(finder, text, place);
            Assert.True(tokens.MoveNext());
            return Vectors.TokenOf(form, tokens.Current)[..1];
        }

        Assert.Equal(form == "gemma" ? "t" : "\u2581", First(PiecePlace.Start));
        Assert.Equal(form is "gemma" or "mistral" ? "t" : "\u2581", First(PiecePlace.AfterToken));
        Assert.Equal("t", First(PiecePlace.Inside));
    }

    [Fact]
    public void Encode_AddedToken_IsOneToken()
    {
        Tokenizer tokenizer = Tokenizer.Read(TokenizerFile);
        int end = tokenizer.AddedToken(BpeTrainer.EndOfText)!.Value;

        List<int> ids = tokenizer.Encode("the<|endoftext|>the");

        Assert.Equal(1, ids.Count(id => id == end));
        Assert.Equal(tokenizer.Encode("the"), ids[..ids.IndexOf(end)]);
        Assert.Null(tokenizer.AddedToken("<|other|>"));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("tekken")]
    [InlineData("gemma")]
    public void Decode_OfEncodeOfAnyValidText_IsTheText(string form)
    {
        Tokenizer tokenizer = Vectors.Read(form);

        // SentencePiece writes spaces as U+2581, so it cannot tell that character from one.
        string Expected(string text) => form == "gemma" ? text.Replace('\u2581', ' ') : text;

        Prop.ForAll(TextGenerators.Valid.ToArbitrary(), text => string.Equals(tokenizer.Decode(tokenizer.Encode(text)), Expected(text), StringComparison.Ordinal))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("nfc")]
    public void Encode_LoneSurrogates_AreReplacementCharacters(string form)
    {
        Tokenizer tokenizer = Vectors.Read(form);

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
        Tokenizer tokenizer = Vectors.Read(form);

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
        Tokenizer tokenizer = Vectors.Read("gpt2");

        Assert.Equal(520, tokenizer.Size);
        Assert.Equal(519, tokenizer.AddedToken(BpeTrainer.EndOfText));
    }

    [Fact]
    public void Encode_IntoAList_KeepsWhatItHolds()
    {
        Tokenizer tokenizer = Vectors.Read("llama3");
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
        Tokenizer tokenizer = Vectors.Read(form);
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
        Tokenizer used = Vectors.Read("llama3");
        for (int i = 0; i < 110_000; i++)
        {
            used.Encode("x" + string.Concat(i.ToString(CultureInfo.InvariantCulture).Select(digit => (char)(digit + 'a' - '0'))));
        }

        List<int> found = used.Encode(" doctor writes");

        Assert.Equal(Vectors.Read("llama3").Encode(" doctor writes"), found);
    }

    [Fact]
    public void Encode_WordOfTheVocabularyWithoutMerges_IsOneTokenOnlyWhereTheFileSaysSo()
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(Vectors.FileOf("llama3")))!.AsObject();
        int id = json["model"]!["vocab"]!["Ġdoctor"]!.GetValue<int>();
        Assert.Equal([id], Vectors.Read("llama3").Encode(" doctor"));

        json["model"]!["ignore_merges"] = false;
        Write(json);

        Assert.DoesNotContain(id, Tokenizer.Read(TokenizerFile).Encode(" doctor"));
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

    private JsonObject Json() => JsonNode.Parse(File.ReadAllText(TokenizerFile))!.AsObject();

    private void Write(JsonObject json) => File.WriteAllText(TokenizerFile, json.ToJsonString());
}
