// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Tokenization;

/// <summary>The length of a text's first word; the text is not empty.</summary>
internal delegate int FirstWord(ReadOnlySpan<char> text);

/// <summary>What <c>tokenizer.json</c> says, as far as it is implemented; everything else is refused by name.</summary>
/// <remarks>Held to Hugging Face's tokenizers 0.23. Truncation and padding are not read: a job says how long its sequences are.</remarks>
internal sealed record TokenizerFile
{
    /// <summary>The model's tokens, in <see cref="ByteAlphabet"/>'s letters.</summary>
    public required Dictionary<string, int> Vocabulary { get; init; }

    /// <summary>The pairs that are merged, most important first.</summary>
    public required ImmutableArray<(string Left, string Right)> Merges { get; init; }

    /// <summary>Whether a word that the vocabulary holds is one token without any merge.</summary>
    public required bool IgnoresMerges { get; init; }

    /// <summary>Whether a byte that the vocabulary lacks is written with the tokens <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
    public required bool FallsBackToBytes { get; init; }

    /// <summary>Whether text is brought into normalization form C first.</summary>
    public required bool Composes { get; init; }

    /// <summary>How text is split into words.</summary>
    public required FirstWord FirstWord { get; init; }

    /// <summary>The tokens beside the model's.</summary>
    public required ImmutableArray<AddedToken> Added { get; init; }

    /// <summary>The tokens that begin a whole text.</summary>
    public required ImmutableArray<int> Start { get; init; }

