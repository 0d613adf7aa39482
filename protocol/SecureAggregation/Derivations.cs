// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The public derivations of FCSA-1 (secure-aggregation, section 4). Lists run in ascending index.</summary>
public static class Derivations
{
    /// <summary>sid = SHA256( P"epoch" 00 JCS(EpochParams) ).</summary>
    public static Sha256Digest Sid(ReadOnlySpan<byte> epochParamsJcs)
    {
        using DerivationHash hash = new(Fcsa1.EpochLabel);
        return hash.Bytes(epochParamsJcs).Finish();
    }

    /// <summary>L1 = SHA256( ‖ SHA256(JCS(Advertise_u)) ) over U1.</summary>
    /// <param name="advertisements">The canonical bodies, ascending by index.</param>
    public static Sha256Digest L1(IEnumerable<byte[]> advertisements)
    {
        ArgumentNullException.ThrowIfNull(advertisements);
        using DerivationHash hash = new([]);
        foreach (byte[] body in advertisements)
        {
            hash.Digest(Sha256Digest.Of(body));
        }

        return hash.Finish();
    }

    /// <summary>b_com = SHA256( P"self-seed-com" 00 sid u16(u) u32(slot) b ).</summary>
    public static Sha256Digest SelfSeedCommitment(Sha256Digest sid, int u, int slot, ReadOnlySpan<byte> b)
    {
        using DerivationHash hash = new(Fcsa1.SelfSeedCommitmentLabel);
        return hash.Digest(sid).U16(u).U32(slot).Bytes(b).Finish();
    }

    /// <summary>shr_com = SHA256( P"share-com" 00 sid u16(u) u16(v) u32(slot) u8(type) share ).</summary>
    /// <param name="sid">The epoch.</param>
    /// <param name="u">The dealer.</param>
    /// <param name="v">The holder.</param>
    /// <param name="slot">The slot.</param>
    /// <param name="kind">Which secret is shared.</param>
    /// <param name="share">32 bytes.</param>
    public static Sha256Digest ShareCommitment(Sha256Digest sid, int u, int v, int slot, ShareKind kind, ReadOnlySpan<byte> share)
    {
        using DerivationHash hash = new(Fcsa1.ShareCommitmentLabel);
        return hash.Digest(sid).U16(u).U16(v).U32(slot).U8((int)kind).Bytes(share).Finish();
    }

    /// <summary>U2h = SHA256( P"u2" 00 sid ‖ u16(u) ) over U2.</summary>
    public static Sha256Digest CohortHash(Sha256Digest sid, IEnumerable<int> u2)
    {
        ArgumentNullException.ThrowIfNull(u2);
        using DerivationHash hash = new(Fcsa1.CohortLabel);
        hash.Digest(sid);
        foreach (int u in u2)
        {
            hash.U16(u);
        }

        return hash.Finish();
    }

    /// <summary>rid = SHA256( P"round" 00 sid u32(slot) u64(round) model_sha256 config_sha256 u64(d) u8(k) U2h ).</summary>
    public static Sha256Digest Rid(Sha256Digest sid, int slot, long round, Sha256Digest model, Sha256Digest config, long d, Ring ring, Sha256Digest u2Hash)
    {
        ArgumentNullException.ThrowIfNull(ring);
        using DerivationHash hash = new(Fcsa1.RoundLabel);
        return hash.Digest(sid).U32(slot).U64(round).Digest(model).Digest(config).U64(d).U8(ring.Bits).Digest(u2Hash).Finish();
    }

    /// <summary>U3h = SHA256( P"u3" 00 rid ‖ ( u16(u) SHA256(y_u bytes) ) ) over U3.</summary>
    public static Sha256Digest U3Hash(Sha256Digest rid, IEnumerable<U3Member> members)
    {
        ArgumentNullException.ThrowIfNull(members);
        using DerivationHash hash = new(Fcsa1.U3Label);
        hash.Digest(rid);
        foreach (U3Member member in members)
        {
            hash.U16(member.Idx).Digest(member.YSha256);
        }

        return hash.Finish();
    }

    /// <summary>ack_sha256 = SHA256( ‖ SHA256(PAE of ShareAck_u) ) over U2.</summary>
    /// <param name="identities">The acknowledgements' identities, ascending by signer.</param>
    public static Sha256Digest AckHash(IEnumerable<Sha256Digest> identities)
    {
        ArgumentNullException.ThrowIfNull(identities);
        using DerivationHash hash = new([]);
        foreach (Sha256Digest identity in identities)
        {
            hash.Digest(identity);
        }

        return hash.Finish();
    }
}
