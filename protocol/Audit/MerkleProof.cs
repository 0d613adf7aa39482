// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Numerics;

namespace FedCloud.Protocol.Audit;

/// <summary>Inclusion and consistency proofs (RFC 9162, sections 2.1.3 and 2.1.4; the same proofs as RFC 6962).</summary>
public static class MerkleProof
{
    /// <summary>The longest proof of a tree whose size is a 63-bit number.</summary>
    public const int MaxComponents = 64;

    /// <summary>Makes the proof that entry <paramref name="index"/> is in the tree of the first <paramref name="size"/> entries.</summary>
    /// <param name="index">The entry, below <paramref name="size"/>.</param>
    /// <param name="size">The tree's size.</param>
    /// <param name="nodes">Hashes of perfect subtrees inside that tree.</param>
    /// <returns>The siblings from the leaf to the root.</returns>
    public static ImmutableArray<MerkleHash> Inclusion(long index, long size, MerkleNodes nodes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        ArgumentNullException.ThrowIfNull(nodes);
        List<MerkleHash> fromRoot = [];
        (long begin, long end) = (0, size);
        while (end - begin > 1)
        {
            long split = Split(begin, end);
            if (index < split)
            {
                fromRoot.Add(RangeRoot(split, end, nodes));
                end = split;
            }
            else
            {
                fromRoot.Add(RangeRoot(begin, split, nodes));
                begin = split;
            }
        }

        fromRoot.Reverse();
        return [.. fromRoot];
    }

