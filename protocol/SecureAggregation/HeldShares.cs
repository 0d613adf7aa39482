// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The verified shares that a silo holds of all of U2, its own included.</summary>
/// <remarks>Erased slot by slot (rule J6), and whole when disposed.</remarks>
public sealed class HeldShares : IDisposable
{
    private readonly ImmutableSortedDictionary<int, ShareBundle> _byDealer;

    /// <summary>Takes bundles over; they are disposed with this.</summary>
    /// <param name="idx">The holder.</param>
    /// <param name="byDealer">A bundle for each member of U2.</param>
    public HeldShares(int idx, ImmutableSortedDictionary<int, ShareBundle> byDealer)
    {
        ArgumentNullException.ThrowIfNull(byDealer);
        Idx = idx;
        _byDealer = byDealer;
        U2 = [.. byDealer.Keys];
    }

    /// <summary>The holder.</summary>
    public int Idx { get; }

    /// <summary>The cohort, ascending.</summary>
    public ImmutableArray<int> U2 { get; }

    /// <summary>Checks everything that E4 brings: signatures, list, hashes, decryption and commitments.</summary>
    /// <param name="members">U1, verified.</param>
    /// <param name="secrets">The holder's secrets.</param>
    /// <param name="own">The shares that the holder dealt to itself; copied.</param>
    /// <param name="deliveries">One for each member of U2, by dealer.</param>
    /// <param name="identityKeys">The roster's identity keys by index.</param>
    /// <exception cref="FedCloudException"><c>advertise_list_invalid</c>: U2 is too small, has strangers, or lacks this silo.</exception>
    public static ShareReceipt Receive(
        EpochMembers members,
        EpochSecrets secrets,
        ShareBundle own,
        ImmutableSortedDictionary<int, ShareDelivery> deliveries,
        IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        ArgumentNullException.ThrowIfNull(members);
        ArgumentNullException.ThrowIfNull(secrets);
        ArgumentNullException.ThrowIfNull(own);
        ArgumentNullException.ThrowIfNull(deliveries);
        ImmutableArray<int> u2 = members.RequireCohort(deliveries.Keys);
        if (!u2.Contains(secrets.Idx))
        {
            throw new FedCloudException(ErrorCodes.AdvertiseListInvalid, $"expected silo {secrets.Idx} in the cohort, found it left out");
        }

        SortedDictionary<int, ShareBundle> bundles = [];
        foreach ((int dealer, ShareDelivery delivery) in deliveries)
        {
            ShareBundle bundle = dealer == secrets.Idx ? new ShareBundle(own.Bytes) : new ShareBundle(members.Parameters.Slots);
            bundles[dealer] = bundle;
            if (Fault(members, secrets, dealer, delivery, bundle, identityKeys) is { } reason)
            {
                Erase(bundles.Values);
                return new ShareReceipt.Refused(new ComplaintBody { Sid = members.Sid, Idx = secrets.Idx, Against = dealer, Reason = reason.Name });
            }
        }

        ShareAckBody ack = new() { Sid = members.Sid, Idx = secrets.Idx, L1 = members.L1, U2Sha256 = Derivations.CohortHash(members.Sid, u2) };
        return new ShareReceipt.Accepted(new HeldShares(secrets.Idx, bundles.ToImmutableSortedDictionary()), ack);
    }

    /// <summary>A dealer's bundle, for storage encrypted at rest.</summary>
    public ShareBundle Of(int dealer) => _byDealer[dealer];

