// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>SHA-256 over a label and items in the encodings of the specification: u8, u16, u32 and u64 big-endian, digests as 32 bytes.</summary>
internal sealed class DerivationHash : IDisposable
{
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

    /// <param name="label">The derivation's label with its zero byte; empty where the specification has none.</param>
    public DerivationHash(ReadOnlySpan<byte> label) => _hash.AppendData(label);

    public DerivationHash Bytes(ReadOnlySpan<byte> bytes)
    {
        _hash.AppendData(bytes);
        return this;
    }

    public DerivationHash Digest(Sha256Digest digest) => Bytes(digest.ToBytes());

    public DerivationHash U8(int value) => Bytes([checked((byte)value)]);

    public DerivationHash U16(int value)
    {
        Span<byte> bytes = stackalloc byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, checked((ushort)value));
        return Bytes(bytes);
    }

    public DerivationHash U32(int value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, checked((uint)value));
        return Bytes(bytes);
    }

    public DerivationHash U64(long value)
    {
        Span<byte> bytes = stackalloc byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, checked((ulong)value));
        return Bytes(bytes);
    }

    public Sha256Digest Finish() => Sha256Digest.FromBytes(_hash.GetHashAndReset());

    public void Dispose() => _hash.Dispose();
}
