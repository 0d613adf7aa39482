// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The running sum over one range of coordinates, into which the silos' vectors are folded: its memory does not grow with their number.</summary>
public sealed class RingSum
{
    private readonly Ring _ring;
    private readonly byte[] _buffer;
    private long _firstWord;
    private int _bytes;

    /// <summary>Makes room for ranges; <see cref="Begin"/> starts one.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="capacity">The largest number of coordinates of a range.</param>
    public RingSum(Ring ring, int capacity)
    {
        ArgumentNullException.ThrowIfNull(ring);
        ArgumentOutOfRangeException.ThrowIfLessThan(capacity, 1);
        _ring = ring;
        _buffer = new byte[checked(capacity * ring.WordBytes)];
    }

    /// <summary>The sum's packed words.</summary>
    public ReadOnlySpan<byte> Words => _buffer.AsSpan(0, _bytes);

    /// <summary>Starts a range with a sum of zeros.</summary>
    /// <param name="firstWord">The range's first coordinate in the vector.</param>
    /// <param name="words">The range's number of coordinates.</param>
    public void Begin(long firstWord, int words)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstWord);
        ArgumentOutOfRangeException.ThrowIfLessThan(words, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(words, _buffer.Length / _ring.WordBytes);
        _firstWord = firstWord;
        _bytes = words * _ring.WordBytes;
        _buffer.AsSpan(0, _bytes).Clear();
    }

    /// <summary>Adds the same range of a silo's vector.</summary>
    /// <param name="part">Packed words, as many as the range has.</param>
    public void Add(ReadOnlySpan<byte> part) => RingWords.Add(_ring, _buffer.AsSpan(0, _bytes), part);

    /// <summary>Adds a piece of the range, as it arrives.</summary>
    /// <param name="word">The piece's first coordinate, counted from the range's first.</param>
    /// <param name="piece">Packed words.</param>
    public void AddAt(int word, ReadOnlySpan<byte> piece) => RingWords.Add(_ring, _buffer.AsSpan(0, _bytes).Slice(word * _ring.WordBytes, piece.Length), piece);

    /// <summary>Takes the masks off, once all vectors are in.</summary>
    public void Unmask(RoundMasks masks)
    {
        ArgumentNullException.ThrowIfNull(masks);
        masks.Apply(_buffer.AsSpan(0, _bytes), _firstWord);
    }
}
