// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

/// <summary>The frozen transcripts, walked through with the functions of the steps.</summary>
public sealed class KnownAnswerTests
{
    public static TheoryData<int> Indexes { get; } = [0, 1, 2];

    [Theory]
    [MemberData(nameof(Indexes))]
    public void Steps_OfATranscript_GiveItsValues(int index)
    {
        KnownRound known = new(Vectors.Transcripts()[index]!);

        Assert.Equal(known.Text("sid"), known.Members.Sid.Hex);
        Assert.Equal(known.Text("L1"), known.Members.L1.Hex);
        Assert.Equal(known.Text("U2_hash"), known.Scope.U2Sha256.Hex);
        Assert.Equal(known.Text("rid"), known.Scope.Rid.Hex);
        foreach (int u in known.U3)
        {
            byte[] vector = known.Pack(known.Silo(u)["x"]!);
            using EpochSecrets secrets = known.Secrets(u);
            using RoundMasks masks = RoundMasks.OfSilo(known.Scope, secrets);
            masks.Apply(vector, 0);

            Assert.Equal(known.Pack(known.Silo(u)["y"]!), vector);
            Assert.Equal(known.Silo(u)["y_sha256"]!.GetValue<string>(), Sha256Digest.Of(vector).Hex);
        }
    }

    [Theory]
    [MemberData(nameof(Indexes))]
    public void Opening_OfATranscript_GivesItsSum(int index)
    {
        KnownRound known = new(Vectors.Transcripts()[index]!);
        U3Agreement agreement = U3Agreement.Open(known.Scope, known.List(), known.Masked(), known.Keys, 0, hasPrivacy: false);
        using SecretRecovery recovery = new(known.Scope, agreement, known.Uploads());

        Assert.Equal(known.Text("U3_hash"), agreement.U3Sha256.Hex);
        agreement.RequireConsistency(known.Consistencies(), known.Keys);
        foreach (DsseEnvelope response in known.Responses(agreement))
        {
            Assert.Empty(recovery.Add(response, known.Keys));
        }

        using RevealedSecrets secrets = Assert.IsType<Recovery.Complete>(recovery.Recover()).Secrets;
        using MemoryStream z = new();
        RoundAggregate.Compute(known.Scope, agreement, secrets, known.U3.ToDictionary(u => u, u => (Stream)new MemoryStream(known.Pack(known.Silo(u)["y"]!))), z, range: 5);
        Assert.Equal(known.Pack(known.Node["aggregate_z"]!), z.ToArray());
    }

    [Theory]
    [MemberData(nameof(Indexes))]
    public void Ciphertexts_OfATranscript_AreOurs(int index)
    {
        KnownRound known = new(Vectors.Transcripts()[index]!);
        foreach ((string pair, JsonNode? expected) in known.Node["share_ciphertexts"]!.AsObject())
        {
            int[] ends = [.. pair.Split("->").Select(int.Parse)];
            using AgreementKey dealer = AgreementKey.FromScalar(Vectors.Hex(known.Silo(ends[0])["c_sk"]));
            byte[] key = new byte[32];
            byte[] bundle = new byte[ShareCommitments.SliceBytes(known.Members.Parameters.Slots)];
            KeySchedule.ShareEncryption(dealer, P256Point.FromEncoded(Vectors.Hex(known.Silo(ends[1])["c_pk"])), known.Members.Sid, known.Members.L1, ends[0], ends[1], key);

            Assert.True(ShareCipher.TryDecrypt(key, known.Members.Sid, known.Members.L1, ends[0], ends[1], Vectors.Hex(expected), bundle));
            Assert.Equal(Vectors.Hex(expected), ShareCipher.Encrypt(key, known.Members.Sid, known.Members.L1, ends[0], ends[1], bundle));
            Assert.Equal(known.Slice(ends[0], ends[1]), ShareCommitments.Of(known.Members.Sid, ends[0], ends[1], bundle).Slice.ToArray());
            Assert.False(ShareCipher.TryDecrypt(key, known.Members.Sid, known.Members.L1, ends[1], ends[0], Vectors.Hex(expected), bundle));
        }
    }

    /// <summary>A transcript as objects of the protocol.</summary>
    private sealed class KnownRound
    {
        private readonly Ring _ring;
        private readonly int _slot;

        public KnownRound(JsonNode node)
        {
            Node = node;
            JsonNode sizes = node["params"]!;
            _ring = Ring.OfBits(sizes["k"]!.GetValue<int>());
            _slot = sizes["slot"]!.GetValue<int>();
            EpochParams parameters = EpochParams.Parse(Encoding.UTF8.GetBytes(Text("epoch_params_jcs")));
            All = [.. Enumerable.Range(1, parameters.N)];
            Keys = All.ToImmutableSortedDictionary(u => u, u => VerificationKey.FromSpki(P256Point.FromEncoded(Vectors.Hex(Silo(u)["ik_pk"])).ToSpki()));
            Members = EpochMembers.Open(parameters, [.. All.Select(u => Sign(u, SecureAggregationBody.Parse<AdvertiseBody>(Encoding.UTF8.GetBytes(Silo(u)["advertise_jcs"]!.GetValue<string>()))))], Keys);
            Scope = RoundScope.Create(Members, All, _slot, sizes["round"]!.GetValue<long>(), new Sha256Digest(Text("model_sha256")), new Sha256Digest(Text("config_sha256")), sizes["d"]!.GetValue<long>(), _ring);
        }

