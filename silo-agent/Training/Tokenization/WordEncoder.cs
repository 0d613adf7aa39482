// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>Turns one word into tokens: always the pair of lowest rank, of equals the leftmost (Sennrich et al. 2016, Algorithm 1).</summary>
/// <remarks>A linked list of tokens and a queue of pairs, so that a word of n letters costs n·log n: words without spaces can be long. Not safe for several threads: the buffers are kept between words.</remarks>
internal sealed class WordEncoder
{
    private const int Gone = -1;
    private const int KeptTokens = 1 << 14;

    private readonly ITokenAlphabet _alphabet;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _merges;
    private readonly Predicate<int> _isHidden;
    private readonly PriorityQueue<(int At, int Left, int Right), long> _pairs = new();
    private int[] _ids = [];
    private int[] _next = [];
    private int[] _previous = [];

    /// <summary>Prepares the merging.</summary>
    /// <param name="alphabet">Gives a word's tokens before any merge.</param>
    /// <param name="merges">Rank and result of each pair.</param>
    /// <param name="isHidden">Tokens that no merge makes and no whole word is.</param>
    public WordEncoder(ITokenAlphabet alphabet, Dictionary<(int Left, int Right), (int Rank, int Merged)> merges, Predicate<int> isHidden)
    {
        _alphabet = alphabet;
        _merges = merges;
        _isHidden = isHidden;
    }

    /// <summary>The tokens of a word.</summary>
    public int[] Encode(ReadOnlySpan<char> word)
    {
        int[] tokens = _alphabet.Whole(word) is { } whole && !_isHidden(whole) ? [whole] : Merge(word);
        if (_ids.Length > KeptTokens)
        {
            Release();
        }

        return tokens;
    }

    private int[] Merge(ReadOnlySpan<char> word)
    {
        int count = Link(word);
        for (int i = 0; i + 1 < count; i++)
        {
            Offer(i);
        }

        int left = count;
        while (_pairs.TryDequeue(out (int At, int Left, int Right) pair, out _))
        {
            int right = _ids[pair.At] == pair.Left ? _next[pair.At] : count;
            if (right == count || _ids[right] != pair.Right)
            {
                continue; // one of the two was merged since
            }

            _ids[pair.At] = _merges[(pair.Left, pair.Right)].Merged;
            _ids[right] = Gone;
            left--;
            Unlink(pair.At, right, count);
        }

        int[] tokens = new int[left];
        for (int i = 0, at = 0; i < left; i++, at = _next[at])
        {
            tokens[i] = _ids[at];
        }

        return tokens;
    }

    // The first tokens, as a list in order.
    private int Link(ReadOnlySpan<char> word)
    {
        int count = _alphabet.Symbols(word, ref _ids);
        if (_next.Length < count)
        {
            (_next, _previous) = (new int[_ids.Length], new int[_ids.Length]);
        }

        for (int at = 0; at < count; at++)
        {
            (_next[at], _previous[at]) = (at + 1, at - 1);
        }

        return count;
    }

    private void Unlink(int at, int right, int count)
    {
        _next[at] = _next[right];
        if (_next[right] < count)
        {
            _previous[_next[right]] = at;
            Offer(at);
        }

        if (_previous[at] >= 0)
        {
            Offer(_previous[at]);
        }
    }

    private void Offer(int at)
    {
        (int Left, int Right) pair = (_ids[at], _ids[_next[at]]);
        if (_merges.TryGetValue(pair, out (int Rank, int Merged) merge) && !_isHidden(merge.Merged))
        {
            _pairs.Enqueue((at, pair.Left, pair.Right), ((long)merge.Rank << 32) | (uint)at);
        }
    }

    private void Release()
    {
        (_ids, _next, _previous) = ([], [], []);
        _pairs.TrimExcess();
    }
}
