// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Audit;

/// <summary>A SHA-256 hash in the tree. It has 32 bytes by type, so that a proof cannot hold a component of another length.</summary>
public readonly record struct MerkleHash
{
    /// <summary>The length in bytes.</summary>
    public const int Length = 32;

    private readonly ulong _first;
    private readonly ulong _second;
    private readonly ulong _third;
    private readonly ulong _fourth;

    private MerkleHash(ReadOnlySpan<byte> bytes)
    {
        _first = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        _second = BinaryPrimitives.ReadUInt64BigEndian(bytes[8..]);
        _third = BinaryPrimitives.ReadUInt64BigEndian(bytes[16..]);
        _fourth = BinaryPrimitives.ReadUInt64BigEndian(bytes[24..]);
    }

    /// <summary>The hash whose 32 bytes are given.</summary>
    public static MerkleHash FromBytes(ReadOnlySpan<byte> bytes) =>
        bytes.Length == Length ? new(bytes) : throw new ArgumentException("a tree hash has 32 bytes", nameof(bytes));

    /// <summary>Reads 32 bytes.</summary>
    /// <returns>False when the length is another.</returns>
    public static bool TryFromBytes(ReadOnlySpan<byte> bytes, out MerkleHash hash)
    {
        bool whole = bytes.Length == Length;
        hash = whole ? new(bytes) : default;
        return whole;
    }

    /// <summary>Reads the one base64 form of 32 bytes (RFC 4648, section 4): no white space, no stray bits at the end.</summary>
    public static bool TryFromBase64(string text, out MerkleHash hash)
    {
        hash = default;
        return StrictBase64.TryDecode(text, out byte[] bytes) && TryFromBytes(bytes, out hash);
    }

    /// <summary>Writes the 32 bytes.</summary>
    public void WriteTo(Span<byte> destination)
    {
        BinaryPrimitives.WriteUInt64BigEndian(destination, _first);
        BinaryPrimitives.WriteUInt64BigEndian(destination[8..], _second);
        BinaryPrimitives.WriteUInt64BigEndian(destination[16..], _third);
        BinaryPrimitives.WriteUInt64BigEndian(destination[24..], _fourth);
    }

    /// <summary>The 32 bytes.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Length];
        WriteTo(bytes);
        return bytes;
    }

    /// <summary>The base64 form, as checkpoints and proofs write it.</summary>
    public string ToBase64() => Convert.ToBase64String(ToBytes());

    /// <summary>The same value as a digest.</summary>
    public Sha256Digest ToDigest() => Sha256Digest.FromBytes(ToBytes());

    /// <summary>64 lower-case hexadecimal digits.</summary>
    public override string ToString() => Convert.ToHexStringLower(ToBytes());
}
