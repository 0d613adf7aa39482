// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>E3: a silo's shares for all of U1, with the body that signs their hashes (secure-aggregation, section 5.1).</summary>
/// <remarks>Made again from the same secrets and the same list it has the same bytes, so the zero nonce never meets a second plaintext (rule J6).</remarks>
public sealed class DealtShares : IDisposable
{
    private DealtShares(
        SharesBody body,
        ImmutableSortedDictionary<int, byte[]> ciphertexts,
        ImmutableSortedDictionary<int, ShareCommitments> commitments,
        ShareBundle own)
    {
        Body = body;
        Ciphertexts = ciphertexts;
        Commitments = commitments;
        Own = own;
    }

    /// <summary>The body to sign.</summary>
    public SharesBody Body { get; }

    /// <summary>For each other member, ciphertext ‖ tag.</summary>
    public ImmutableSortedDictionary<int, byte[]> Ciphertexts { get; }

    /// <summary>For each member, this silo included, the commitments to its shares.</summary>
    public ImmutableSortedDictionary<int, ShareCommitments> Commitments { get; }

    /// <summary>The shares that the silo keeps for itself; erased when this is disposed.</summary>
    public ShareBundle Own { get; }

    /// <summary>Deals.</summary>
    /// <param name="members">U1, verified.</param>
    /// <param name="secrets">The silo's secrets, whose coefficient seed is not erased yet.</param>
    public static DealtShares Deal(EpochMembers members, EpochSecrets secrets)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(secrets);
        int u = secrets.Idx;
        SortedDictionary<int, byte[]> ciphertexts = [];
        SortedDictionary<int, ShareCommitments> commitments = [];
        ShareBundle own = new(secrets.Slots);
        using SecretBytes coefficients = Coefficients(members, secrets);
        foreach (int v in members.U1.Keys)
        {
            using ShareBundle bundle = new(secrets.Slots);
            Fill(bundle, v, members.Bounds.Threshold - 1, secrets, coefficients);
            commitments[v] = ShareCommitments.Of(members.Sid, u, v, bundle.Bytes);
            if (v == u)
            {
                bundle.Bytes.CopyTo(own.Bytes);
            }
            else
            {
                ciphertexts[v] = Encrypt(members, secrets, v, bundle);
            }
        }

        SharesBody body = new()
        {
            Sid = members.Sid,
            Idx = u,
            L1 = members.L1,
            Ct = ciphertexts.ToImmutableSortedDictionary(pair => pair.Key, pair => Sha256Digest.Of(pair.Value)),
            Com = commitments.ToImmutableSortedDictionary(pair => pair.Key, pair => pair.Value.Digest),
        };
        return new DealtShares(body, ciphertexts.ToImmutableSortedDictionary(), commitments.ToImmutableSortedDictionary(), own);
    }

    /// <summary>Erases the silo's own shares.</summary>
    public void Dispose() => Own.Dispose();

    // t - 1 coefficients of 32 bytes for each slot and each kind, from AES-256-CTR under a key of this (seed, sid, L1, u).
    private static SecretBytes Coefficients(EpochMembers members, EpochSecrets secrets)
    {
        SecretBytes coefficients = new(2 * secrets.Slots * (members.Bounds.Threshold - 1) * Shamir.ShareBytes);
        Span<byte> key = stackalloc byte[Fcsa1.KeyBytes];
        KeySchedule.Coefficients(secrets.CoefficientSeed.Span, members.Sid, members.L1, secrets.Idx, key);
        using AesCtrKeystream stream = new(key);
        CryptographicOperations.ZeroMemory(key);
        stream.Fill(coefficients.Span, 0);
        return coefficients;
    }

    private static void Fill(ShareBundle bundle, int v, int degree, EpochSecrets secrets, SecretBytes coefficients)
    {
        int size = degree * Shamir.ShareBytes;
        Span<byte> s = stackalloc byte[Fcsa1.KeyBytes];
        for (int slot = 0; slot < secrets.Slots; slot++)
        {
            secrets.S(slot).CopyScalarTo(s);
            Shamir.Split(s, coefficients.Span.Slice(2 * slot * size, size), v, bundle.Share(slot, ShareKind.PairwiseKey));
            Shamir.Split(secrets.B(slot).Span, coefficients.Span.Slice(((2 * slot) + 1) * size, size), v, bundle.Share(slot, ShareKind.SelfSeed));
        }

        CryptographicOperations.ZeroMemory(s);
    }

    private static byte[] Encrypt(EpochMembers members, EpochSecrets secrets, int v, ShareBundle bundle)
    {
        Span<byte> key = stackalloc byte[Fcsa1.KeyBytes];
        KeySchedule.ShareEncryption(secrets.C, members.U1[v].CPk, members.Sid, members.L1, secrets.Idx, v, key);
        byte[] sealedBundle = ShareCipher.Encrypt(key, members.Sid, members.L1, secrets.Idx, v, bundle.Bytes);
        CryptographicOperations.ZeroMemory(key);
        return sealedBundle;
    }
}
