// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The secret derivations of FCSA-1: HKDF-SHA256 (RFC 5869) to 32 bytes, each with its own label (secure-aggregation, section 4).</summary>
/// <remarks>Each key is written to a span that the caller owns and zeroes. A mask key has 256 bits and is never shortened.</remarks>
public static class KeySchedule
{
    /// <summary>K_enc = HKDF( ikm = ECDH(c_u, C_v), salt = sid, info = P"share-enc" 00 u16(u) u16(v) L1 ): encrypts u's shares for v.</summary>
    /// <param name="own">The agreement key of one side.</param>
    /// <param name="peer">The public key of the other.</param>
    /// <param name="sid">The epoch.</param>
    /// <param name="l1">The list of advertisements.</param>
    /// <param name="u">The dealer.</param>
    /// <param name="v">The holder.</param>
    /// <param name="key">Receives 32 bytes.</param>
    public static void ShareEncryption(AgreementKey own, P256Point peer, Sha256Digest sid, Sha256Digest l1, int u, int v, Span<byte> key) =>
        Agree(own, peer, sid, [.. Fcsa1.ShareEncryptionLabel, .. U16(u), .. U16(v), .. l1.ToBytes()], key);

    /// <summary>K_u = HKDF( ikm = b, salt = rid, info = P"self-mask" 00 u16(u) ).</summary>
    /// <param name="b">The slot's self-mask seed, 32 bytes.</param>
    /// <param name="rid">The round.</param>
    /// <param name="u">The silo.</param>
    /// <param name="key">Receives 32 bytes.</param>
    public static void SelfMask(ReadOnlySpan<byte> b, Sha256Digest rid, int u, Span<byte> key) =>
        Expand(b, rid.ToBytes(), [.. Fcsa1.SelfMaskLabel, .. U16(u)], key);

    /// <summary>K_uv = HKDF( ikm = ECDH(s_u, S_v), salt = rid, info = P"pairwise-mask" 00 u16(min) u16(max) ).</summary>
    /// <param name="own">The slot's agreement key of one side.</param>
    /// <param name="peer">The slot's public key of the other.</param>
    /// <param name="rid">The round.</param>
    /// <param name="u">One silo.</param>
    /// <param name="v">The other; the order does not matter.</param>
    /// <param name="key">Receives 32 bytes.</param>
    public static void PairwiseMask(AgreementKey own, P256Point peer, Sha256Digest rid, int u, int v, Span<byte> key) =>
        Agree(own, peer, rid, [.. Fcsa1.PairwiseMaskLabel, .. U16(Math.Min(u, v)), .. U16(Math.Max(u, v))], key);

    /// <summary>K_rot = HKDF( ikm = rid, salt = 0^32, info = P"rotation" 00 ); public, like the rid.</summary>
    /// <param name="rid">The round.</param>
    /// <param name="key">Receives 32 bytes.</param>
    public static void Rotation(Sha256Digest rid, Span<byte> key) => Expand(rid.ToBytes(), new byte[Fcsa1.KeyBytes], Fcsa1.RotationLabel, key);

    /// <summary>The key of a silo's Shamir coefficients: HKDF( ikm = local seed, salt = sid, info = P"local/shamir-coefficients" 00 u16(u) L1 ).</summary>
    /// <remarks>Local to the silo, not on the wire: an E3 made again after a crash is byte-identical (rule J6).</remarks>
    internal static void Coefficients(ReadOnlySpan<byte> seed, Sha256Digest sid, Sha256Digest l1, int u, Span<byte> key) =>
        Expand(seed, sid.ToBytes(), [.. Fcsa1.CoefficientLabel, .. U16(u), .. l1.ToBytes()], key);

    private static void Agree(AgreementKey own, P256Point peer, Sha256Digest salt, byte[] info, Span<byte> key)
    {
        ArgumentNullException.ThrowIfNull(own);
        Span<byte> shared = stackalloc byte[Fcsa1.KeyBytes];
        own.Agree(peer, shared);
        Expand(shared, salt.ToBytes(), info, key);
        CryptographicOperations.ZeroMemory(shared);
    }

    private static void Expand(ReadOnlySpan<byte> ikm, byte[] salt, ReadOnlySpan<byte> info, Span<byte> key) =>
        HKDF.DeriveKey(HashAlgorithmName.SHA256, ikm, key[..Fcsa1.KeyBytes], salt, info);

    private static byte[] U16(int value)
    {
        byte[] bytes = new byte[2];
        BinaryPrimitives.WriteUInt16BigEndian(bytes, checked((ushort)value));
        return bytes;
    }
}
