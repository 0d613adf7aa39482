// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Encrypts a bundle of shares from one silo to another: AES-256-GCM, tag appended (secure-aggregation, section 4).</summary>
/// <remarks>
/// Nonce = 12 zero bytes, allowed only because K_enc is unique for (sid, L1, u, v) and encrypts one bundle: a silo answers one L1
/// per epoch, and makes the same bundle again from its journaled seed (rule J6). Associated data = sid u16(u) u16(v) L1.
/// </remarks>
public static class ShareCipher
{
    /// <summary>The bytes of the tag.</summary>
    public const int TagBytes = 16;

    private const int NonceBytes = 12;

    /// <summary>Encrypts.</summary>
    /// <param name="key">K_enc, 32 bytes.</param>
    /// <param name="sid">The epoch.</param>
    /// <param name="l1">The list of advertisements.</param>
    /// <param name="u">The dealer.</param>
    /// <param name="v">The holder.</param>
    /// <param name="bundle">For each slot ascending, the share of s, then the share of b.</param>
    /// <returns>Ciphertext ‖ tag.</returns>
    public static byte[] Encrypt(ReadOnlySpan<byte> key, Sha256Digest sid, Sha256Digest l1, int u, int v, ReadOnlySpan<byte> bundle)
    {
        byte[] sealedBundle = new byte[bundle.Length + TagBytes];
        using AesGcm cipher = new(key, TagBytes);
        cipher.Encrypt(new byte[NonceBytes], bundle, sealedBundle.AsSpan(0, bundle.Length), sealedBundle.AsSpan(bundle.Length), Associated(sid, l1, u, v));
        return sealedBundle;
    }

    /// <summary>Decrypts.</summary>
    /// <param name="key">K_enc, 32 bytes.</param>
    /// <param name="sid">The epoch.</param>
    /// <param name="l1">The list of advertisements.</param>
    /// <param name="u">The dealer.</param>
    /// <param name="v">The holder.</param>
    /// <param name="sealedBundle">Ciphertext ‖ tag.</param>
    /// <param name="bundle">Receives the shares, in the exact length; zeros where the authentication fails.</param>
    /// <returns>Whether length and authentication are right.</returns>
    public static bool TryDecrypt(ReadOnlySpan<byte> key, Sha256Digest sid, Sha256Digest l1, int u, int v, ReadOnlySpan<byte> sealedBundle, Span<byte> bundle)
    {
        if (sealedBundle.Length != bundle.Length + TagBytes)
        {
            return false;
        }

        using AesGcm cipher = new(key, TagBytes);
        try
        {
            cipher.Decrypt(new byte[NonceBytes], sealedBundle[..bundle.Length], sealedBundle[bundle.Length..], bundle, Associated(sid, l1, u, v));
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            CryptographicOperations.ZeroMemory(bundle);
            return false;
        }
    }

    private static byte[] Associated(Sha256Digest sid, Sha256Digest l1, int u, int v)
    {
        byte[] associated = new byte[68];
        sid.ToBytes().CopyTo(associated, 0);
        BinaryPrimitives.WriteUInt16BigEndian(associated.AsSpan(32), checked((ushort)u));
        BinaryPrimitives.WriteUInt16BigEndian(associated.AsSpan(34), checked((ushort)v));
        l1.ToBytes().CopyTo(associated, 36);
        return associated;
    }
}
