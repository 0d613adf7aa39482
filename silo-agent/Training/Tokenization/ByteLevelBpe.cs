// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Tokenization;

/// <summary>A byte-level BPE tokenizer (Radford et al. 2019) from Hugging Face's <c>tokenizer.json</c>, with GPT-2's or Llama 3's pattern.</summary>
/// <remarks>Text is UTF-16; a surrogate without its partner counts as U+FFFD. Words once seen are kept with their tokens, so an instance is not safe for several threads.</remarks>
public sealed class ByteLevelBpe
{
    private const int CachedWords = 100_000;
    private const int CachedWordLength = 64;
    private const int CharactersPerToken = 4;

    private static readonly SearchValues<char> Surrogates = SearchValues.Create([.. Enumerable.Range(0xd800, 0x800).Select(unit => (char)unit)]);

    private readonly FirstWord _firstWord;
    private readonly bool _composes;
    private readonly AddedTokenSearch? _verbatim;
    private readonly AddedTokenSearch? _normalized;
    private readonly ImmutableArray<AddedToken> _added;
    private readonly HashSet<int> _special;
    private readonly Dictionary<int, byte[]> _bytes;
    private readonly WordEncoder _words;
    private readonly Dictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cached;

    private ByteLevelBpe(TokenizerFile file)
    {
        _firstWord = file.FirstWord;
        _composes = file.Composes;
        _words = new WordEncoder(Symbols(file), Merges(file), file.IgnoresMerges ? file.Vocabulary : null);
        _added = file.Added;
        _verbatim = Search(file.Added.Where(token => !token.Normalized));
        _normalized = Search(file.Added.Where(token => token.Normalized));
        _bytes = file.Vocabulary.ToDictionary(entry => entry.Value, entry => ByteAlphabet.ToBytes(entry.Key));
        _special = AddBytes(file.Added);
        Size = _bytes.Keys.Max() + 1;
        Start = file.Start.All(_bytes.ContainsKey) ? file.Start : throw TokenizerJson.Refused("post_processor begins a text with a token that does not exist");
        _cached = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>One more than the largest token id.</summary>
    public int Size { get; }

    /// <summary>The tokens that the file's post-processor puts before a whole text, as Llama 3's <c>&lt;|begin_of_text|&gt;</c>; empty for GPT-2. <see cref="Encode(string)"/> leaves them out, since a text may be encoded in parts.</summary>
    public ImmutableArray<int> Start { get; }

    /// <summary>Reads <c>tokenizer.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c>, or <c>tokenizer_unsupported</c> with what is not implemented.</exception>
    public static ByteLevelBpe Read(string path) => new(TokenizerFile.Read(path));

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
    /// <remarks>Words seen before cost no allocation. New ones, words above 64 characters and text that is brought into form C do.</remarks>
    public TokenEnumerator EnumerateTokens(ReadOnlySpan<char> text) => new(this, WellFormed(text));

    /// <summary>Token ids to text. Unknown ids are nothing; bytes that are no UTF-8 become U+FFFD, one for each maximal part (Unicode 16, section 3.9).</summary>
    /// <param name="ids">The tokens.</param>
    /// <param name="skipSpecial">Whether special tokens are left out.</param>
    public string Decode(IEnumerable<int> ids, bool skipSpecial = false)
    {
        ArgumentNullException.ThrowIfNull(ids);
        List<byte> bytes = [];
        foreach (int id in ids)
        {
            if (_bytes.TryGetValue(id, out byte[]? known) && !(skipSpecial && _special.Contains(id)))
            {
                bytes.AddRange(known);
            }
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>Finds the added tokens that are taken from the text as it came.</summary>
    internal int FindVerbatim(ReadOnlySpan<char> text, out int length, out int id) => Find(_verbatim, text, out length, out id);

    /// <summary>Finds the added tokens that are taken from normalized text.</summary>
    internal int FindNormalized(ReadOnlySpan<char> text, out int length, out int id) => Find(_normalized, text, out length, out id);

    /// <summary>The text in the form that the file asks for.</summary>
    internal ReadOnlySpan<char> Normalized(ReadOnlySpan<char> text) => _composes ? CanonicalComposition.Compose(text) : text;

    /// <summary>The tokens of the first word, which is cut off the text.</summary>
    internal ReadOnlySpan<int> TakeWord(scoped ref ReadOnlySpan<char> text)
    {
        ReadOnlySpan<char> word = text[.._firstWord(text)];
        text = text[word.Length..];
        if (_cached.TryGetValue(word, out int[]? known))
        {
            return known;
        }

        int[] tokens = _words.Encode(word);
        if (_cache.Count < CachedWords && word.Length <= CachedWordLength)
        {
            _cached[word] = tokens;
        }

        return tokens;
    }

    // As the reference, an added token that is normalized decodes to its normalized text, and is special if a special token has that text.
    private HashSet<int> AddBytes(ImmutableArray<AddedToken> added)
    {
        HashSet<string> special = [.. added.Where(token => token.Special).Select(token => token.Text)];
        HashSet<int> ids = [];
        foreach (AddedToken token in added)
        {
            string text = TextOf(token);
            _bytes[token.Id] = ByteAlphabet.ToBytes(text);
            if (special.Contains(text))
            {
                ids.Add(token.Id);
            }
        }

        return ids;
    }

    private static int Find(AddedTokenSearch? search, ReadOnlySpan<char> text, out int length, out int id)
    {
        (length, id) = (0, 0);
        return search is null ? -1 : search.Find(text, out length, out id);
    }

    private AddedTokenSearch? Search(IEnumerable<AddedToken> tokens)
    {
        Dictionary<string, int> ids = new(StringComparer.Ordinal);
        foreach (AddedToken token in tokens)
        {
            // The reference takes either of the two, now this one and now that.
            if (!ids.TryAdd(TextOf(token), token.Id))
            {
                throw TokenizerJson.Refused($"added_tokens has two tokens of one normalized text, one with the id {token.Id}");
            }
        }

        return ids.Count == 0 ? null : new AddedTokenSearch(ids);
    }

    private string TextOf(AddedToken token) => token.Normalized ? new string(Normalized(token.Text)) : token.Text;

    // The tokens of each byte: its letter, or with byte fallback those of the letter's own UTF-8 bytes, as the reference has it.
    private static int[][] Symbols(TokenizerFile file)
    {
        int[][] symbols = new int[256][];
        for (int b = 0; b < symbols.Length; b++)
        {
            string letter = ByteAlphabet.Letters[b].ToString();
            symbols[b] = file.Vocabulary.TryGetValue(letter, out int id) ? [id] : file.FallsBackToBytes ? Fallback(file, letter) : [];
            if (symbols[b].Length == 0)
            {
                throw TokenizerJson.Refused($"model.vocab has no token for the byte 0x{b:X2}");
            }
        }

        return symbols;
    }

    private static int[] Fallback(TokenizerFile file, string letter)
    {
        string[] tokens = [.. Encoding.UTF8.GetBytes(letter).Select(b => $"<0x{b:X2}>")];
        return tokens.All(file.Vocabulary.ContainsKey) ? [.. tokens.Select(token => file.Vocabulary[token])] : [];
    }

    private static Dictionary<(int Left, int Right), (int Rank, int Merged)> Merges(TokenizerFile file)
    {
        Dictionary<(int Left, int Right), (int Rank, int Merged)> merges = [];
        for (int rank = 0; rank < file.Merges.Length; rank++)
        {
            (string left, string right) = file.Merges[rank];
            if (!file.Vocabulary.TryGetValue(left, out int l) || !file.Vocabulary.TryGetValue(right, out int r) || !file.Vocabulary.TryGetValue(left + right, out int merged))
            {
                throw TokenizerJson.Refused($"model.merges[{rank}] names a token that the vocabulary lacks");
            }

            merges[(l, r)] = (rank, merged);
        }

        return merges;
    }

    // Surrogates without a partner become U+FFFD before anything else, as they do on the way to UTF-8.
    private static ReadOnlySpan<char> WellFormed(ReadOnlySpan<char> text)
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
}