    /// <summary>Makes the proof that the tree of the first <paramref name="first"/> entries is the beginning of the tree of <paramref name="second"/>.</summary>
    /// <param name="first">The smaller size, at least 1.</param>
    /// <param name="second">The larger size.</param>
    /// <param name="nodes">Hashes of perfect subtrees inside the larger tree.</param>
    public static ImmutableArray<MerkleHash> Consistency(long first, long second, MerkleNodes nodes)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, second);
        ArgumentNullException.ThrowIfNull(nodes);
        List<MerkleHash> fromRoot = [];
        (long begin, long end) = (0, second);
        while (end != first)
        {
            long split = Split(begin, end);
            if (first <= split)
            {
                fromRoot.Add(RangeRoot(split, end, nodes));
                end = split;
            }
            else
            {
                fromRoot.Add(RangeRoot(begin, split, nodes));
                begin = split;
            }
        }

        // RFC 9162, 2.1.4.1: the old root itself is left out, since the verifier has it.
        if (begin != 0)
        {
            fromRoot.Add(RangeRoot(begin, end, nodes));
        }

        fromRoot.Reverse();
        return [.. fromRoot];
    }

    /// <summary>Whether the proof shows that the leaf is entry <paramref name="index"/> of the tree (RFC 9162, section 2.1.3.2).</summary>
    public static bool VerifyInclusion(MerkleHash leaf, long index, long size, IReadOnlyList<MerkleHash> proof, MerkleHash root)
    {
        ArgumentNullException.ThrowIfNull(proof);
        if (index < 0 || index >= size)
        {
            return false;
        }

        (long node, long last) = (index, size - 1);
        MerkleHash hash = leaf;
        foreach (MerkleHash sibling in proof)
        {
            if (last == 0)
            {
                return false;
            }

            if ((node & 1) == 1 || node == last)
            {
                hash = MerkleTree.HashNode(sibling, hash);
                (node, last) = SkipMissingSiblings(node, last);
            }
            else
            {
                hash = MerkleTree.HashNode(hash, sibling);
            }

            (node, last) = (node >> 1, last >> 1);
        }

        return last == 0 && hash == root;
    }

    /// <summary>Whether the proof shows that the second tree begins with the first (RFC 9162, section 2.1.4.2).</summary>
    /// <remarks>A first size of 0 proves nothing and is refused; equal sizes need equal roots and an empty proof.</remarks>
    public static bool VerifyConsistency(long first, long second, MerkleHash firstRoot, MerkleHash secondRoot, IReadOnlyList<MerkleHash> proof)
    {
        ArgumentNullException.ThrowIfNull(proof);
        if (first < 1 || first > second)
        {
            return false;
        }

        if (first == second)
        {
            return proof.Count == 0 && firstRoot == secondRoot;
        }

        return proof.Count > 0 && VerifyGrowth(first, second, firstRoot, secondRoot, proof);
    }

    /// <summary>Checks an inclusion proof as a foreign file gives it: numbers of 64 bits, hashes as bytes of any length.</summary>
    public static bool VerifyInclusion(ReadOnlySpan<byte> leaf, ulong index, ulong size, IReadOnlyList<byte[]> proof, ReadOnlySpan<byte> root) =>
        size <= long.MaxValue
        && index < size
        && MerkleHash.TryFromBytes(leaf, out MerkleHash leafHash)
        && MerkleHash.TryFromBytes(root, out MerkleHash rootHash)
        && TryRead(proof, out List<MerkleHash> hashes)
        && VerifyInclusion(leafHash, (long)index, (long)size, hashes, rootHash);

    /// <summary>Checks a consistency proof as a foreign file gives it: numbers of 64 bits, hashes as bytes of any length.</summary>
    public static bool VerifyConsistency(ulong first, ulong second, ReadOnlySpan<byte> firstRoot, ReadOnlySpan<byte> secondRoot, IReadOnlyList<byte[]> proof)
    {
        ArgumentNullException.ThrowIfNull(proof);
        if (first < 1 || first > second || second > long.MaxValue)
        {
            return false;
        }

        // Equal sizes only ask whether the roots are the same; nothing is hashed.
        return first == second
            ? proof.Count == 0 && firstRoot.SequenceEqual(secondRoot)
            : MerkleHash.TryFromBytes(firstRoot, out MerkleHash old)
                && MerkleHash.TryFromBytes(secondRoot, out MerkleHash now)
                && TryRead(proof, out List<MerkleHash> hashes)
                && VerifyConsistency((long)first, (long)second, old, now, hashes);
    }

    private static bool TryRead(IReadOnlyList<byte[]> proof, out List<MerkleHash> hashes)
    {
        ArgumentNullException.ThrowIfNull(proof);
        hashes = [];
        foreach (byte[] component in proof)
        {
            if (!MerkleHash.TryFromBytes(component, out MerkleHash hash))
            {
                return false;
            }

            hashes.Add(hash);
        }

        return true;
    }

    private static bool VerifyGrowth(long first, long second, MerkleHash firstRoot, MerkleHash secondRoot, IReadOnlyList<MerkleHash> proof)
    {
        // A first tree that is perfect is a node of the second; its root stands in for the first component.
        bool perfect = BitOperations.IsPow2(first);
        (long node, long last) = (first - 1, second - 1);
        while ((node & 1) == 1)
        {
            (node, last) = (node >> 1, last >> 1);
        }

        MerkleHash old = perfect ? firstRoot : proof[0];
        MerkleHash now = old;
        foreach (MerkleHash component in proof.Skip(perfect ? 0 : 1))
        {
            if (last == 0)
            {
                return false;
            }

            if ((node & 1) == 1 || node == last)
            {
                old = MerkleTree.HashNode(component, old);
                now = MerkleTree.HashNode(component, now);
                (node, last) = SkipMissingSiblings(node, last);
            }
            else
            {
                now = MerkleTree.HashNode(now, component);
            }

            (node, last) = (node >> 1, last >> 1);
        }

        return last == 0 && old == firstRoot && now == secondRoot;
    }

    // A left node at the tree's right edge has no sibling; it rises unchanged until it is a right node.
    private static (long Node, long Last) SkipMissingSiblings(long node, long last)
    {
        while ((node & 1) == 0 && node != 0)
        {
            (node, last) = (node >> 1, last >> 1);
        }

        return (node, last);
    }

    // RFC 6962, 2.1: the largest power of two below the number of entries.
    private static long Split(long begin, long end) => begin + (1L << BitOperations.Log2((ulong)(end - begin - 1)));

    private static MerkleHash RangeRoot(long begin, long end, MerkleNodes nodes)
    {
        if (BitOperations.IsPow2(end - begin))
        {
            int level = BitOperations.Log2((ulong)(end - begin));
            return nodes(level, begin >> level);
        }

        long split = Split(begin, end);
        return MerkleTree.HashNode(RangeRoot(begin, split, nodes), RangeRoot(split, end, nodes));
    }
}
