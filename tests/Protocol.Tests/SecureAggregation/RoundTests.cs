// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class RoundTests
{
    [Fact]
    public void Sum_AnyDropoutsRingAndRange_IsExact()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            int n = random.Next(3, 9);
            CohortBounds bounds = CohortBounds.Of(n);
            int[] u2 = Pick(random, [.. Enumerable.Range(1, n)], random.Next(bounds.Threshold, n + 1));
            int[] u3 = Pick(random, u2, random.Next(bounds.Threshold, u2.Length + 1));
            int[] responders = Pick(random, u3, random.Next(bounds.Threshold, u3.Length + 1));
            TestFederation federation = new(n, slots: 2, seed);
            RoundScope scope = federation.Scope(random.Next(1, 500), Ring.OfBits(16 + (8 * random.Next(3))), slot: random.Next(2), u2);
            Dictionary<int, byte[]> inputs = u3.ToDictionary(u => u, _ => Bytes(random, scope.VectorBytes));
            TestRound round = new(federation, scope, inputs);
            using RevealedSecrets secrets = round.Reveal(responders);
            using MemoryStream z = new();
            Sha256Digest digest = RoundAggregate.Compute(scope, round.Agreement, secrets, round.Streams(), z, random.Next(1, 600));
            return z.ToArray().AsSpan().SequenceEqual(Sum(scope.Ring, inputs.Values)) && digest == Sha256Digest.Of(z.ToArray());
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(25));
    }

    [Fact]
    public void Apply_InPiecesOfAnySize_IsTheWhole()
    {
        TestFederation federation = new(4);
        foreach (Ring ring in (Ring[])[Ring.K16, Ring.K24, Ring.K32])
        {
            RoundScope scope = federation.Scope(20_000, ring);
            using RoundMasks masks = RoundMasks.OfSilo(scope, federation.Secrets[2]);
            using RoundMasks library = RoundMasks.OfSilo(scope, federation.Secrets[2], AesPath.Library);
            byte[] whole = new byte[scope.VectorBytes];
            byte[] pieces = new byte[scope.VectorBytes];
            byte[] other = new byte[scope.VectorBytes];
            masks.Apply(whole, 0);
            library.Apply(other, 0);
            Random random = new(ring.Bits);
            for (int first = 0; first < scope.D;)
            {
                int count = Math.Min(random.Next(1, 9000), (int)scope.D - first);
                masks.Apply(pieces.AsSpan(first * ring.WordBytes, count * ring.WordBytes), first);
                first += count;
            }

            Assert.Equal(4, masks.Count);
            Assert.Equal(whole, pieces);
            Assert.Equal(whole, other);
        }
    }

    [Fact]
    public void RingSum_PiecesAsTheyArrive_AreTheSameSum()
    {
        Random random = new(5);
        RingSum whole = new(Ring.K24, 100);
        RingSum pieces = new(Ring.K24, 120);
        whole.Begin(7, 100);
        pieces.Begin(0, 120);
        pieces.Add(Bytes(random, 360)); // of the range before
        pieces.Begin(7, 100);
        foreach (byte[] vector in (byte[][])[Bytes(random, 300), Bytes(random, 300)])
        {
            whole.Add(vector);
            pieces.AddAt(60, vector.AsSpan(180));
            pieces.AddAt(0, vector.AsSpan(0, 180));
        }

        Assert.Equal(whole.Words.ToArray(), pieces.Words.ToArray());
        Assert.Throws<ArgumentException>(() => whole.Add(new byte[303]));
        Assert.Throws<ArgumentOutOfRangeException>(() => whole.AddAt(90, new byte[33]));
        Assert.Throws<ArgumentOutOfRangeException>(() => whole.Begin(0, 101));
    }

    [Fact]
    public void T01_MaskedVector_OfZeros_IsUniform()
    {
        TestFederation federation = new(3);
        RoundScope scope = federation.Scope(65_536, Ring.K16);
        byte[] vector = new byte[scope.VectorBytes];
        using RoundMasks masks = RoundMasks.OfSilo(scope, federation.Secrets[1]);
        masks.Apply(vector, 0);

        double chiSquare = vector.GroupBy(b => b).Sum(group => Math.Pow(group.Count() - (vector.Length / 256.0), 2)) / (vector.Length / 256.0);

        Assert.InRange(chiSquare, 150, 380); // 255 degrees of freedom; outside with probability below 1e-5
    }

    [Fact]
    public void T04_Masks_OfOtherModelsConfigurationsOrCohorts_DoNotCancel()
    {
        TestFederation federation = new(4);
        RoundScope right = federation.Scope(100, Ring.K32);
        RoundScope[] others =
        [
            RoundScope.Create(federation.Members, right.U2, 0, 7, Sha256Digest.Of("other"u8), right.ConfigSha256, 100, Ring.K32),
            RoundScope.Create(federation.Members, right.U2, 0, 7, right.ModelSha256, Sha256Digest.Of("other"u8), 100, Ring.K32),
            RoundScope.Create(federation.Members, right.U2, 0, 8, right.ModelSha256, right.ConfigSha256, 100, Ring.K32),
            RoundScope.Create(federation.Members, [1, 2, 3], 0, 7, right.ModelSha256, right.ConfigSha256, 100, Ring.K32),
            RoundScope.Create(federation.Members, right.U2, 0, 7, right.ModelSha256, right.ConfigSha256, 101, Ring.K32),
        ];

        Assert.Equal(6, others.Append(right).Select(scope => scope.Rid).Distinct().Count());
        byte[] mask = new byte[400];
        byte[] other = new byte[400];
        using RoundMasks masks = RoundMasks.OfSilo(right, federation.Secrets[1]);
        using RoundMasks otherMasks = RoundMasks.OfSilo(others[0], federation.Secrets[1]);
        masks.Apply(mask, 0);
        otherMasks.Apply(other, 0);
        Assert.NotEqual(mask, other);
    }

    [Fact]
    public void T26_Start_ChangedInAnyMember_IsRefused()
    {
        TestFederation federation = new(4, slots: 2);
        RoundScope scope = federation.Scope(100, Ring.K24, slot: 1);
        RoundStartBody start = scope.Start(new RunId("run-1"), 1000, Sha256Digest.Zero);

        Assert.Equal(scope.Rid, Opened(start).Rid);
        Assert.All(
            (RoundStartBody[])[start with { Sid = Sha256Digest.Zero }, start with { Slot = 0 }, start with { Slot = 2 }, start with { Slot = -1 }, start with { Round = 8 }, start with { Rid = Sha256Digest.Zero }, start with { ModelSha256 = Sha256Digest.Zero }, start with { ConfigSha256 = Sha256Digest.Zero }, start with { D = 101 }, start with { K = 32 }],
            changed => Assert.Equal(ErrorCodes.RoundStartInvalid, Code(() => Opened(changed))));

        RoundScope Opened(RoundStartBody body) => RoundScope.Open(body, federation.Members, scope.U2, scope.ConfigSha256, 100, Ring.K24);
    }

    [Fact]
    public void Scope_OutOfRange_IsRefused()
    {
        TestFederation federation = new(4, slots: 2);

        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => federation.Scope(100, Ring.K32, slot: 2)));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => federation.Scope(0, Ring.K32)));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => federation.Scope(1L << 40, Ring.K32)));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Code(() => federation.Scope(100, Ring.K32, u2: [1, 2])));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Code(() => federation.Scope(100, Ring.K32, u2: [1, 3, 2])));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Code(() => federation.Scope(100, Ring.K32, u2: [1, 2, 3, 5])));
    }

    [Fact]
    public void T34_Masked_OfAnotherRoundLengthOrSender_IsRefused()
    {
        TestRound round = TestRound.Of(4, [1, 2, 3, 4]);
        MaskedBody body = round.Masked[2];

        Assert.Equal(body, Opened(2, body, hasPrivacy: false));
        Assert.Equal(ErrorCodes.MaskedInvalid, Code(() => Opened(2, body with { Rid = Sha256Digest.Zero }, hasPrivacy: false)));
        Assert.Equal(ErrorCodes.MaskedInvalid, Code(() => Opened(2, body with { YLen = body.YLen - 4 }, hasPrivacy: false)));
        Assert.Equal(ErrorCodes.MaskedInvalid, Code(() => Opened(2, body with { LedgerHead = Sha256Digest.Of("x"u8) }, hasPrivacy: false)));
        Assert.Equal(ErrorCodes.MaskedInvalid, Code(() => Opened(2, body, hasPrivacy: true)));
        Assert.Equal(ErrorCodes.SignatureInvalid, Code(() => Opened(3, body, hasPrivacy: false)));

        MaskedBody Opened(int signer, MaskedBody masked, bool hasPrivacy) => round.Scope.OpenMasked(round.Federation.Sign(signer, masked), round.Federation.Keys, hasPrivacy);
    }

    [Fact]
    public void Masked_FromOutsideTheCohort_IsRefused()
    {
        TestFederation federation = new(7);
        RoundScope scope = federation.Scope(10, Ring.K32, u2: [1, 2, 3, 4, 5]);
        MaskedBody stranger = new() { Rid = scope.Rid, Idx = 6, YSha256 = Sha256Digest.Zero, YLen = 40, LedgerHead = Sha256Digest.Zero, JournalHead = Sha256Digest.Zero };

        Assert.Equal(ErrorCodes.MaskedInvalid, Code(() => scope.OpenMasked(federation.Sign(6, stranger), federation.Keys, hasPrivacy: false)));
    }

    [Fact]
    public void T03_U3List_BrokenInAnyWay_IsRefused()
    {
        TestRound round = TestRound.Of(7, [1, 2, 3, 4, 5, 6]);
        ImmutableArray<U3Member> members = round.List.Members;
        U3ListBody Listed(ImmutableArray<U3Member> listed) => new() { Rid = round.Scope.Rid, Members = listed, U3Sha256 = Derivations.U3Hash(round.Scope.Rid, listed) };

        Assert.Equal([1, 2, 3, 4, 5, 6], round.Agreement.U3.ToArray());
        Assert.Equal([7], round.Agreement.Dropped.ToArray());
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, Listed(members[..4]), round.MaskedEnvelopes[..4]))); // below t
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, round.List, round.MaskedEnvelopes, quorum: 7)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, round.List with { Rid = Sha256Digest.Zero }, round.MaskedEnvelopes)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, round.List with { U3Sha256 = Sha256Digest.Zero }, round.MaskedEnvelopes)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, Listed([members[1], members[0], .. members[2..]]), round.MaskedEnvelopes)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, Listed([members[0], .. members]), round.MaskedEnvelopes)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, Listed(members.SetItem(2, members[2] with { YSha256 = Sha256Digest.Zero })), round.MaskedEnvelopes)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, Listed(members.Add(new U3Member(8, Sha256Digest.Zero))), round.MaskedEnvelopes)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, Listed(members.Add(new U3Member(7, Sha256Digest.Zero))), round.MaskedEnvelopes))); // invented
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, round.List, round.MaskedEnvelopes[..5])));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, round.List, round.MaskedEnvelopes.Add(round.MaskedEnvelopes[0]))));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, Listed(members[..5]), round.MaskedEnvelopes)));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, round.List, round.MaskedEnvelopes, own: round.Masked[3] with { YSha256 = Sha256Digest.Zero })));
        Assert.Equal(ErrorCodes.U3ListInvalid, Code(() => Opened(round, round.List, round.MaskedEnvelopes, own: round.Masked[3] with { Idx = 7 })));
        Assert.Equal([1, 2, 3, 4, 5, 6], Opened(round, round.List, round.MaskedEnvelopes, quorum: 6, own: round.Masked[3]).U3.ToArray());
    }

    [Fact]
    public void T03_Consistency_TooFewDoubledOrOfAnotherList_IsRefused()
    {
        TestRound round = TestRound.Of(7, [1, 2, 3, 4, 5, 6]);
        U3Agreement agreement = round.Agreement;
        ImmutableArray<DsseEnvelope> right = [.. agreement.U3.Select(u => round.Federation.Sign(u, agreement.Consistency(u)))];
        ErrorCode Refused(params DsseEnvelope[] given) => Code(() => agreement.RequireConsistency(given, round.Federation.Keys));

        agreement.RequireConsistency(right[..5], round.Federation.Keys);
        Assert.Equal(ErrorCodes.ConsistencyInvalid, Refused([.. right[..4]]));
        Assert.Equal(ErrorCodes.ConsistencyInvalid, Refused([.. right[..4], right[0]]));
        Assert.Equal(ErrorCodes.ConsistencyInvalid, Refused([.. right[..4], round.Federation.Sign(7, agreement.Consistency(7))])); // not in U3
        Assert.Equal(ErrorCodes.ConsistencyInvalid, Refused([.. right[..4], round.Federation.Sign(5, agreement.Consistency(5) with { U3Sha256 = Sha256Digest.Zero })]));
        Assert.Equal(ErrorCodes.ConsistencyInvalid, Refused([.. right[..4], round.Federation.Sign(5, agreement.Consistency(5) with { Rid = Sha256Digest.Zero })]));
        Assert.Equal(ErrorCodes.SignatureInvalid, Refused([.. right[..4], round.Federation.Sign(6, agreement.Consistency(5))]));
    }

    private static U3Agreement Opened(TestRound round, U3ListBody list, IReadOnlyList<DsseEnvelope> masked, int quorum = 0, MaskedBody? own = null) =>
        U3Agreement.Open(round.Scope, list, masked, round.Federation.Keys, quorum, hasPrivacy: false, own);

    private static int[] Pick(Random random, int[] from, int count)
    {
        int[] shuffled = [.. from];
        random.Shuffle(shuffled);
        return [.. shuffled.Take(count).Order()];
    }

    private static byte[] Bytes(Random random, long count)
    {
        byte[] bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static byte[] Sum(Ring ring, IEnumerable<byte[]> vectors)
    {
        byte[][] all = [.. vectors];
        byte[] sum = new byte[all[0].Length];
        for (int i = 0; i < sum.Length / ring.WordBytes; i++)
        {
            RingWords.Write(ring, sum, i, all.Sum(vector => (long)RingWords.Read(ring, vector, i)));
        }

        return sum;
    }

    private static ErrorCode Code(Action act) => Assert.Throws<FedCloudException>(act).Code;
}
