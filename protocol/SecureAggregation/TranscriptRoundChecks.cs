// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The checks of a round: identities, keys, masked vectors, consistency signatures, recovery, sum.</summary>
internal sealed class TranscriptRoundChecks
{
    private readonly Transcript _transcript;
    private readonly TranscriptParams _sizes;
    private readonly Ring _ring;
    private readonly Sha256Digest _rid;

    private TranscriptRoundChecks(Transcript transcript)
    {
        _transcript = transcript;
        _sizes = transcript.Params;
        _ring = Ring.OfBits(_sizes.K);
        _rid = Sha256Digest.IsValid(transcript.Rid) ? new Sha256Digest(transcript.Rid) : Sha256Digest.Zero;
    }

    public static void Run(Transcript transcript, TranscriptFindings findings)
    {
        TranscriptRoundChecks round = new(transcript);
        findings.Add("u2_hash", () => TranscriptFindings.Same(round.CohortHash().Hex, transcript.U2Hash));
        findings.Add("rid", () => TranscriptFindings.Same(round.Rid().Hex, transcript.Rid));
        findings.Each("pairwise_keys", [.. transcript.PairwiseKeys.Keys], round.IsPairwiseKey);
        findings.EachSilo("self_mask_keys", transcript.Silos.Keys, round.IsSelfMaskKey);
        findings.Add("u3", () => round.IsU3());
        findings.EachSilo("masked_vectors", transcript.Silos.Keys, round.IsMasked);
        findings.EachSilo("masked_digests", transcript.Silos.Keys, round.IsMaskedDigest);
        findings.Add("u3_hash", () => TranscriptFindings.Same(round.U3Hash(), transcript.U3Hash));
        findings.EachSilo("consistency_signatures", transcript.Silos.Keys, round.IsConsistent);
        findings.Add("responders", () => round.AreResponders());
        findings.EachSilo("recovered_secrets", transcript.Silos.Keys, round.IsRecovered);
        findings.Add("aggregate_z", () => round.UnmaskedSum().AsSpan().SequenceEqual(round.Pack(transcript.AggregateZ)));
        findings.Add("aggregate_of_inputs", () => round.SumOfInputs().AsSpan().SequenceEqual(round.Pack(transcript.AggregateZ)));
        findings.Add("aggregate_signed", () => transcript.AggregateZ.Select(round._ring.Lift).SequenceEqual(transcript.AggregateSigned));
    }

    private IEnumerable<int> Expected => _transcript.Silos.Keys.Except(_sizes.DropBeforeUpload);

    private Sha256Digest CohortHash() => Derivations.CohortHash(Sha256Digest.Parse(_transcript.Sid, "sid"), _transcript.Silos.Keys);

    private Sha256Digest Rid() => Derivations.Rid(
        Sha256Digest.Parse(_transcript.Sid, "sid"),
        _sizes.Slot,
        _sizes.Round,
        Sha256Digest.Parse(_transcript.ModelSha256, "model_sha256"),
        Sha256Digest.Parse(_transcript.ConfigSha256, "config_sha256"),
        _sizes.D,
        _ring,
        CohortHash());

    private bool IsPairwiseKey(string pair)
    {
        int[] ends = [.. pair.Split(',').Select(text => int.Parse(text, CultureInfo.InvariantCulture))];
        byte[] listed = TranscriptEpochChecks.Bytes(_transcript.PairwiseKeys[pair]);
        return PairwiseKey(ends[0], ends[1]).AsSpan().SequenceEqual(listed) && PairwiseKey(ends[1], ends[0]).AsSpan().SequenceEqual(listed);
    }

    private bool IsSelfMaskKey(int u) => SelfMaskKey(u).AsSpan().SequenceEqual(TranscriptEpochChecks.Bytes(_transcript.Silos[u].SelfMaskKey));

    private bool IsU3() => _transcript.U3.SequenceEqual(Expected) && _sizes.DropBeforeUpload.All(_transcript.Silos.ContainsKey) && _sizes.DropAfterUpload.All(_transcript.U3.Contains);

    private bool IsMasked(int u)
    {
        if (_transcript.Silos[u].Y is not { } y)
        {
            return !Expected.Contains(u) && _transcript.Silos[u].X.All(IsWord);
        }

        byte[] masked = Pack(_transcript.Silos[u].X);
        Apply(masked, SelfMaskKey(u), subtract: false);
        foreach (int v in _transcript.Silos.Keys.Where(v => v != u))
        {
            Apply(masked, PairwiseKey(u, v), subtract: v < u);
        }

        return Expected.Contains(u) && masked.AsSpan().SequenceEqual(Pack(y));
    }

    private bool IsMaskedDigest(int u) =>
        TranscriptFindings.Same(_transcript.Silos[u].YSha256, _transcript.Silos[u].Y is { } y ? Sha256Digest.Of(Pack(y)).Hex : null);

