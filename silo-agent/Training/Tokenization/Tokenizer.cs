// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Tokenization;

/// <summary>A BPE tokenizer from Hugging Face's <c>tokenizer.json</c>: byte-level (GPT-2, Llama 3, Qwen, Mistral's newer ones) or in SentencePiece's style (Llama 2, Mistral, Gemma).</summary>
/// <remarks>Text is UTF-16; a surrogate without its partner counts as U+FFFD. Words once seen are kept with their tokens, so an instance is not safe for several threads.</remarks>
public sealed class Tokenizer
{
    private const int CharactersPerToken = 4;

    private static readonly SearchValues<char> Surrogates = SearchValues.Create([.. Enumerable.Range(0xd800, 0x800).Select(unit => (char)unit)]);

    private readonly ITokenAlphabet _alphabet;
    private readonly ImmutableArray<AddedToken> _added;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _merges;
    private readonly Dictionary<int, string> _texts;
    private readonly HashSet<int> _special;
    private readonly TokenFinder _finder;

    private Tokenizer(TokenizerFile file)
    {
        _alphabet = file.Alphabet;
        _added = file.Added;
        _merges = file.Model.RankedMerges();
        _finder = new TokenFinder(_alphabet, _added, _merges, hidden: []);
        _texts = file.Model.Vocabulary.ToDictionary(entry => entry.Value, entry => entry.Key);
        WordSize = _texts.Keys.DefaultIfEmpty(-1).Max() + 1;
        _special = AddTexts();
        Size = _texts.Keys.Max() + 1;
        Start = file.Start.All(_texts.ContainsKey) ? file.Start : throw TokenizerJson.Refused("post_processor begins a text with a token that does not exist");
    }

    /// <summary>One more than the largest token id.</summary>
    public int Size { get; }

    /// <summary>One more than the largest id of the model's own vocabulary; added tokens may be above it.</summary>
    public int WordSize { get; }

    /// <summary>The tokens that the file's post-processor puts before a whole text, as Llama 3's <c>&lt;|begin_of_text|&gt;</c>; empty for GPT-2. <see cref="Encode(string)"/> leaves them out, since a text may be encoded in parts.</summary>
    public ImmutableArray<int> Start { get; }

    /// <summary>Whether text is written in bytes; else in characters, as SentencePiece does.</summary>
    public bool IsByteLevel => _alphabet is ByteLevelAlphabet;

    /// <summary>Reads <c>tokenizer.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, or <c>tokenizer_unsupported</c> with what is not implemented.</exception>
    public static Tokenizer Read(string path) => new(TokenizerFile.Read(path));

    /// <summary>The id of an added token; null when there is none of this text.</summary>
    public int? AddedToken(string text) => _added.FirstOrDefault(token => string.Equals(token.Text, text, StringComparison.Ordinal))?.Id;

    /// <summary>Text to token ids.</summary>
    public List<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = new(text.Length / CharactersPerToken);
        Encode(text, ids);
        return ids;
    }

    /// <summary>Text to token ids, behind those that the list holds.</summary>
    public void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        ArgumentNullException.ThrowIfNull(ids);
        foreach (int id in EnumerateTokens(text))
        {
            ids.Add(id);
        }
    }

    /// <summary>The token ids of a text, one at a time: no more of it is read than the tokens taken need.</summary>
    /// <remarks>Words seen before cost no allocation. New ones, words above 64 characters and text that normalization changes do.</remarks>
    public TokenEnumerator EnumerateTokens(ReadOnlySpan<char> text) => new(_finder, WellFormed(text), PiecePlace.Start);

    /// <summary>Token ids to text. Unknown ids are nothing; bytes that are no UTF-8 become U+FFFD.</summary>
    /// <param name="ids">The tokens.</param>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    public string Decode(IEnumerable<int> ids, bool skipSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        return _alphabet.Decode(ids.Where(id => _texts.ContainsKey(id) && !(skipSpecial && _special.Contains(id))).Select(id => _texts[id]));
    }

    /// <summary>A finder to which special tokens are plain text, and so are some more.</summary>
    /// <param name="more">The other tokens that no text may give.</param>
    internal TokenFinder WithoutSpecial(IEnumerable<int> more) => new(_alphabet, _added, _merges, [.. _added.Where(token => token.Special).Select(token => token.Id), .. more]);

    // Surrogates without a partner become U+FFFD before anything else, as they do on the way to UTF-8.
    internal static ReadOnlySpan<char> WellFormed(ReadOnlySpan<char> text)
    {
        int first = text.IndexOfAny(Surrogates);
        for (int at = Math.Max(first, 0); first >= 0 && at < text.Length;)
        {
            if (Rune.DecodeFromUtf16(text[at..], out _, out int units) != OperationStatus.Done)
            {
                return Replaced(text);
            }

            at += units;
        }

        return text;
    }

    private static string Replaced(ReadOnlySpan<char> text)
    {
        StringBuilder valid = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            valid.Append(rune);
        }

        return valid.ToString();
    }

    // As the reference, an added token that is normalized decodes to its normalized text, and is special if a special token has that text.
    private HashSet<int> AddTexts()
    {
        HashSet<string> special = [.. _added.Where(token => token.Special).Select(token => token.Text)];
        HashSet<int> ids = [];
        foreach (AddedToken token in _added)
        {
            string text = token.Found(_alphabet);
            _texts[token.Id] = text;
            if (special.Contains(text))
            {
                ids.Add(token.Id);
            }
        }

        return ids;
    }
}
