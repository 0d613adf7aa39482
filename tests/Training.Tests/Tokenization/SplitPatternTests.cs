// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using FedCloud.Training.Tokenization;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Tokenization;

public sealed class SplitPatternTests
{
    private static readonly Regex Gpt2 = new(Gpt2Words.Pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled);

    // .NET's (?i:s) leaves out the long s, which Unicode folds to s and the reference takes.
    private static readonly Regex Llama3 = new(Llama3Words.Pattern.Replace("(?i:'s|", "(?i:'s|'\u017f|", StringComparison.Ordinal), RegexOptions.CultureInvariant | RegexOptions.Compiled);

    private static readonly Regex Qwen = new(QwenWords.Pattern.Replace("(?i:'s|", "(?i:'s|'\u017f|", StringComparison.Ordinal), RegexOptions.CultureInvariant | RegexOptions.Compiled);

    private static readonly Regex Tekken = new(TekkenWords.Pattern, RegexOptions.CultureInvariant | RegexOptions.Compiled);

    private delegate int First(ReadOnlySpan<char> text);

    [Fact]
    public void First_Gpt2OnAnyText_SplitsAsTheExpression() =>
        Prop.ForAll(TextGenerators.Any.ToArbitrary(), text => Matches(Gpt2, text).SequenceEqual(Words(Gpt2Words.First, text))).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void First_Llama3OnAnyText_SplitsAsTheExpression() =>
        Prop.ForAll(TextGenerators.Any.ToArbitrary(), text => Matches(Llama3, text).SequenceEqual(Words(Llama3Words.First, text))).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void First_QwenOnAnyText_SplitsAsTheExpression() =>
        Prop.ForAll(TextGenerators.Any.ToArbitrary(), text => Matches(Qwen, text).SequenceEqual(Words(QwenWords.First, text))).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));

    [Fact]
    public void First_TekkenOnAnyText_SplitsAsTheExpression() =>
        Prop.ForAll(TextGenerators.Any.ToArbitrary(), text => Matches(Tekken, text).SequenceEqual(Words(TekkenWords.First, text))).Check(Config.QuickThrowOnFailure.WithMaxTest(3000));

    [Fact]
    public void First_AllPairsAndTriplesOfKinds_SplitAsTheExpressions()
    {
        string[] kinds = ["a", "S", "e", "l", "'", "\u017f", "7", "𝟗", " ", "\n", "\r", "\u00a0", "!", "/", "\u0301", "ʰ", "𝐀", "🙂", "𐌰"];
        IEnumerable<string> texts = from a in kinds from b in kinds from c in kinds from d in kinds select a + b + c + d;

        Assert.All(texts, text =>
        {
            Assert.Equal(Matches(Gpt2, text), Words(Gpt2Words.First, text));
            Assert.Equal(Matches(Llama3, text), Words(Llama3Words.First, text));
            Assert.Equal(Matches(Qwen, text), Words(QwenWords.First, text));
            Assert.Equal(Matches(Tekken, text), Words(TekkenWords.First, text));
        });
    }

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama3")]
    [InlineData("qwen")]
    [InlineData("tekken")]
    public void First_VectorTexts_SplitsAsTheReference(string form)
    {
        First first = form switch { "gpt2" => Gpt2Words.First, "llama3" => Llama3Words.First, "qwen" => QwenWords.First, _ => TekkenWords.First };
        int[][] expected = Vectors.Words(form);

        for (int i = 0; i < expected.Length; i++)
        {
            string text = Vectors.Texts[i];
            int at = 0;
            int[] bytes = [.. Words(first, text).Select(length => Encoding.UTF8.GetByteCount(text.AsSpan((at += length) - length, length)))];
            Assert.True(expected[i].SequenceEqual(bytes), $"text {i}: expected words of {string.Join(' ', expected[i])} bytes, found {string.Join(' ', bytes)}");
        }
    }

    [Fact]
    public void First_EveryCharacter_HasTheReferencesClass()
    {
        byte[] classes = new byte[0x110000];
        for (int point = 0; point < classes.Length; point++)
        {
            if (Rune.IsValid(point))
            {
                string text = new Rune(point).ToString();
                classes[point] = (byte)(Joins("a" + text) ? 1 : Joins("1" + text) ? 2 : Joins("!" + text) ? 0 : 3);
            }
        }

        Assert.Equal(Vectors.Classes, Convert.ToHexStringLower(SHA256.HashData(classes)));
    }

    [Fact]
    public void First_EveryCharacter_HasTheReferencesCase()
    {
        byte[] cases = new byte[0x110000];
        for (int point = 0; point < cases.Length; point++)
        {
            if (Rune.IsValid(point))
            {
                string text = new Rune(point).ToString();
                cases[point] = (byte)((TekkenWords.First("a" + text) == 1 + text.Length ? 1 : 0) + (TekkenWords.First("B" + text) == 1 + text.Length ? 2 : 0));
            }
        }

        Assert.Equal(Vectors.Cases, Convert.ToHexStringLower(SHA256.HashData(cases)));
    }

    private static bool Joins(string text) => Gpt2Words.First(text) == text.Length;

    private static List<int> Words(First first, string text)
    {
        List<int> lengths = [];
        for (int at = 0; at < text.Length; at += lengths[^1])
        {
            lengths.Add(first(text.AsSpan(at)));
        }

        return lengths;
    }

    // .NET's classes look at UTF-16 units, so a character beyond the basic plane is matched as a stand-in of its class.
    private static List<int> Matches(Regex pattern, string text)
    {
        StringBuilder stand = new();
        List<int> at = [];
        int position = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            at.Add(position);
            stand.Append(rune.IsBmp ? (char)rune.Value : StandIn(rune));
            position += rune.Utf16SequenceLength;
        }

        at.Add(text.Length);
        return [.. pattern.Matches(stand.ToString()).Select(match => at[match.Index + match.Length] - at[match.Index])];
    }

    private static char StandIn(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => 'B',
        UnicodeCategory.LowercaseLetter => 'b',
        <= UnicodeCategory.OtherLetter => '\u4e00',
        <= UnicodeCategory.EnclosingMark => '\u0301',
        >= UnicodeCategory.DecimalDigitNumber and <= UnicodeCategory.OtherNumber => '\u0664',
        _ => '\u2603',
    };
}
