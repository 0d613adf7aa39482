// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>The length of a text's first word; the text is not empty.</summary>
internal delegate int FirstWord(ReadOnlySpan<char> text);

/// <summary>What <c>tokenizer.json</c> says about normalization and words, where its letters are bytes.</summary>
/// <param name="FirstWord">How text is split into words.</param>
/// <param name="Composes">Whether text is brought into normalization form C first.</param>
internal sealed record ByteLevelForm(FirstWord FirstWord, bool Composes)
{
    private static readonly Dictionary<string, FirstWord> Patterns = new(StringComparer.Ordinal)
    {
        [Llama3Words.Pattern] = Llama3Words.First,
        [QwenWords.Pattern] = QwenWords.First,
        [TekkenWords.Pattern] = TekkenWords.First,
    };

    /// <summary>Reads normalizer and pre-tokenizer.</summary>
    public static ByteLevelForm Read(TokenizerJson file) =>
        new(ReadPattern(file.Member("pre_tokenizer")), !file.Member("normalizer").IsNull && Composition(file.Member("normalizer")));

    // The whole of the normalizer is form C, once or several times, or nothing.
    private static bool Composition(TokenizerJson normalizer) => normalizer.Type switch
    {
        "NFC" => true,
        "Sequence" => normalizer.Member("normalizers").Items.Aggregate(seed: false, (any, part) => Composition(part) || any),
        _ => throw normalizer.Member("type").Expected("NFC, or no normalizer"),
    };

    private static FirstWord ReadPattern(TokenizerJson before)
    {
        switch (before.Type)
        {
            case "ByteLevel":
                RequireByteLevel(before, splits: true);
                return Gpt2Words.First;
            case "Sequence" when before.Member("pretokenizers").Items.ToList() is [var split, var bytes]:
                FirstWord pattern = ReadSplit(split);
                RequireByteLevel(bytes, splits: false);
                return pattern;
            case "Sequence":
                throw before.Member("pretokenizers").Expected("Split and ByteLevel");
            default:
                throw before.Member("type").Expected("ByteLevel, or a Sequence of Split and ByteLevel");
        }
    }

    private static void RequireByteLevel(TokenizerJson part, bool splits)
    {
        part.Require("type", "ByteLevel");
        part.RequireOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
        part.Member("add_prefix_space").RequireOff();
        TokenizerJson regex = part.Member("use_regex");
        if ((regex.IsNull || regex.Flag) != splits)
        {
            throw regex.Expected(splits ? "true" : "false, since the text is split before");
        }
    }

    private static FirstWord ReadSplit(TokenizerJson split)
    {
        split.Require("type", "Split");
        split.RequireOnly("type", "pattern", "behavior", "invert");
        TokenizerJson pattern = split.Member("pattern").Member("Regex");
        FirstWord first = Patterns.GetValueOrDefault(pattern.Text) ?? throw pattern.Expected("the pattern of Llama 3, Qwen or Mistral");
        split.Require("behavior", "Isolated");
        split.Member("invert").RequireOff();
        return first;
    }
}
