// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The running sum over one range of coordinates, into which the silos' vectors are folded: its memory does not grow with their number.</summary>
public sealed class RingSum
{
    private readonly Ring _ring;
    private readonly long _firstWord;
    private readonly byte[] _words;

    /// <summary>Begins a sum of zeros.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="firstWord">The range's first coordinate in the vector.</param>
    /// <param name="words">The range's number of coordinates.</param>
    public RingSum(Ring ring, long firstWord, int words)
    {
        ArgumentNullException.ThrowIfNull(ring);
        ArgumentOutOfRangeException.ThrowIfNegative(firstWord);
        ArgumentOutOfRangeException.ThrowIfLessThan(words, 1);
        _ring = ring;
        _firstWord = firstWord;
        _words = new byte[checked(words * ring.WordBytes)];
    }

    /// <summary>The sum's packed words.</summary>
    public ReadOnlySpan<byte> Words => _words;

    /// <summary>Adds the same range of a silo's vector.</summary>
    /// <param name="part">Packed words, as many as the range has.</param>
    public void Add(ReadOnlySpan<byte> part) => RingWords.Add(_ring, _words, part);

    /// <summary>Adds a piece of the range, as it arrives.</summary>
    /// <param name="word">The piece's first coordinate, counted from the range's first.</param>
    /// <param name="piece">Packed words.</param>
    public void AddAt(int word, ReadOnlySpan<byte> piece) => RingWords.Add(_ring, _words.AsSpan(word * _ring.WordBytes, piece.Length), piece);

    /// <summary>Takes the masks off, once all vectors are in.</summary>
    public void Unmask(RoundMasks masks)
    {
        ArgumentNullException.ThrowIfNull(masks);
        masks.Apply(_words, _firstWord);
    }
}