    /// <summary>Reads a file.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>tokenizer_unsupported</c>.</exception>
    public static TokenizerFile Read(string path)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Parse(new TokenizerJson(document.RootElement, string.Empty));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.BaseModelMissing, $"expected tokenizer.json in the base model's folder, found {(File.Exists(path) ? "one that cannot be read" : "none")}", cause: error);
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.TokenizerUnsupported, "tokenizer.json is not JSON", cause: error);
        }
        catch (InvalidOperationException error)
        {
            // The one thing that a checked element still refuses: an escaped surrogate without its partner.
            throw new FedCloudException(ErrorCodes.TokenizerUnsupported, "tokenizer.json holds a text that is not Unicode", cause: error);
        }
    }

    private static TokenizerFile Parse(TokenizerJson file)
    {
        file.RequireOnly("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model");
        TokenizerJson version = file.Member("version");
        if (!version.IsNull && !string.Equals(version.Text, "1.0", StringComparison.Ordinal))
        {
            throw version.Expected("1.0");
        }

        TokenizerJson model = file.Member("model");
        Dictionary<string, int> vocabulary = ReadModel(model);
        TokenizerJson decoder = file.Member("decoder");
        if (decoder.IsNull || !IsByteLevel(decoder))
        {
            throw decoder.Expected("the type ByteLevel");
        }

        return new TokenizerFile
        {
            Vocabulary = vocabulary,
            Merges = [.. model.Member("merges").Items.Select(ReadMerge)],
            IgnoresMerges = IsOn(model, "ignore_merges"),
            FallsBackToBytes = IsOn(model, "byte_fallback"),
            Composes = !file.Member("normalizer").IsNull && Composition(file.Member("normalizer")),
            FirstWord = ReadPattern(file.Member("pre_tokenizer")),
            Added = ReadAdded(file.Member("added_tokens"), vocabulary),
            Start = file.Member("post_processor").IsNull ? [] : ReadStart(file.Member("post_processor")),
        };
    }

    private static Dictionary<string, int> ReadModel(TokenizerJson model)
    {
        if (!string.Equals(model.Type, "BPE", StringComparison.Ordinal))
        {
            throw model.Member("type").Expected("BPE");
        }

        model.RequireOnly("type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges");
        foreach (string option in (string[])["dropout", "continuing_subword_prefix", "end_of_word_suffix"])
        {
            model.Member(option).RequireOff();
        }

        Dictionary<string, int> vocabulary = new(StringComparer.Ordinal);
        HashSet<int> ids = [];
        foreach ((string token, TokenizerJson value) in model.Member("vocab").Members)
        {
            if (!ids.Add(value.Id) || !vocabulary.TryAdd(token, value.Id))
            {
                throw TokenizerJson.Refused($"model.vocab has the id {value.Id} or its token twice");
            }
        }

        return vocabulary;
    }

    private static (string Left, string Right) ReadMerge(TokenizerJson merge)
    {
        string[] parts = merge.IsText ? merge.Text.Split(' ') : [.. merge.Items.Select(part => part.Text)];
        return parts.Length == 2 ? (parts[0], parts[1]) : throw TokenizerJson.Refused($"model.merges has a pair of {parts.Length} parts");
    }

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
                RequireLlama3(split);
                RequireByteLevel(bytes, splits: false);
                return Llama3Words.First;
            case "Sequence":
                throw before.Member("pretokenizers").Expected("Split and ByteLevel");
            default:
                throw before.Member("type").Expected("ByteLevel, or a Sequence of Split and ByteLevel");
        }
    }

    private static void RequireByteLevel(TokenizerJson part, bool splits)
    {
        if (!IsByteLevel(part))
        {
            throw part.Member("type").Expected("ByteLevel");
        }

        part.RequireOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
        part.Member("add_prefix_space").RequireOff();
        TokenizerJson regex = part.Member("use_regex");
        if ((regex.IsNull || regex.Flag) != splits)
        {
            throw regex.Expected(splits ? "true" : "false, since the text is split before");
        }
    }

    private static void RequireLlama3(TokenizerJson split)
    {
        if (!string.Equals(split.Type, "Split", StringComparison.Ordinal))
        {
            throw split.Member("type").Expected("Split");
        }

        split.RequireOnly("type", "pattern", "behavior", "invert");
        TokenizerJson pattern = split.Member("pattern").Member("Regex");
        if (!string.Equals(pattern.Text, Llama3Words.Pattern, StringComparison.Ordinal))
        {
            throw pattern.Expected("Llama 3's pattern");
        }

        if (!string.Equals(split.Member("behavior").Text, "Isolated", StringComparison.Ordinal))
        {
            throw split.Member("behavior").Expected("Isolated");
        }

        split.Member("invert").RequireOff();
    }

    private static ImmutableArray<AddedToken> ReadAdded(TokenizerJson tokens, Dictionary<string, int> vocabulary)
    {
        List<AddedToken> added = [];
        HashSet<string> texts = new(StringComparer.Ordinal);
        int next = vocabulary.Count;
        foreach (TokenizerJson token in tokens.IsNull ? [] : tokens.Items)
        {
            AddedToken read = ReadAdded(token);

            // The reference numbers added tokens by their order, whatever the file says; a file that says something else is ambiguous.
            int expected = vocabulary.TryGetValue(read.Text, out int known) ? known : next;
            if (read.Id != expected)
            {
                throw token.Member("id").Expected($"{expected} from its place in the order");
            }

            if (!texts.Add(read.Text))
            {
                throw TokenizerJson.Refused($"added_tokens has the token with the id {read.Id} twice");
            }

            next = Math.Max(next, read.Id + 1);
            added.Add(read);
        }

        return [.. added];
    }

    private static AddedToken ReadAdded(TokenizerJson token)
    {
        token.RequireOnly("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
        foreach (string option in (string[])["single_word", "lstrip", "rstrip"])
        {
            token.Member(option).RequireOff();
        }

        string text = token.Member("content").Text;
        return text.Length > 0
            ? new AddedToken(text, token.Member("id").Id, token.Member("normalized").Flag, token.Member("special").Flag)
            : throw token.Member("content").Expected("a text");
    }

    private static ImmutableArray<int> ReadStart(TokenizerJson processor)
    {
        switch (processor.Type)
        {
            case "ByteLevel":
                return []; // about offsets into the text, which nothing here uses
            case "Sequence" when processor.Member("processors").Items.Count(part => !IsByteLevel(part)) <= 1:
                return [.. processor.Member("processors").Items.SelectMany(part => ReadStart(part))];
            case "Sequence":
                throw processor.Member("processors").Expected("one TemplateProcessing at most"); // the reference takes the first one's tokens for a second text
            case "TemplateProcessing":
                return ReadTemplate(processor);
            default:
                throw processor.Member("type").Expected("ByteLevel, TemplateProcessing or a Sequence of them");
        }
    }

    private static ImmutableArray<int> ReadTemplate(TokenizerJson template)
    {
        TokenizerJson single = template.Member("single");
        List<TokenizerJson> pieces = [.. single.Items];
        bool onlyBefore = pieces.Count > 0
            && !pieces[^1].Member("Sequence").IsNull
            && string.Equals(pieces[^1].Member("Sequence").Member("id").Text, "A", StringComparison.Ordinal)
            && pieces.SkipLast(1).All(piece => !piece.Member("SpecialToken").IsNull);
        if (!onlyBefore)
        {
            throw single.Expected("tokens before the text and none after it");
        }

        return [.. pieces.SkipLast(1).SelectMany(piece => template.Member("special_tokens").Member(piece.Member("SpecialToken").Member("id").Text).Member("ids").Items).Select(id => id.Id)];
    }

    private static bool IsByteLevel(TokenizerJson part) => string.Equals(part.Type, "ByteLevel", StringComparison.Ordinal);

    private static bool IsOn(TokenizerJson json, string option) => !json.Member(option).IsNull && json.Member(option).Flag;
}