    private string U3Hash() => Derivations.U3Hash(_rid, _transcript.U3.Select(u => new U3Member(u, Sha256Digest.Parse(_transcript.Silos[u].YSha256, "y_sha256")))).Hex;

    private bool IsConsistent(int u)
    {
        TranscriptSilo silo = _transcript.Silos[u];
        if (silo.ConsistencySigP1363 is null)
        {
            return _sizes.DropBeforeUpload.Contains(u) || _sizes.DropAfterUpload.Contains(u);
        }

        byte[] body = SecureAggregationBody.Encode(new ConsistencyBody { Rid = _rid, Idx = u, U3Sha256 = Sha256Digest.Parse(_transcript.U3Hash, "U3_hash") });
        VerificationKey key = VerificationKey.FromSpki(TranscriptEpochChecks.Public(silo.IkPk).ToSpki());
        return key.Verify(Dsse.Pae(Fcsa1.PayloadType, body), TranscriptFindings.Bytes(silo.ConsistencySigP1363, 64));
    }

    private bool AreResponders() => _transcript.U5Responders.Length >= _sizes.T
        && BodyFault.IsAscending(_transcript.U5Responders)
        && _transcript.U5Responders.All(u => _transcript.U3.Contains(u) && !_sizes.DropAfterUpload.Contains(u));

    private bool IsRecovered(int u) => Recovered(u).AsSpan().SequenceEqual(TranscriptEpochChecks.Bytes(_transcript.U3.Contains(u) ? _transcript.Silos[u].B : _transcript.Silos[u].SSk));

    // b for a silo whose vector counts, s for one that dropped out, from the responders' t shares of smallest index.
    private byte[] Recovered(int u)
    {
        TranscriptSilo silo = _transcript.Silos[u];
        IReadOnlyList<string> shares = _transcript.U3.Contains(u) ? silo.SharesB : silo.SharesS;
        byte[] secret = new byte[Shamir.ShareBytes];
        Shamir.Combine(_sizes.T, [.. _transcript.U5Responders.Take(_sizes.T).Select(v => KeyValuePair.Create(v, TranscriptEpochChecks.Bytes(shares[v - 1])))], secret);
        return secret;
    }

    private byte[] UnmaskedSum()
    {
        byte[] z = new byte[_ring.VectorBytes(_sizes.D)];
        byte[] key = new byte[Fcsa1.KeyBytes];
        foreach (int u in _transcript.U3)
        {
            RingWords.Add(_ring, z, Pack(_transcript.Silos[u].Y ?? []));
            KeySchedule.SelfMask(Recovered(u), _rid, u, key);
            Apply(z, key, subtract: true);
        }

        foreach (int v in _transcript.Silos.Keys.Except(_transcript.U3))
        {
            using AgreementKey s = AgreementKey.FromScalar(Recovered(v));
            foreach (int u in _transcript.U3)
            {
                KeySchedule.PairwiseMask(s, TranscriptEpochChecks.Public(_transcript.Silos[u].SPk), _rid, u, v, key);
                Apply(z, key, subtract: u < v);
            }
        }

        return z;
    }

    private byte[] SumOfInputs()
    {
        byte[] z = new byte[_ring.VectorBytes(_sizes.D)];
        foreach (int u in _transcript.U3)
        {
            RingWords.Add(_ring, z, Pack(_transcript.Silos[u].X));
        }

        return z;
    }

    private byte[] SelfMaskKey(int u)
    {
        byte[] key = new byte[Fcsa1.KeyBytes];
        KeySchedule.SelfMask(TranscriptEpochChecks.Bytes(_transcript.Silos[u].B), _rid, u, key);
        return key;
    }

    private byte[] PairwiseKey(int u, int v)
    {
        byte[] key = new byte[Fcsa1.KeyBytes];
        using AgreementKey s = TranscriptEpochChecks.Private(_transcript.Silos[u].SSk);
        KeySchedule.PairwiseMask(s, TranscriptEpochChecks.Public(_transcript.Silos[v].SPk), _rid, u, v, key);
        return key;
    }

    private void Apply(Span<byte> words, byte[] key, bool subtract)
    {
        using AesCtrKeystream stream = new(key);
        if (subtract)
        {
            stream.Subtract(_ring, words, 0);
        }
        else
        {
            stream.Add(_ring, words, 0);
        }
    }

    private byte[] Pack(IReadOnlyList<uint> values)
    {
        byte[] words = new byte[_ring.VectorBytes(_sizes.D)];
        if (values.Count != _sizes.D || !values.All(IsWord))
        {
            throw new FedCloudException(ErrorCodes.TranscriptMalformed, $"expected {_sizes.D} words of {_ring.Bits} bits, found others");
        }

        for (int i = 0; i < values.Count; i++)
        {
            RingWords.Write(_ring, words, i, values[i]);
        }

        return words;
    }

    private bool IsWord(uint value) => value <= _ring.Mask;
}
