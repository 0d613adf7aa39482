// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>Where a SentencePiece-style tokenizer begins text with a space that it does not have.</summary>
internal enum SpacePrefix
{
    /// <summary>Nowhere.</summary>
    Never,

    /// <summary>Before a text that does not begin with an added token.</summary>
    First,

    /// <summary>Before every run of text between added tokens.</summary>
    Always,
}

/// <summary>What <c>tokenizer.json</c> says about spaces. Either its normalizer writes them (Llama 2, Gemma) or its pre-tokenizer (Mistral, newer files of Llama 2).</summary>
internal sealed record SentencePieceForm
{
    /// <summary>Whether the normalizer turns spaces into U+2581.</summary>
    public required bool NormalizesSpaces { get; init; }

    /// <summary>Whether the normalizer puts one before every piece, whatever begins it.</summary>
    public required bool PrependsToPieces { get; init; }

    /// <summary>Where the pre-tokenizer puts one before text that does not begin with a space.</summary>
    public required SpacePrefix Prefix { get; init; }

    /// <summary>Whether every U+2581 begins a word.</summary>
    public required bool SplitsBeforeSpaces { get; init; }

    /// <summary>How many spaces the decoder takes off the beginning, at most.</summary>
    public required int StrippedSpaces { get; init; }

    /// <summary>Reads normalizer, pre-tokenizer and decoder.</summary>
    public static SentencePieceForm Read(TokenizerJson file)
    {
        TokenizerJson normalizer = file.Member("normalizer");
        bool normalizes = !normalizer.IsNull;
        bool prepends = normalizes && ReadNormalizer(normalizer);
        (SpacePrefix prefix, bool splits) = ReadPreTokenizer(file.Member("pre_tokenizer"), normalizes);
        return new SentencePieceForm
        {
            NormalizesSpaces = normalizes,
            PrependsToPieces = prepends,
            Prefix = prefix,
            SplitsBeforeSpaces = splits,
            StrippedSpaces = ReadDecoder(file.Member("decoder")),
        };
    }

    private static bool ReadNormalizer(TokenizerJson normalizer)
    {
        if (normalizer.Is("Replace"))
        {
            RequireReplace(normalizer, " ", "\u2581");
            return false;
        }

        if (!normalizer.Is("Sequence"))
        {
            throw normalizer.Member("type").Expected("Replace, or a Sequence of Prepend and Replace");
        }

        normalizer.RequireOnly("type", "normalizers");
        if (normalizer.Member("normalizers").Items.ToList() is not [var prepend, var replace])
        {
            throw normalizer.Member("normalizers").Expected("Prepend and Replace");
        }

        prepend.Require("type", "Prepend");
        prepend.RequireOnly("type", "prepend");
        prepend.Require("prepend", "\u2581");
        replace.Require("type", "Replace");
        RequireReplace(replace, " ", "\u2581");
        return true;
    }

    private static (SpacePrefix Prefix, bool Splits) ReadPreTokenizer(TokenizerJson before, bool normalizes)
    {
        if (before.IsNull && normalizes)
        {
            return (SpacePrefix.Never, false);
        }

        if (normalizes)
        {
            // Gemma: there is no space left that it could split at.
            before.Require("type", "Split");
            before.RequireOnly("type", "pattern", "behavior", "invert");
            before.Member("pattern").Require("String", " ");
            before.Require("behavior", "MergedWithPrevious");
            before.Member("invert").RequireOff();
            return (SpacePrefix.Never, false);
        }

        before.Require("type", "Metaspace");
        before.RequireOnly("type", "replacement", "add_prefix_space", "prepend_scheme", "split");
        before.Require("replacement", "\u2581");
        if (!before.Member("add_prefix_space").IsNull && !before.Member("add_prefix_space").Flag)
        {
            throw before.Member("add_prefix_space").Expected("true, or prepend_scheme alone");
        }

        SpacePrefix prefix = before.Member("prepend_scheme").Text switch
        {
            "always" => SpacePrefix.Always,
            "first" => SpacePrefix.First,
            "never" => SpacePrefix.Never,
            _ => throw before.Member("prepend_scheme").Expected("always, first or never"),
        };
        return (prefix, before.Member("split").IsNull || before.Member("split").Flag);
    }

    // Replace, ByteFallback, Fuse and in most files Strip.
    private static int ReadDecoder(TokenizerJson decoder)
    {
        decoder.Require("type", "Sequence");
        decoder.RequireOnly("type", "decoders");
        List<TokenizerJson> parts = [.. decoder.Member("decoders").Items];
        if (parts.Count is not (3 or 4))
        {
            throw decoder.Member("decoders").Expected("Replace, ByteFallback, Fuse and at most Strip");
        }

        parts[0].Require("type", "Replace");
        RequireReplace(parts[0], "\u2581", " ");
        parts[1].Require("type", "ByteFallback");
        parts[2].Require("type", "Fuse");
        if (parts.Count == 3)
        {
            return 0;
        }

        parts[3].Require("type", "Strip");
        parts[3].RequireOnly("type", "content", "start", "stop");
        parts[3].Require("content", " ");
        parts[3].Member("stop").RequireOff();
        return parts[3].Member("start").Id;
    }

    private static void RequireReplace(TokenizerJson replace, string pattern, string content)
    {
        replace.RequireOnly("type", "pattern", "content");
        replace.Member("pattern").Require("String", pattern);
        replace.Require("content", content);
    }
}
