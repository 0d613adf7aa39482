// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Numerics;

namespace FedCloud.Protocol.Audit;

/// <summary>A tree that only grows, kept as the roots of its perfect subtrees, largest first: one hash for each bit that is set in the size.</summary>
/// <remarks>Gives the root of any number of entries in O(log n) memory. Not safe for several threads.</remarks>
public sealed class CompactRange
{
    private readonly List<MerkleHash> _peaks = [];

    /// <summary>The number of entries.</summary>
    public long Size { get; private set; }

    /// <summary>The roots of the perfect subtrees, largest first.</summary>
    public ImmutableArray<MerkleHash> Peaks => [.. _peaks];

    /// <summary>Continues a range from its size and peaks.</summary>
    /// <exception cref="ArgumentException">The number of peaks does not fit the size.</exception>
    public static CompactRange Restore(long size, IReadOnlyList<MerkleHash> peaks)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentNullException.ThrowIfNull(peaks);
        if (peaks.Count != BitOperations.PopCount((ulong)size))
        {
            throw new ArgumentException("a range has one peak for each bit that is set in its size", nameof(peaks));
        }

        CompactRange range = new() { Size = size };
        range._peaks.AddRange(peaks);
        return range;
    }

    /// <summary>Adds an entry by its leaf hash.</summary>
    public void Append(MerkleHash leaf)
    {
        MerkleHash peak = leaf;
        for (long rest = Size; (rest & 1) == 1; rest >>= 1)
        {
            peak = MerkleTree.HashNode(_peaks[^1], peak);
            _peaks.RemoveAt(_peaks.Count - 1);
        }

        _peaks.Add(peak);
        Size = checked(Size + 1);
    }

    /// <summary>The root over all entries so far (RFC 6962, section 2.1).</summary>
    public MerkleHash Root()
    {
        if (_peaks.Count == 0)
        {
            return MerkleTree.EmptyRoot;
        }

        MerkleHash root = _peaks[^1];
        for (int i = _peaks.Count - 2; i >= 0; i--)
        {
            root = MerkleTree.HashNode(_peaks[i], root);
        }

        return root;
    }
}
