// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>What is found in text: added tokens, and the tokens of the words between them. Some tokens may be hidden, so that no text gives them.</summary>
/// <remarks>Words once seen are kept with their tokens. Not safe for several threads.</remarks>
internal sealed class TokenFinder
{
    private const int CachedWords = 100_000;
    private const int CachedWordLength = 64;

    private readonly ITokenAlphabet _alphabet;
    private readonly AddedTokenSearch? _verbatim;
    private readonly AddedTokenSearch? _normalized;
    private readonly WordEncoder _words;
    private readonly HashSet<int> _hidden;
    private readonly Dictionary<string, int[]> _cache = new(StringComparer.Ordinal);
    private readonly Dictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cached;

    /// <summary>Prepares the search.</summary>
    /// <param name="alphabet">How text is written.</param>
    /// <param name="added">The added tokens.</param>
    /// <param name="merges">Rank and result of each pair.</param>
    /// <param name="hidden">The ids that no text gives.</param>
    public TokenFinder(ITokenAlphabet alphabet, IEnumerable<AddedToken> added, Dictionary<(int Left, int Right), (int Rank, int Merged)> merges, HashSet<int> hidden)
    {
        _alphabet = alphabet;
        _hidden = hidden;
        _words = new WordEncoder(alphabet, merges, hidden.Count == 0 ? _ => false : hidden.Contains);
        AddedToken[] shown = [.. added.Where(token => !hidden.Contains(token.Id))];
        _verbatim = Search(shown.Where(token => !token.Normalized));
        _normalized = Search(shown.Where(token => token.Normalized));
        _cached = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>Whether a token is hidden. One that is a single letter comes from text all the same, as no merge makes it.</summary>
    public bool IsHidden(int id) => _hidden.Contains(id);

    /// <summary>Finds the added tokens that are taken from the text as it came.</summary>
    public int FindVerbatim(ReadOnlySpan<char> text, out int length, out int id) => Find(_verbatim, text, out length, out id);

    /// <summary>Finds the added tokens that are taken from normalized text.</summary>
    public int FindNormalized(ReadOnlySpan<char> text, out int length, out int id) => Find(_normalized, text, out length, out id);

    /// <summary>A piece of text between added tokens in normalized form.</summary>
    public ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text, PiecePlace place) => _alphabet.Normalize(text, place);

    /// <summary>A run without added tokens, ready for its words to be taken.</summary>
    public ReadOnlySpan<char> Prepare(ReadOnlySpan<char> run, PiecePlace place) => _alphabet.Prepare(run, place);

    /// <summary>The tokens of the first word, which is cut off the text.</summary>
    public ReadOnlySpan<int> TakeWord(scoped ref ReadOnlySpan<char> text)
    {
        ReadOnlySpan<char> word = text[.._alphabet.FirstWord(text)];
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
            if (!ids.TryAdd(token.Found(_alphabet), token.Id))
            {
                throw TokenizerJson.Refused($"added_tokens has two tokens of one normalized text, one with the id {token.Id}");
            }
        }

        return ids.Count == 0 ? null : new AddedTokenSearch(ids);
    }
}
