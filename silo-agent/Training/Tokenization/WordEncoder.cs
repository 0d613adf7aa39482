// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;

namespace FedCloud.Training.Tokenization;

/// <summary>Turns one word into tokens: always the pair of lowest rank, of equals the leftmost (Sennrich et al. 2016, Algorithm 1).</summary>
/// <remarks>A linked list of tokens and a queue of pairs, so that a word of n bytes costs n·log n: words without spaces can be long. Not safe for several threads: the buffers are kept between words.</remarks>
internal sealed class WordEncoder
{
    private const int Gone = -1;
    private const int KeptBytes = 1 << 14;

    private readonly int[][] _symbols;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _merges;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>>? _wholeWords;
    private readonly PriorityQueue<(int At, int Left, int Right), long> _pairs = new();
    private byte[] _bytes = [];
    private char[] _letters = [];
    private int[] _ids = [];
    private int[] _next = [];
    private int[] _previous = [];

    /// <summary>Prepares the merging.</summary>
    /// <param name="symbols">The tokens of each of the 256 bytes, before any merge.</param>
    /// <param name="merges">Rank and result of each pair.</param>
    /// <param name="wholeWords">The vocabulary, when a word that it holds needs no merges (Llama 3); else null.</param>
    public WordEncoder(int[][] symbols, Dictionary<(int Left, int Right), (int Rank, int Merged)> merges, Dictionary<string, int>? wholeWords)
    {
        _symbols = symbols;
        _merges = merges;
        _wholeWords = wholeWords?.GetAlternateLookup<ReadOnlySpan<char>>();
    }

    /// <summary>The tokens of a word.</summary>
    public int[] Encode(ReadOnlySpan<char> word)
    {
        int length = Encoding.UTF8.GetByteCount(word);
        if (_bytes.Length < length)
        {
            (_bytes, _letters) = (new byte[length], new char[length]);
        }

        Encoding.UTF8.GetBytes(word, _bytes);
        int[] tokens = Whole(_bytes.AsSpan(0, length)) is { } whole ? [whole] : Merge(_bytes.AsSpan(0, length));
        if (length > KeptBytes)
        {
            Release();
        }

        return tokens;
    }

    private int? Whole(ReadOnlySpan<byte> bytes)
    {
        if (_wholeWords is not { } known)
        {
            return null;
        }

        for (int i = 0; i < bytes.Length; i++)
        {
            _letters[i] = ByteAlphabet.Letters[bytes[i]];
        }

        return known.TryGetValue(_letters.AsSpan(0, bytes.Length), out int id) ? id : null;
    }

    private int[] Merge(ReadOnlySpan<byte> bytes)
    {
        int count = Link(bytes);
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
    private int Link(ReadOnlySpan<byte> bytes)
    {
        int count = 0;
        foreach (byte b in bytes)
        {
            count += _symbols[b].Length;
        }

        if (_ids.Length < count)
        {
            (_ids, _next, _previous) = (new int[count], new int[count], new int[count]);
        }

        int at = 0;
        foreach (byte b in bytes)
        {
            foreach (int symbol in _symbols[b])
            {
                (_ids[at], _next[at], _previous[at]) = (symbol, at + 1, at - 1);
                at++;
            }
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
        if (_merges.TryGetValue(pair, out (int Rank, int Merged) merge))
        {
            _pairs.Enqueue((at, pair.Left, pair.Right), ((long)merge.Rank << 32) | (uint)at);
        }
    }

    private void Release()
    {
        (_bytes, _letters, _ids, _next, _previous) = ([], [], [], [], []);
        _pairs.TrimExcess();
    }
}