    /// <summary>R6: the shares that open the sum over U3: of s for U2 without U3, of b for U3, never both for one peer.</summary>
    /// <param name="scope">The round.</param>
    /// <param name="agreement">The U3 for which t consistency messages were checked.</param>
    public UnmaskBody Unmask(RoundScope scope, U3Agreement agreement)
    {
        ArgumentNullException.ThrowIfNull(scope);
        ArgumentNullException.ThrowIfNull(agreement);
        if (!scope.U2.SequenceEqual(U2) || agreement.Rid != scope.Rid)
        {
            throw new FedCloudException(ErrorCodes.UnmaskInvalid, "the shares are of another cohort than the round, or the list is of another round");
        }

        return new UnmaskBody
        {
            Rid = scope.Rid,
            Idx = Idx,
            U3Sha256 = agreement.U3Sha256,
            S = Reveal(agreement.Dropped, scope.Slot, ShareKind.PairwiseKey),
            B = Reveal(agreement.U3, scope.Slot, ShareKind.SelfSeed),
        };
    }

    /// <summary>Erases the shares of a slot.</summary>
    public void EraseSlot(int slot)
    {
        foreach (ShareBundle bundle in _byDealer.Values)
        {
            bundle.EraseSlot(slot);
        }
    }

    /// <summary>Erases all shares.</summary>
    public void Dispose() => Erase(_byDealer.Values);

    private ImmutableSortedDictionary<int, RevealedShare> Reveal(IEnumerable<int> peers, int slot, ShareKind kind) =>
        peers.ToImmutableSortedDictionary(peer => peer, peer => RevealedShare.Of(_byDealer[peer].Share(slot, kind)));

    private static ErrorCode? Fault(
        EpochMembers members,
        EpochSecrets secrets,
        int dealer,
        ShareDelivery delivery,
        ShareBundle bundle,
        IReadOnlyDictionary<int, VerificationKey> identityKeys)
    {
        int v = secrets.Idx;
        int slots = members.Parameters.Slots;
        if (!identityKeys.TryGetValue(dealer, out VerificationKey? key) || !delivery.Shares.IsSignedBy(key))
        {
            return ErrorCodes.SignatureInvalid;
        }

        if (TryOpen(delivery.Shares, key, out SharesBody? body) is { } malformed)
        {
            return malformed;
        }

        if (body is null || body.Sid != members.Sid || body.L1 != members.L1 || body.Idx != dealer || !body.Com.Keys.SequenceEqual(members.U1.Keys)
            || delivery.Slice.Length != ShareCommitments.SliceBytes(slots) || body.Com[v] != Sha256Digest.Of(delivery.Slice)
            || (dealer != v && body.Ct[v] != Sha256Digest.Of(delivery.Ciphertext)))
        {
            return ErrorCodes.SharesMismatch;
        }

        if (dealer != v && !TryDecrypt(members, secrets, dealer, delivery.Ciphertext, bundle))
        {
            return ErrorCodes.ShareCiphertextInvalid;
        }

        ShareCommitments made = ShareCommitments.Of(members.Sid, dealer, v, bundle.Bytes);
        return CryptographicOperations.FixedTimeEquals(made.Slice, delivery.Slice) ? null : ErrorCodes.ShareCommitmentMismatch;
    }

    // A dealer that signed a malformed body is complained about like one whose shares are wrong.
    private static ErrorCode? TryOpen(DsseEnvelope envelope, VerificationKey key, out SharesBody? body)
    {
        try
        {
            body = SecureAggregationBody.Open<SharesBody>(envelope, key);
            return null;
        }
        catch (FedCloudException error)
        {
            body = null;
            return error.Code;
        }
    }

    private static bool TryDecrypt(EpochMembers members, EpochSecrets secrets, int dealer, byte[] ciphertext, ShareBundle bundle)
    {
        Span<byte> key = stackalloc byte[Fcsa1.KeyBytes];
        KeySchedule.ShareEncryption(secrets.C, members.U1[dealer].CPk, members.Sid, members.L1, dealer, secrets.Idx, key);
        bool authentic = ShareCipher.TryDecrypt(key, members.Sid, members.L1, dealer, secrets.Idx, ciphertext, bundle.Bytes);
        CryptographicOperations.ZeroMemory(key);
        return authentic;
    }

    private static void Erase(IEnumerable<ShareBundle> bundles)
    {
        foreach (ShareBundle bundle in bundles)
        {
            bundle.Dispose();
        }
    }
}
