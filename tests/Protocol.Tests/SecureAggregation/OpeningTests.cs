// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class OpeningTests
{
    [Fact]
    public void T03_Unmask_OfASilo_NeverHasBothSharesOfAPeer()
    {
        TestRound round = TestRound.Of(7, [1, 2, 3, 5, 6]);
        UnmaskBody body = round.Federation.Held(2).Unmask(round.Scope, round.Agreement);

        Assert.Equal([4, 7], body.S.Keys);
        Assert.Equal([1, 2, 3, 5, 6], body.B.Keys);
        Assert.Equal(ErrorCodes.BodyMalformed, Code(() => SecureAggregationBody.Parse<UnmaskBody>(SecureAggregationBody.Encode(body with { S = body.S.Add(3, body.B[3]) }))));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Code(() => round.Federation.Held(2, [1, 2, 3, 5, 6]).Unmask(round.Scope, round.Agreement)));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Code(() => round.Federation.Held(2).Unmask(round.Scope, TestRound.Of(7, [1, 2, 3, 5, 6], d: 41).Agreement)));
    }

    [Fact]
    public void Recover_FewerThanThresholdResponses_Waits()
    {
        TestRound round = TestRound.Of(7, [1, 2, 3, 5, 6]);
        using SecretRecovery recovery = round.Recovery;
        foreach (int u in (int[])[1, 2, 3, 5, 5])
        {
            Assert.Empty(recovery.Add(round.Unmask(u), round.Federation.Keys));
        }

        Assert.Equal(4, recovery.Responders.Count);
        Assert.Equal([1, 2, 3, 4, 5, 6, 7], Assert.IsType<Recovery.Waiting>(recovery.Recover()).Dealers.ToArray());
        recovery.Add(round.Unmask(6), round.Federation.Keys);
        using RevealedSecrets secrets = Assert.IsType<Recovery.Complete>(recovery.Recover()).Secrets;
        Assert.Equal(TestRound.Scalar(secrets.PairwiseKeys[4]), Stored(round.Federation.Secrets[4], slot: 0, seed: false));
        Assert.Equal(secrets.SelfSeeds[2].Span.ToArray(), Stored(round.Federation.Secrets[2], slot: 0, seed: true));
    }

    [Fact]
    public void Recover_ShareThatFailsItsCommitment_NamesTheResponderAndGoesOnWithoutIt()
    {
        TestRound round = TestRound.Of(7, [1, 2, 3, 5, 6, 7]);
        UnmaskBody body = SecureAggregationBody.Parse<UnmaskBody>(round.Unmask(2).Payload);
        byte[] seed = body.B[5].ToBytes();
        seed[0] ^= 1;
        UnmaskBody wrong = body with { S = body.S.SetItem(4, body.B[1]), B = body.B.SetItem(5, RevealedShare.Of(seed)) };
        using SecretRecovery recovery = round.Recovery;

        Assert.Equal([new ShareFault(2, 4, ShareKind.PairwiseKey), new ShareFault(2, 5, ShareKind.SelfSeed)], recovery.Add(round.Federation.Sign(2, wrong), round.Federation.Keys).ToArray());
        foreach (int u in (int[])[1, 3, 5, 6])
        {
            Assert.Empty(recovery.Add(round.Unmask(u), round.Federation.Keys));
        }

        Assert.Equal([4, 5], Assert.IsType<Recovery.Waiting>(recovery.Recover()).Dealers.ToArray());
        Assert.Empty(recovery.Add(round.Unmask(7), round.Federation.Keys));
        Assert.IsType<Recovery.Complete>(recovery.Recover()).Secrets.Dispose();
    }

    [Fact]
    public void Recover_DealerWhoseSharesGiveAnotherSecret_IsNamed()
    {
        TestRound round = TestRound.Of(4, [1, 2, 3]);
        TestFederation federation = round.Federation;

        // Silo 4 deals shares of another key than it advertised, and commits to them correctly.
        byte[] stored = new byte[federation.Secrets[4].StoredBytes];
        federation.Secrets[4].CopyTo(stored);
        stored[68 + 31] ^= 1;
        using EpochSecrets other = EpochSecrets.Read(stored);
        federation.Dealt[4] = DealtShares.Deal(federation.Members, other);
        federation.Shares[4] = federation.Sign(4, federation.Dealt[4].Body);
        using SecretRecovery recovery = round.Recovery;
        foreach (int u in (int[])[1, 2, 3])
        {
            Assert.Empty(recovery.Add(round.Unmask(u), federation.Keys));
        }

        Assert.Equal([4], Assert.IsType<Recovery.Inconsistent>(recovery.Recover()).Dealers.ToArray());
    }

    [Fact]
    public void Add_ResponseWithMissingOrForeignEntries_IsRefused()
    {
        TestRound round = TestRound.Of(7, [1, 2, 3, 5, 6]);
        UnmaskBody body = SecureAggregationBody.Parse<UnmaskBody>(round.Unmask(2).Payload);
        using SecretRecovery recovery = round.Recovery;
        ErrorCode Refused(int signer, UnmaskBody given) => Code(() => recovery.Add(round.Federation.Sign(signer, given), round.Federation.Keys));

        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(2, body with { S = body.S.Remove(4) }));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(2, body with { B = body.B.Remove(2) }));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(2, body with { B = body.B.Add(8, body.B[1]) }));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(2, body with { S = body.S.Remove(4), B = body.B.Add(4, body.S[4]) }));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(2, body with { Rid = Sha256Digest.Zero }));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(2, body with { U3Sha256 = Sha256Digest.Zero }));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(4, body with { Idx = 4 })); // not in U3
        Assert.Equal(ErrorCodes.SignatureInvalid, Refused(3, body));
        Assert.Empty(recovery.Responders);
    }

    [Fact]
    public void Reveal_SecretsOfOtherSilosOrOtherValues_AreRefused()
    {
        TestRound round = TestRound.Of(4, [1, 2, 3]);
        using RevealedSecrets secrets = round.Reveal([1, 2, 3]);
        Dictionary<int, byte[]> seeds = secrets.SelfSeeds.ToDictionary(pair => pair.Key, pair => pair.Value.Span.ToArray());
        Dictionary<int, byte[]> keys = secrets.PairwiseKeys.ToDictionary(pair => pair.Key, pair => TestRound.Scalar(pair.Value));
        ErrorCode Refused(Dictionary<int, byte[]> b, Dictionary<int, byte[]> s) => Code(() => RevealedSecrets.Open(round.Scope, round.Agreement, b, s));

        RevealedSecrets.Open(round.Scope, round.Agreement, seeds, keys).Dispose();
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(seeds, []));
        Assert.Equal(ErrorCodes.UnmaskInvalid, Refused(new(seeds) { [4] = keys[4] }, keys));
        Assert.Equal(ErrorCodes.SecretMismatch, Refused(new(seeds) { [2] = seeds[1] }, keys));
        Assert.Equal(ErrorCodes.SecretMismatch, Refused(seeds, new() { [4] = seeds[1] }));
        Assert.Equal(ErrorCodes.SecretMismatch, Refused(seeds, new() { [4] = new byte[32] }));
        Assert.Contains("silo 2", Assert.Throws<FedCloudException>(() => RevealedSecrets.Open(round.Scope, round.Agreement, new Dictionary<int, byte[]>(seeds) { [2] = seeds[1] }, keys)).Message);
    }

    [Fact]
    public void T19_Compute_VectorOfAnotherLengthOrDigest_NamesItsSilo()
    {
        TestRound round = TestRound.Of(4, [1, 2, 3, 4]);
        using RevealedSecrets secrets = round.Reveal([1, 2, 3, 4]);
        FedCloudException Refused(byte[] vector)
        {
            Dictionary<int, Stream> streams = round.Streams();
            streams[3] = new MemoryStream(vector);
            return Assert.Throws<FedCloudException>(() => RoundAggregate.Compute(round.Scope, round.Agreement, secrets, streams, Stream.Null));
        }

        byte[] flipped = [.. round.Vectors[3]];
        flipped[^1] ^= 1;
        (FedCloudException Error, ErrorCode Code)[] refusals =
        [
            (Refused(round.Vectors[3][..^1]), ErrorCodes.MaskedLength),
            (Refused([]), ErrorCodes.MaskedLength),
            (Refused([.. round.Vectors[3], 0]), ErrorCodes.MaskedLength),
            (Refused(flipped), ErrorCodes.MaskedDigest),
        ];

        Assert.All(refusals, refusal => Assert.Equal(refusal.Code, refusal.Error.Code));
        Assert.All(refusals, refusal => Assert.Contains("silo 3", refusal.Error.Message));
    }

    [Fact]
    public void T12_Verify_RoundAsStored_GivesItsResultAndNoOther()
    {
        TestRound round = TestRound.Of(7, [1, 2, 3, 5, 6]);
        using RevealedSecrets secrets = round.Reveal([1, 2, 3, 5, 6]);
        Sha256Digest aggregate = RoundAggregate.Compute(round.Scope, round.Agreement, secrets, round.Streams(), Stream.Null);
        RoundEvidence right = round.Evidence(secrets, aggregate);
        TestFederation federation = round.Federation;
        ResultBody result = SecureAggregationBody.Parse<ResultBody>(right.Result.Payload);
        ErrorCode Refused(RoundEvidence evidence) => Code(() => evidence.Verify(federation.RosterKeys, round.Terms, round.Streams(), Stream.Null));
        RoundEvidence With(ResultBody body, int signer = 0) => right with { Result = federation.Sign(signer, body) };

        Assert.Equal(result, right.Verify(federation.RosterKeys, round.Terms, round.Streams(), Stream.Null));
        Assert.Equal(ErrorCodes.ResultMismatch, Refused(With(result with { AggregateSha256 = Sha256Digest.Zero })));
        Assert.Equal(ErrorCodes.ResultMismatch, Refused(With(result with { SeedsSha256 = Sha256Digest.Zero })));
        Assert.Equal(ErrorCodes.ResultMismatch, Refused(With(result with { U3Sha256 = Sha256Digest.Zero })));
        Assert.Equal(ErrorCodes.ResultMismatch, Refused(With(result with { Rid = Sha256Digest.Zero })));
        Assert.Equal(ErrorCodes.SignatureInvalid, Refused(With(result, signer: 1)));
        Assert.Equal(ErrorCodes.SignatureInvalid, Refused(right with { Start = federation.Sign(1, SecureAggregationBody.Parse<RoundStartBody>(right.Start.Payload)) }));
        Assert.Equal(ErrorCodes.AckInvalid, Refused(right with { Acks = right.Acks[..6] }));
        Assert.Equal(ErrorCodes.AckInvalid, Refused(right with { Start = federation.Sign(0, SecureAggregationBody.Parse<RoundStartBody>(right.Start.Payload) with { AckSha256 = Sha256Digest.Zero }) }));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Refused(right with { Advertisements = right.Advertisements[..4] }));
        Assert.Equal(ErrorCodes.U3ListInvalid, Refused(right with { Masked = right.Masked[..4] }));
        Assert.Equal(ErrorCodes.ConsistencyInvalid, Refused(right with { Consistencies = right.Consistencies[..4] }));
        Assert.Equal(ErrorCodes.SecretMismatch, Refused(right with { SelfSeeds = right.SelfSeeds.SetItem(2, right.SelfSeeds[1]) }));
        Assert.Equal(ErrorCodes.SecretMismatch, Refused(right with { PairwiseKeys = right.PairwiseKeys.SetItem(4, right.PairwiseKeys[7]) }));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Refused(right with { Epoch = right.Epoch with { Epoch = 2 } }));
        Assert.Equal(ErrorCodes.RoundStartInvalid, Code(() => right.Verify(federation.RosterKeys, round.Terms with { D = 41 }, round.Streams(), Stream.Null)));
    }

    private static byte[] Stored(EpochSecrets secrets, int slot, bool seed)
    {
        byte[] stored = new byte[secrets.StoredBytes];
        secrets.CopyTo(stored);
        return stored[(68 + (64 * slot) + (seed ? 32 : 0))..][..32];
    }

    private static ErrorCode Code(Action act) => Assert.Throws<FedCloudException>(act).Code;
}
