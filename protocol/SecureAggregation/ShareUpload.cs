// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>E3 as the coordinator receives it: a dealer's signed hashes with the ciphertexts and slices that they hash, checked.</summary>
/// <param name="Dealer">The dealer.</param>
/// <param name="Commitments">The commitment slice of each member of U1.</param>
public sealed record ShareUpload(int Dealer, ImmutableSortedDictionary<int, ShareCommitments> Commitments)
{
    /// <summary>Checks signature, list, hashes and lengths. Whether the shares are right only their holders can see.</summary>
    /// <param name="members">U1, verified.</param>
    /// <param name="shares">The signed body.</param>
    /// <param name="ciphertexts">For each other member, ciphertext ‖ tag.</param>
    /// <param name="slices">For each member, its commitment slice.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <exception cref="FedCloudException"><c>shares_mismatch</c>, <c>signature_invalid</c>, or a code of the body.</exception>
    public static ShareUpload Open(
        EpochMembers members,
        DsseEnvelope shares,
        IReadOnlyDictionary<int, byte[]> ciphertexts,
        IReadOnlyDictionary<int, byte[]> slices,
        IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        ArgumentNullException.ThrowIfNull(ciphertexts);
        SharesBody body = OpenBody(members, shares, identityKeys);
        int bundleBytes = ShareCommitments.SliceBytes(members.Parameters.Slots); // a share and a commitment have 32 bytes each
        foreach ((int v, Sha256Digest expected) in body.Ct)
        {
            if (!ciphertexts.TryGetValue(v, out byte[]? ciphertext) || ciphertext.Length != bundleBytes + ShareCipher.TagBytes || Sha256Digest.Of(ciphertext) != expected)
            {
                throw new FedCloudException(ErrorCodes.SharesMismatch, $"silo {body.Idx}: the ciphertext for silo {v} is missing or is not the signed one");
            }
        }

        return new ShareUpload(body.Idx, OpenSlices(members, body, slices));
    }

    /// <summary>Checks a dealer's commitments alone, as an auditor does, who has no use for the ciphertexts.</summary>
    /// <param name="members">U1, verified.</param>
    /// <param name="shares">The signed body.</param>
    /// <param name="slices">For each member, its commitment slice.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <exception cref="FedCloudException"><c>shares_mismatch</c>, <c>signature_invalid</c>, or a code of the body.</exception>
    public static ShareUpload OpenCommitments(
        EpochMembers members,
        DsseEnvelope shares,
        IReadOnlyDictionary<int, byte[]> slices,
        IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        SharesBody body = OpenBody(members, shares, identityKeys);
        return new ShareUpload(body.Idx, OpenSlices(members, body, slices));
    }

    private static SharesBody OpenBody(EpochMembers members, DsseEnvelope shares, IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        ArgumentNullException.ThrowIfNull(members);
        SharesBody body = Signer.Open<SharesBody>(shares, identityKeys, shared => shared.Idx);
        return body.Sid == members.Sid && body.L1 == members.L1 && body.Com.Keys.SequenceEqual(members.U1.Keys)
            ? body
            : throw new FedCloudException(ErrorCodes.SharesMismatch, $"silo {body.Idx} shared for another epoch or another list");
    }

    private static ImmutableSortedDictionary<int, ShareCommitments> OpenSlices(EpochMembers members, SharesBody body, IReadOnlyDictionary<int, byte[]> slices)
    {
        ArgumentNullException.ThrowIfNull(slices);
        SortedDictionary<int, ShareCommitments> commitments = [];
        foreach ((int v, Sha256Digest expected) in body.Com)
        {
            if (!slices.TryGetValue(v, out byte[]? slice) || Sha256Digest.Of(slice) != expected)
            {
                throw new FedCloudException(ErrorCodes.SharesMismatch, $"silo {body.Idx}: the commitments for silo {v} are missing or are not the signed ones");
            }

            commitments[v] = ShareCommitments.Read(slice, members.Parameters.Slots);
        }

        return commitments.ToImmutableSortedDictionary();
    }
}
