// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;

namespace FedCloud.Protocol.Audit;

/// <summary>The hashes of the tree: RFC 6962, section 2.1, with SHA-256.</summary>
public static class MerkleTree
{
    // RFC 6962, 2.1: the first byte separates leaves from nodes, else a node could be shown as a leaf.
    private const byte LeafPrefix = 0x00;
    private const byte NodePrefix = 0x01;

    /// <summary>The root of the tree without entries: the hash of nothing.</summary>
    public static MerkleHash EmptyRoot { get; } = MerkleHash.FromBytes(SHA256.HashData([]));

    /// <summary>The hash of an entry: SHA-256(0x00 ‖ entry).</summary>
    public static MerkleHash HashLeaf(ReadOnlySpan<byte> entry)
    {
        byte[] message = new byte[1 + entry.Length];
        message[0] = LeafPrefix;
        entry.CopyTo(message.AsSpan(1));
        return MerkleHash.FromBytes(SHA256.HashData(message));
    }

    /// <summary>The hash of an inner node: SHA-256(0x01 ‖ left ‖ right).</summary>
    public static MerkleHash HashNode(MerkleHash left, MerkleHash right)
    {
        Span<byte> message = stackalloc byte[1 + (2 * MerkleHash.Length)];
        message[0] = NodePrefix;
        left.WriteTo(message[1..]);
        right.WriteTo(message[(1 + MerkleHash.Length)..]);
        Span<byte> hash = stackalloc byte[MerkleHash.Length];
        SHA256.HashData(message, hash);
        return MerkleHash.FromBytes(hash);
    }
}
