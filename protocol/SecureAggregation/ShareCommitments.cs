// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A dealer's commitments to all shares of one holder: slice_v, 32 bytes for each slot ascending and each kind (secure-aggregation, section 4.1).</summary>
public sealed class ShareCommitments
{
    private readonly byte[] _slice;

    private ShareCommitments(byte[] slice) => _slice = slice;

    /// <summary>The slice's bytes.</summary>
    public ReadOnlySpan<byte> Slice => _slice;

    /// <summary>The hash that the dealer signs.</summary>
    public Sha256Digest Digest => Sha256Digest.Of(_slice);

    /// <summary>Reads a slice whose hash the dealer signed.</summary>
    /// <exception cref="FedCloudException"><c>shares_mismatch</c>: another length than the epoch's slots need.</exception>
    public static ShareCommitments Read(ReadOnlySpan<byte> slice, int slots) => slice.Length == SliceBytes(slots)
        ? new ShareCommitments(slice.ToArray())
        : throw new FedCloudException(ErrorCodes.SharesMismatch, $"expected a commitment slice of {SliceBytes(slots)} bytes, found {slice.Length}");

    /// <summary>Makes the commitments to a bundle of shares.</summary>
    /// <param name="sid">The epoch.</param>
    /// <param name="u">The dealer.</param>
    /// <param name="v">The holder.</param>
    /// <param name="bundle">For each slot ascending, the share of s, then the share of b.</param>
    public static ShareCommitments Of(Sha256Digest sid, int u, int v, ReadOnlySpan<byte> bundle)
    {
        byte[] slice = new byte[bundle.Length];
        for (int at = 0; at < bundle.Length; at += Shamir.ShareBytes)
        {
            (int slot, int kind) = Math.DivRem(at / Shamir.ShareBytes, 2);
            Derivations.ShareCommitment(sid, u, v, slot, (ShareKind)kind, bundle.Slice(at, Shamir.ShareBytes)).ToBytes().CopyTo(slice, at);
        }

        return new ShareCommitments(slice);
    }

    /// <summary>The bytes of a slice.</summary>
    public static int SliceBytes(int slots) => 2 * Shamir.ShareBytes * slots;

    /// <summary>Whether a share is the one committed to.</summary>
    /// <param name="sid">The epoch.</param>
    /// <param name="u">The dealer.</param>
    /// <param name="v">The holder.</param>
    /// <param name="slot">The slot.</param>
    /// <param name="kind">Which secret is shared.</param>
    /// <param name="share">32 bytes.</param>
    public bool Matches(Sha256Digest sid, int u, int v, int slot, ShareKind kind, ReadOnlySpan<byte> share)
    {
        int at = ((2 * slot) + (int)kind) * Shamir.ShareBytes;
        return CryptographicOperations.FixedTimeEquals(
            Derivations.ShareCommitment(sid, u, v, slot, kind, share).ToBytes(),
            _slice.AsSpan(at, Shamir.ShareBytes));
    }
}
