// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class EpochTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(256)]
    public void Create_RosterOfTheWrongSize_IsRefused(int n)
    {
        Assert.Equal(ErrorCodes.SecaggRosterSize, Code(() => EpochParams.Create(new FederationId("test-federation"), 1, Sha256Digest.Zero, n)));
    }

    [Fact]
    public void Parse_ParametersOutOfRange_AreRefused()
    {
        EpochParams right = EpochParams.Create(new FederationId("test-federation"), 1, Sha256Digest.Zero, 7, 2);

        Assert.Equal(right, EpochParams.Parse(right.ToJcs()));
        Assert.Equal(ErrorCodes.SuiteUnknown, Parsed(right with { Suite = "FCSA2-P256-HKDFSHA256-AES256GCM-AES256CTR-GF256" }));
        Assert.Equal(ErrorCodes.SuiteUnknown, Parsed(right with { Suite = "" }));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Parsed(right with { T = 4 }));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Parsed(right with { T = 6 }));
        Assert.Equal(ErrorCodes.SecaggRosterSize, Parsed(right with { N = 2, T = 2 }));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Parsed(right with { Slots = 0 }));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Parsed(right with { Slots = 65 }));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Parsed(right with { Epoch = -1 }));
    }

    [Fact]
    public void Parse_Groups_AreRefused()
    {
        string text = Encoding.UTF8.GetString(EpochParams.Create(new FederationId("test-federation"), 1, Sha256Digest.Zero, 7).ToJcs());
        byte[] grouped = Jcs.Canonicalize(Encoding.UTF8.GetBytes(text[..^1] + ",\"group\":{\"index\":0,\"count\":3,\"beacon_sha256\":\"" + new string('0', 64) + "\"}}"));

        Assert.Equal(ErrorCodes.BodyMalformed, Code(() => EpochParams.Parse(grouped)));
    }

    [Fact]
    public void T05_Open_ChangedLists_AreRefused()
    {
        TestFederation federation = new(7);
        ImmutableArray<DsseEnvelope> list = federation.Advertisements;
        AdvertiseBody own = federation.Secrets[3].Advertise(federation.Parameters);
        EpochSecrets others = EpochSecrets.Generate(3, 1, federation.Fill);
        DsseEnvelope swapped = federation.Sign(3, others.Advertise(federation.Parameters));

        Assert.Equal(federation.Members.L1, EpochMembers.Open(federation.Parameters, list, federation.Keys, own).L1);
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, list[..4], null)); // below t
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, [list[1], list[0], .. list[2..]], null));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, [list[0], .. list[..6]], null)); // twice
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, list.Add(list[0]), null));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, list.RemoveAt(2), own)); // own entry missing
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, list.SetItem(2, swapped), own)); // own entry changed
        Assert.Equal(ErrorCodes.SignatureInvalid, Opened(federation, list.SetItem(2, federation.Sign(4, own)), null)); // signed by another silo
        Assert.Equal(ErrorCodes.SignatureInvalid, Opened(federation, list.SetItem(2, federation.Sign(0, own)), null)); // signed by a stranger
    }

    [Fact]
    public void T05_Open_KeyUsedTwice_IsRefused()
    {
        TestFederation federation = new(4, slots: 2);
        AdvertiseBody first = federation.Secrets[1].Advertise(federation.Parameters);
        AdvertiseBody second = federation.Secrets[2].Advertise(federation.Parameters);
        P256Point identity = P256Point.FromSpki(federation.Keys[3].Spki);

        Assert.All(
            (AdvertiseBody[])[second with { CPk = first.CPk }, second with { CPk = second.SPk[0] }, second with { SPk = [second.SPk[0], second.SPk[0]] }, second with { SPk = [first.SPk[1], second.SPk[1]] }, second with { CPk = identity }],
            body => Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, federation.Advertisements.SetItem(1, federation.Sign(2, body)), null)));
    }

    [Fact]
    public void Open_OtherEpochOrSlots_IsRefused()
    {
        TestFederation federation = new(4, slots: 2);
        AdvertiseBody body = federation.Secrets[2].Advertise(federation.Parameters);

        Assert.All(
            (AdvertiseBody[])[body with { Sid = Sha256Digest.Zero }, body with { SPk = body.SPk[..1], BCom = body.BCom[..1] }],
            other => Assert.Equal(ErrorCodes.AdvertiseListInvalid, Opened(federation, federation.Advertisements.SetItem(1, federation.Sign(2, other)), null)));
    }

    [Fact]
    public void Deal_Again_IsByteIdentical()
    {
        TestFederation federation = new(5, slots: 2);
        byte[] stored = new byte[federation.Secrets[2].StoredBytes];
        federation.Secrets[2].CopyTo(stored);
        using EpochSecrets read = EpochSecrets.Read(stored);
        using DealtShares again = DealtShares.Deal(federation.Members, read);

        Assert.Equal(SecureAggregationBody.Encode(federation.Dealt[2].Body), SecureAggregationBody.Encode(again.Body));
        Assert.Equal(federation.Dealt[2].Ciphertexts[1], again.Ciphertexts[1]);
    }

    [Fact]
    public void Deal_OtherList_GivesOtherShares()
    {
        TestFederation all = new(5, seed: 1);
        EpochMembers fewer = EpochMembers.Open(all.Parameters, all.Advertisements[..4], all.Keys);
        using DealtShares other = DealtShares.Deal(fewer, all.Secrets[2]);

        Assert.NotEqual(all.Dealt[2].Commitments[1].Digest, other.Commitments[1].Digest);
    }

    [Fact]
    public void Read_StoredSecretsOfWrongForm_AreRefused()
    {
        TestFederation federation = new(3);
        byte[] stored = new byte[federation.Secrets[1].StoredBytes];
        federation.Secrets[1].CopyTo(stored);

        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => EpochSecrets.Read([])));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => EpochSecrets.Read(stored.AsSpan()[..^1])));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => EpochSecrets.Read(new byte[stored.Length])));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => EpochSecrets.Generate(0, 1, federation.Fill)));
        Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(() => federation.Secrets[1].Advertise(federation.Parameters with { Slots = 2 })));
    }

    [Fact]
    public void Receive_RightShares_AreAcknowledged()
    {
        TestFederation federation = new(5, slots: 2);
        ShareReceipt.Accepted accepted = Assert.IsType<ShareReceipt.Accepted>(federation.Receive(3));

        Assert.Equal(Derivations.CohortHash(federation.Members.Sid, [1, 2, 3, 4, 5]), accepted.Ack.U2Sha256);
        Assert.Equal([1, 2, 3, 4, 5], accepted.Shares.U2.ToArray());
    }

    [Fact]
    public void Receive_CiphertextThatFailsAuthentication_NamesItsDealer()
    {
        TestFederation federation = new(5);
        ImmutableSortedDictionary<int, ShareDelivery> deliveries = federation.Deliveries(3);
        byte[] broken = [.. deliveries[2].Ciphertext];
        broken[5] ^= 1;
        SharesBody resigned = federation.Dealt[2].Body with { Ct = federation.Dealt[2].Body.Ct.SetItem(3, Sha256Digest.Of(broken)) };

        ComplaintBody complaint = Refused(federation, 3, deliveries.SetItem(2, deliveries[2] with { Shares = federation.Sign(2, resigned), Ciphertext = broken }));

        Assert.Equal((3, 2, ErrorCodes.ShareCiphertextInvalid.Name), (complaint.Idx, complaint.Against, complaint.Reason));
    }

    [Fact]
    public void Receive_CiphertextOfAnotherLength_NamesItsDealer()
    {
        TestFederation federation = new(5);
        ImmutableSortedDictionary<int, ShareDelivery> deliveries = federation.Deliveries(3);
        byte[] longer = [.. deliveries[2].Ciphertext, 0];
        SharesBody resigned = federation.Dealt[2].Body with { Ct = federation.Dealt[2].Body.Ct.SetItem(3, Sha256Digest.Of(longer)) };

        Assert.Equal(ErrorCodes.ShareCiphertextInvalid.Name, Refused(federation, 3, deliveries.SetItem(2, deliveries[2] with { Shares = federation.Sign(2, resigned), Ciphertext = longer })).Reason);
    }

    [Fact]
    public void Receive_SharesThatFailTheirCommitment_NameTheirDealer()
    {
        TestFederation federation = new(5);
        ImmutableSortedDictionary<int, ShareDelivery> deliveries = federation.Deliveries(3);
        byte[] slice = [.. deliveries[2].Slice];
        slice[40] ^= 1;
        SharesBody resigned = federation.Dealt[2].Body with { Com = federation.Dealt[2].Body.Com.SetItem(3, Sha256Digest.Of(slice)) };

        ComplaintBody complaint = Refused(federation, 3, deliveries.SetItem(2, deliveries[2] with { Shares = federation.Sign(2, resigned), Slice = slice }));

        Assert.Equal((2, ErrorCodes.ShareCommitmentMismatch.Name), (complaint.Against, complaint.Reason));
    }

    [Fact]
    public void T13_Receive_AnythingSwappedOnTheWay_IsRefused()
    {
        TestFederation federation = new(5);
        ImmutableSortedDictionary<int, ShareDelivery> right = federation.Deliveries(3);
        ShareDelivery second = right[2];
        SharesBody body = federation.Dealt[2].Body;
        (ShareDelivery Delivery, ErrorCode Code)[] swaps =
        [
            (second with { Shares = right[4].Shares }, ErrorCodes.SignatureInvalid),
            (second with { Ciphertext = right[4].Ciphertext }, ErrorCodes.SharesMismatch),
            (second with { Ciphertext = [] }, ErrorCodes.SharesMismatch),
            (second with { Slice = right[4].Slice }, ErrorCodes.SharesMismatch),
            (second with { Slice = second.Slice[..^1] }, ErrorCodes.SharesMismatch),
            (second with { Shares = federation.Sign(2, body with { L1 = Sha256Digest.Zero }) }, ErrorCodes.SharesMismatch),
            (second with { Shares = federation.Sign(2, body with { Sid = Sha256Digest.Zero }) }, ErrorCodes.SharesMismatch),
            (second with { Shares = federation.Sign(2, body with { Ct = body.Ct.Remove(5), Com = body.Com.Remove(5) }) }, ErrorCodes.SharesMismatch),
            (second with { Shares = DsseEnvelope.Sign(Fcsa1.PayloadType, "{}"u8.ToArray(), federation.Identities[2]) }, ErrorCodes.BodyMalformed),
        ];

        Assert.All(swaps, swap =>
        {
            ComplaintBody complaint = Refused(federation, 3, right.SetItem(2, swap.Delivery));
            Assert.Equal((2, swap.Code.Name), (complaint.Against, complaint.Reason));
        });
    }

    [Fact]
    public void Receive_CohortTooSmallOrWithoutMe_IsRefused()
    {
        TestFederation federation = new(7);

        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Code(() => federation.Receive(3, federation.Deliveries(3, [1, 2, 3, 4]))));
        Assert.Equal(ErrorCodes.AdvertiseListInvalid, Code(() => federation.Receive(3, federation.Deliveries(3, [1, 2, 4, 5, 6]))));
        Assert.IsType<ShareReceipt.Accepted>(federation.Receive(3, federation.Deliveries(3, [1, 2, 3, 4, 5])));
    }

    [Fact]
    public void Upload_MissingOrChangedPart_IsRefused()
    {
        TestFederation federation = new(4);
        DealtShares dealt = federation.Dealt[2];
        Dictionary<int, byte[]> slices = dealt.Commitments.ToDictionary(pair => pair.Key, pair => pair.Value.Slice.ToArray());
        Dictionary<int, byte[]> changed = new(slices) { [1] = slices[3] };
        Dictionary<int, byte[]> fewer = new(slices);
        fewer.Remove(4);

        Assert.Equal(4, federation.Upload(2).Commitments.Count);
        Assert.Equal(ErrorCodes.SharesMismatch, Code(() => ShareUpload.Open(federation.Members, federation.Shares[2], dealt.Ciphertexts, changed, federation.Keys)));
        Assert.Equal(ErrorCodes.SharesMismatch, Code(() => ShareUpload.Open(federation.Members, federation.Shares[2], dealt.Ciphertexts, fewer, federation.Keys)));
        Assert.Equal(ErrorCodes.SharesMismatch, Code(() => ShareUpload.Open(federation.Members, federation.Shares[2], dealt.Ciphertexts.Remove(1), slices, federation.Keys)));
        Assert.Equal(ErrorCodes.SharesMismatch, Code(() => ShareUpload.Open(federation.Members, federation.Shares[2], dealt.Ciphertexts.SetItem(1, dealt.Ciphertexts[3]), slices, federation.Keys)));
        Assert.Equal(ErrorCodes.SharesMismatch, Code(() => ShareUpload.OpenCommitments(federation.Members, federation.Sign(2, dealt.Body with { L1 = Sha256Digest.Zero }), slices, federation.Keys)));
        Assert.Equal(ErrorCodes.SignatureInvalid, Code(() => ShareUpload.Open(federation.Members, federation.Sign(3, dealt.Body), dealt.Ciphertexts, slices, federation.Keys)));
    }

    [Fact]
    public void T34_Acks_MissingDoubledOrOther_AreRefused()
    {
        TestFederation federation = new(5);
        ImmutableArray<DsseEnvelope> acks = federation.Acks();
        ShareAckBody other = SecureAggregationBody.Parse<ShareAckBody>(acks[1].Payload);
        Sha256Digest right = Required(federation, acks);

        Assert.Equal(right, Required(federation, [.. acks.Reverse()]));
        Assert.Equal(right, Required(federation, acks.SetItem(1, federation.Sign(2, other)))); // signed again: the same message
        Assert.Equal(ErrorCodes.AckInvalid, Code(() => Required(federation, acks[..4])));
        Assert.Equal(ErrorCodes.AckInvalid, Code(() => Required(federation, acks.Add(acks[0]))));
        Assert.Equal(ErrorCodes.AckInvalid, Code(() => Required(federation, acks.SetItem(1, federation.Sign(2, other with { L1 = Sha256Digest.Zero })))));
        Assert.Equal(ErrorCodes.AckInvalid, Code(() => Required(federation, acks.SetItem(1, federation.Sign(2, other with { U2Sha256 = Sha256Digest.Zero })))));
        Assert.Equal(ErrorCodes.AckInvalid, Code(() => Required(federation, acks.SetItem(1, federation.Sign(2, other with { Sid = Sha256Digest.Zero })))));
        Assert.Equal(ErrorCodes.SignatureInvalid, Code(() => Required(federation, acks.SetItem(1, federation.Sign(3, other)))));
    }

    private static Sha256Digest Required(TestFederation federation, IEnumerable<DsseEnvelope> acks) => ShareAcks.Require(federation.Members, federation.Members.U1.Keys, acks, federation.Keys);

    private static ComplaintBody Refused(TestFederation federation, int v, ImmutableSortedDictionary<int, ShareDelivery> deliveries) =>
        Assert.IsType<ShareReceipt.Refused>(federation.Receive(v, deliveries)).Complaint;

    private static ErrorCode Opened(TestFederation federation, IReadOnlyList<DsseEnvelope> list, AdvertiseBody? own) =>
        Code(() => EpochMembers.Open(federation.Parameters, list, federation.Keys, own));

    private static ErrorCode Parsed(EpochParams parameters) => Code(() => EpochParams.Parse(parameters.ToJcs()));

    private static ErrorCode Code(Action act) => Assert.Throws<FedCloudException>(act).Code;
}
