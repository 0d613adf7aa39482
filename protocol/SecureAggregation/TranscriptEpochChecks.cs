// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The checks of an epoch: parameters, keys, advertisements, shares, commitments, ciphertexts.</summary>
internal static class TranscriptEpochChecks
{
    public static void Run(Transcript transcript, TranscriptFindings findings)
    {
        TranscriptParams sizes = transcript.Params;
        findings.Add("epoch_params", () => EpochParams.Parse(Encoding.UTF8.GetBytes(transcript.EpochParamsJcs)) is { } epoch
            && epoch.N == sizes.N && epoch.T == sizes.T && epoch.Slots == sizes.Slots);
        findings.Add("sid", TranscriptFindings.Same(Derivations.Sid(Encoding.UTF8.GetBytes(transcript.EpochParamsJcs)).Hex, transcript.Sid));
        findings.EachSilo("identity_keys", transcript.Silos.Keys, u => IsPair(transcript.Silos[u].IkSk, transcript.Silos[u].IkPk));
        findings.EachSilo("agreement_keys", transcript.Silos.Keys, u => IsPair(transcript.Silos[u].CSk, transcript.Silos[u].CPk) && IsPair(transcript.Silos[u].SSk, transcript.Silos[u].SPk));
        findings.EachSilo("advertise", transcript.Silos.Keys, u => IsAdvertised(transcript, u));
        findings.Add("l1", TranscriptFindings.Same(Derivations.L1(transcript.Silos.Values.Select(silo => Encoding.UTF8.GetBytes(silo.AdvertiseJcs))).Hex, transcript.L1));
        findings.EachSilo("shares_s", transcript.Silos.Keys, u => AreShares(transcript.Silos[u].SharesS, transcript.Silos[u].SSk, sizes.T));
        findings.EachSilo("shares_b", transcript.Silos.Keys, u => AreShares(transcript.Silos[u].SharesB, transcript.Silos[u].B, sizes.T));
        findings.EachSilo("share_commitments", transcript.Silos.Keys, u => AreCommitted(transcript, u));
        findings.Each("share_ciphertexts", [.. transcript.ShareCiphertexts.Keys], pair => Decrypts(transcript, pair));
    }

    internal static byte[] Bytes(string hex) => TranscriptFindings.Bytes(hex, Fcsa1.KeyBytes);

    internal static AgreementKey Private(string hex) => AgreementKey.FromScalar(Bytes(hex));

    internal static P256Point Public(string hex) => P256Point.FromEncoded(TranscriptFindings.Bytes(hex, P256Point.EncodedBytes));

    private static bool IsPair(string scalar, string point) => Private(scalar).Public.Equals(Public(point));

    private static bool IsAdvertised(Transcript transcript, int u)
    {
        TranscriptSilo silo = transcript.Silos[u];
        int slot = transcript.Params.Slot;
        AdvertiseBody body = SecureAggregationBody.Parse<AdvertiseBody>(Encoding.UTF8.GetBytes(silo.AdvertiseJcs));
        return TranscriptFindings.Same(body.Sid.Hex, transcript.Sid)
            && body.Idx == u
            && body.SPk.Length == transcript.Params.Slots
            && TranscriptFindings.Same(body.CPk.Hex, silo.CPk)
            && TranscriptFindings.Same(body.SPk[slot].Hex, silo.SPk)
            && body.BCom[slot] == Derivations.SelfSeedCommitment(body.Sid, u, slot, Bytes(silo.B));
    }

    // t - 1 shares and the secret fix the polynomial; every other share lies on it exactly if it gives the secret together with them.
    private static bool AreShares(IReadOnlyList<string> shares, string secret, int threshold)
    {
        byte[] combined = new byte[Shamir.ShareBytes];
        KeyValuePair<int, byte[]>[] all = [.. shares.Select((share, i) => KeyValuePair.Create(i + 1, Bytes(share)))];
        byte[] expected = Bytes(secret);
        foreach (KeyValuePair<int, byte[]> last in all.Skip(threshold - 1))
        {
            Shamir.Combine(threshold, [.. all.Take(threshold - 1), last], combined);
            if (!combined.AsSpan().SequenceEqual(expected))
            {
                return false;
            }
        }

        return true;
    }

    private static bool AreCommitted(Transcript transcript, int u)
    {
        TranscriptSilo silo = transcript.Silos[u];
        Sha256Digest sid = Sha256Digest.Parse(transcript.Sid, "sid");
        int slot = transcript.Params.Slot;
        return transcript.Silos.Keys.All(v =>
            TranscriptFindings.Same(Derivations.ShareCommitment(sid, u, v, slot, ShareKind.PairwiseKey, Bytes(silo.SharesS[v - 1])).Hex, silo.ShareCommitments[v - 1][2 * slot])
            && TranscriptFindings.Same(Derivations.ShareCommitment(sid, u, v, slot, ShareKind.SelfSeed, Bytes(silo.SharesB[v - 1])).Hex, silo.ShareCommitments[v - 1][(2 * slot) + 1]));
    }

    // Decrypts as the holder; every slot's shares must match their commitments, and the used slot's the listed shares.
    private static bool Decrypts(Transcript transcript, string pair)
    {
        int[] ends = [.. pair.Split("->").Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        (int u, int v) = (ends[0], ends[1]);
        TranscriptSilo dealer = transcript.Silos[u];
        Sha256Digest sid = Sha256Digest.Parse(transcript.Sid, "sid");
        Sha256Digest l1 = Sha256Digest.Parse(transcript.L1, "L1");
        byte[] bundle = new byte[2 * Shamir.ShareBytes * transcript.Params.Slots];
        byte[] key = new byte[Fcsa1.KeyBytes];
        using AgreementKey holder = Private(transcript.Silos[v].CSk);
        KeySchedule.ShareEncryption(holder, Public(dealer.CPk), sid, l1, u, v, key);
        byte[] ciphertext = TranscriptFindings.Bytes(transcript.ShareCiphertexts[pair], bundle.Length + ShareCipher.TagBytes);
        return ShareCipher.TryDecrypt(key, sid, l1, u, v, ciphertext, bundle)
            && ShareCommitments.Of(sid, u, v, bundle).Slice.SequenceEqual(dealer.ShareCommitments[v - 1].SelectMany(Bytes).ToArray())
            && bundle.AsSpan(64 * transcript.Params.Slot, 64).SequenceEqual([.. Bytes(dealer.SharesS[v - 1]), .. Bytes(dealer.SharesB[v - 1])]);
    }
}