        public JsonNode Node { get; }

        public int[] All { get; }

        public int[] U3 => [.. Node[nameof(U3)]!.AsArray().Select(u => u!.GetValue<int>())];

        public ImmutableSortedDictionary<int, VerificationKey> Keys { get; }

        public EpochMembers Members { get; }

        public RoundScope Scope { get; }

        public string Text(string name) => Node[name]!.GetValue<string>();

        public JsonNode Silo(int u) => Node["silos"]![u.ToString()]!;

        public byte[] Pack(JsonNode values)
        {
            byte[] words = new byte[Scope.VectorBytes];
            for (int i = 0; i < Scope.D; i++)
            {
                RingWords.Write(_ring, words, i, values[i]!.GetValue<long>());
            }

            return words;
        }

        // The transcript has the secrets of the used slot only; the others do not matter for this round.
        public EpochSecrets Secrets(int u) => EpochSecrets.Read(
        [
            0, (byte)u, 0, (byte)Members.Parameters.Slots, .. Vectors.Hex(Silo(u)["c_sk"]), .. new byte[32],
            .. Enumerable.Range(0, Members.Parameters.Slots).SelectMany(_ => (byte[])[.. Vectors.Hex(Silo(u)["s_sk"]), .. Vectors.Hex(Silo(u)["b"])]),
        ]);

        public U3ListBody List() => U3Agreement.List(Scope, U3.Select(MaskedBody));

        public ImmutableArray<DsseEnvelope> Masked() => [.. U3.Select(u => Sign(u, MaskedBody(u)))];

        public IEnumerable<DsseEnvelope> Consistencies() => U3.Where(u => Silo(u)["consistency_sig_p1363"] is not null).Select(u => DsseEnvelope.Assemble(
            Fcsa1.PayloadType,
            SecureAggregationBody.Encode(new ConsistencyBody { Rid = Scope.Rid, Idx = u, U3Sha256 = new Sha256Digest(Text("U3_hash")) }),
            Keys[u],
            Vectors.Hex(Silo(u)["consistency_sig_p1363"])));

        public IEnumerable<DsseEnvelope> Responses(U3Agreement agreement) => Node["U5_responders"]!.AsArray().Select(node => node!.GetValue<int>()).Select(v => Sign(v, new UnmaskBody
        {
            Rid = Scope.Rid,
            Idx = v,
            U3Sha256 = agreement.U3Sha256,
            S = agreement.Dropped.ToImmutableSortedDictionary(u => u, u => RevealedShare.Of(Vectors.Hex(Silo(u)["shares_s"]![v - 1]))),
            B = agreement.U3.ToImmutableSortedDictionary(u => u, u => RevealedShare.Of(Vectors.Hex(Silo(u)["shares_b"]![v - 1]))),
        }));

        public Dictionary<int, ShareUpload> Uploads() => All.ToDictionary(u => u, u => ShareUpload.Open(Members, Sign(u, Shares(u)), All.Where(v => v != u).ToDictionary(v => v, v => Ciphertext(u, v)), All.ToDictionary(v => v, v => Slice(u, v)), Keys));

        public byte[] Slice(int u, int v) => [.. Silo(u)["share_commitments"]![v - 1]!.AsArray().SelectMany(Vectors.Hex)];

        private byte[] Ciphertext(int u, int v) => Vectors.Hex(Node["share_ciphertexts"]![$"{u}->{v}"]);

        private SharesBody Shares(int u) => new()
        {
            Sid = Members.Sid,
            Idx = u,
            L1 = Members.L1,
            Ct = All.Where(v => v != u).ToImmutableSortedDictionary(v => v, v => Sha256Digest.Of(Ciphertext(u, v))),
            Com = All.ToImmutableSortedDictionary(v => v, v => Sha256Digest.Of(Slice(u, v))),
        };

        private MaskedBody MaskedBody(int u) => new()
        {
            Rid = Scope.Rid,
            Idx = u,
            YSha256 = new Sha256Digest(Silo(u)["y_sha256"]!.GetValue<string>()),
            YLen = Scope.VectorBytes,
            LedgerHead = Sha256Digest.Zero,
            JournalHead = Sha256Digest.Zero,
        };

        private DsseEnvelope Sign<T>(int u, T body)
            where T : class, ISecureAggregationBody<T>
        {
            using ECDsa key = ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = Vectors.Hex(Silo(u)["ik_sk"]) });
            return SecureAggregationBody.Sign(body, key);
        }
    }
}
