// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Coordinator.Tests.Epochs;

public sealed class EpochDeskTests
{
    [Fact]
    public async Task Epoch_AllAnswer_GrantsTheSlotAndLogsIt()
    {
        await using EpochFederation federation = await EpochFederation.ReadyAsync();

        SlotGrantIsUsable(federation);
        Assert.Equal([EntryTypes.EpochOpen, EntryTypes.EpochReady], (await federation.EntriesAsync()).Select(entry => entry.Type));
        Assert.All(await federation.EntriesAsync(), entry => Assert.Equal(federation.Parameters.Sid(), entry.Subjects["sid"]));
    }

    [Fact]
    public async Task Epoch_EveryStep_BringsEachSiloWhatItChecks()
    {
        await using EpochFederation federation = await EpochFederation.DeliveredAsync();
        EpochMembers members = await federation.Archive.MembersAsync(federation.Parameters.Sid(), default);
        foreach (int idx in federation.Identities.Keys)
        {
            IReadOnlyList<Frame> mail = await federation.MailAsync(idx);
            Assert.Equal([SecureFrame.EpochCall, SecureFrame.AdvertiseList, SecureFrame.ShareDelivery], mail.Select(frame => frame.Type));
            EpochCallBody call = Jcs.Parse(mail[0].Envelopes[0].Payload, EpochBodyJson.Default.EpochCallBody, EpochBody.Call);
            Assert.Equal((1, EpochFederation.Slots, federation.Roster.Digest()), (call.Epoch, call.Slots, call.RosterSha256));

            Parcel list = await federation.ParcelAsync(mail[1]);
            Assert.Equal(members.L1, EpochMembers.Open(federation.Parameters, list.Envelopes, federation.Keys, federation.Secrets[idx].Advertise(federation.Parameters)).L1);

            Parcel delivery = await federation.ParcelAsync(mail[2]);
            ImmutableSortedDictionary<int, ShareDelivery> deliveries = delivery.Envelopes.Select((envelope, i) => (envelope, dealer: i + 1)).ToImmutableSortedDictionary(
                shares => shares.dealer,
                shares => new ShareDelivery(shares.envelope, delivery.Parts.GetValueOrDefault(Parcel.Ciphertext(shares.dealer), []), delivery.Parts[Parcel.Slice(shares.dealer)]));
            using DealtShares dealt = DealtShares.Deal(members, federation.Secrets[idx]);
            ShareReceipt.Accepted accepted = Assert.IsType<ShareReceipt.Accepted>(HeldShares.Receive(members, federation.Secrets[idx], dealt.Own, deliveries, federation.Keys));
            Assert.Equal(federation.AckOf(idx), accepted.Ack);
            accepted.Shares.Dispose();
        }
    }

    [Fact]
    public async Task Epoch_CoordinatorStartsAgainAfterEveryStep_GoesOn()
    {
        await using EpochFederation federation = await EpochFederation.CalledAsync();
        foreach (Func<int, Task<Frame>> step in (Func<int, Task<Frame>>[])[idx => Task.FromResult(federation.Advertise(idx)), idx => federation.SharesAsync(idx), idx => Task.FromResult(federation.Ack(idx))])
        {
            foreach (int idx in federation.Identities.Keys)
            {
                await federation.Actor.DisposeAsync();
                await federation.StartAsync();
                Assert.Null(await federation.SendAsync(await step(idx)));
            }

            await federation.WorkAsync();
        }

        SlotGrantIsUsable(federation);
    }

    [Fact]
    public async Task Bodies_Again_HaveNoEffect()
    {
        await using EpochFederation federation = await EpochFederation.CalledAsync();
        Assert.Null(await federation.SendAsync(federation.Advertise(1)));

        Assert.NotNull(await federation.SendAsync(federation.Advertise(1)));
        foreach (int idx in (int[])[2, 3, 4])
        {
            await federation.SendAsync(federation.Advertise(idx));
        }

        await federation.WorkAsync();
        Assert.NotNull(await federation.SendAsync(federation.Advertise(1)));
        Assert.Null(await federation.SendAsync(await federation.SharesAsync(1)));
        Assert.NotNull(await federation.SendAsync(await federation.SharesAsync(1)));
        Assert.NotNull(await federation.SendAsync(federation.Ack(1)));
    }

    [Fact]
    public async Task T05_Advertise_OfAStrangerOrAnotherIndex_IsRefused()
    {
        await using EpochFederation federation = await EpochFederation.CalledAsync();
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        await RefusedAsync(federation, ErrorCodes.SignatureInvalid, EpochFederation.FrameOf(SecureAggregationBody.Sign(federation.Secrets[1].Advertise(federation.Parameters), stranger)));
        await RefusedAsync(federation, ErrorCodes.SignatureInvalid, federation.FrameOf(federation.Secrets[1].Advertise(federation.Parameters), signer: 2));
    }

    [Fact]
    public async Task Advertise_OfAnotherEpochOrNumberOfSlots_IsRefused()
    {
        await using EpochFederation federation = await EpochFederation.CalledAsync();
        AdvertiseBody body = federation.Secrets[1].Advertise(federation.Parameters);

        await RefusedAsync(federation, ErrorCodes.AdvertiseListInvalid, federation.FrameOf(body with { Sid = Sha256Digest.Zero }, 1));
        await RefusedAsync(federation, ErrorCodes.AdvertiseListInvalid, federation.FrameOf(body with { SPk = [body.SPk[0]], BCom = [body.BCom[0]] }, 1));
    }

    [Theory]
    [InlineData("own")]
    [InlineData("other")]
    [InlineData("identity")]
    [InlineData("administrator")]
    [InlineData("witness")]
    [InlineData("coordinator")]
    [InlineData("log")]
    public async Task Advertise_KeyOfAnotherRole_IsRefused(string role)
    {
        await using EpochFederation federation = await EpochFederation.CalledAsync();
        await federation.SendAsync(federation.Advertise(2));
        AdvertiseBody body = federation.Secrets[1].Advertise(federation.Parameters);
        P256Point key = role switch
        {
            "own" => body.CPk,
            "other" => federation.Secrets[2].Advertise(federation.Parameters).SPk[1],
            "identity" => PointOf(federation.Identities[3]),
            "administrator" => PointOf(federation.Admins[3]),
            "witness" => PointOf(federation.Witnesses[1]),
            "coordinator" => PointOf(federation.Coordinator),
            _ => PointOf(federation.Log),
        };

        await RefusedAsync(federation, ErrorCodes.AdvertiseListInvalid, federation.FrameOf(body with { SPk = body.SPk.SetItem(0, key) }, 1));

        Assert.Null(await federation.SendAsync(federation.Advertise(1)));
    }

    [Fact]
    public async Task Advertise_WhileTheRosterChanges_WaitsForTheNextEpoch()
    {
        await using EpochFederation federation = await EpochFederation.CalledAsync();

        Assert.NotNull(await federation.Desk.TakeAsync(
            new EpochMessage.Advertise(federation.Silos[0], federation.Advertise(1).Envelopes[0], federation.Secrets[1].Advertise(federation.Parameters)),
            federation.Roster with { Version = 2 },
            default));
    }

    [Fact]
    public async Task Shares_TamperedParcel_IsRefused()
    {
        await using EpochFederation federation = await EpochFederation.ListedAsync();

        Frame ciphertext = await federation.SharesAsync(1, parcel => parcel with { Parts = parcel.Parts.SetItem(Parcel.Ciphertext(2), Flipped(parcel.Parts[Parcel.Ciphertext(2)])) });
        await RefusedAsync(federation, ErrorCodes.SharesMismatch, ciphertext);
        Frame slice = await federation.SharesAsync(2, parcel => parcel with { Parts = parcel.Parts.Remove(Parcel.Slice(2)) });
        await RefusedAsync(federation, ErrorCodes.SharesMismatch, slice);
    }

    [Fact]
    public async Task Shares_PartsThatNothingHashes_AreNotKept()
    {
        await using EpochFederation federation = await EpochFederation.ListedAsync();
        Frame frame = await federation.SharesAsync(1, parcel => parcel with { Parts = parcel.Parts.Add("9/slice", new byte[9]) });

        Assert.Null(await federation.SendAsync(frame));

        Parcel kept = await federation.Archive.Shelf.ParcelAsync(SecureShelf.SharesParcel(federation.Parameters.Sid(), 1, frame.Envelopes[0].Identity), default);
        Assert.Equal(7, kept.Parts.Count);
    }

    [Fact]
    public async Task T20_Shares_UnderAnotherNameOrMissing_AreRefused()
    {
        await using EpochFederation federation = await EpochFederation.ListedAsync();
        Frame frame = await federation.SharesAsync(1);

        await RefusedAsync(federation, ErrorCodes.UploadNameRefused, frame with { Blobs = [frame.Blobs[0] with { Container = "up-silo-2" }] });
        await RefusedAsync(federation, ErrorCodes.UploadNameRefused, frame with { Blobs = [frame.Blobs[0] with { Name = "epochs/other" }] });
        await RefusedAsync(federation, ErrorCodes.UploadNameRefused, frame with { Blobs = [] });
        DealtShares dealt = DealtShares.Deal(await federation.Archive.MembersAsync(federation.Parameters.Sid(), default), federation.Secrets[2]);
        await RefusedAsync(federation, ErrorCodes.UpdateMissing, federation.FrameOf(dealt.Body, 2) with { Blobs = [frame.Blobs[0] with { Container = "up-silo-2" }] });
    }

    [Fact]
    public async Task Shares_OfAnotherListOrIndex_AreRefused()
    {
        await using EpochFederation federation = await EpochFederation.ListedAsync();
        Frame frame = await federation.SharesAsync(1);
        SharesBody body = SecureAggregationBody.Parse<SharesBody>(frame.Envelopes[0].Payload);

        await RefusedAsync(federation, ErrorCodes.SharesMismatch, federation.FrameOf(body with { L1 = Sha256Digest.Zero }, 1) with { Blobs = frame.Blobs });
        await RefusedAsync(federation, ErrorCodes.SharesMismatch, federation.FrameOf(body with { Sid = Sha256Digest.Zero }, 1) with { Blobs = frame.Blobs });
        await RefusedAsync(federation, ErrorCodes.SignatureInvalid, federation.FrameOf(body, 2) with { Blobs = frame.Blobs });
    }

    [Fact]
    public async Task Ack_OfAnotherListCohortOrIndex_IsRefused()
    {
        await using EpochFederation federation = await EpochFederation.DeliveredAsync();

        await RefusedAsync(federation, ErrorCodes.AckInvalid, federation.FrameOf(federation.AckOf(1) with { L1 = Sha256Digest.Zero }, 1));
        await RefusedAsync(federation, ErrorCodes.AckInvalid, federation.FrameOf(federation.AckOf(1) with { U2Sha256 = Sha256Digest.Zero }, 1));
        await RefusedAsync(federation, ErrorCodes.AckInvalid, federation.FrameOf(federation.AckOf(1) with { Sid = Sha256Digest.Zero }, 1));
        await RefusedAsync(federation, ErrorCodes.SignatureInvalid, federation.FrameOf(federation.AckOf(1), 2));
    }

    [Fact]
    public async Task Complaint_OfAMember_AbandonsTheEpochWithAnAlarm()
    {
        await using EpochFederation federation = await EpochFederation.DeliveredAsync();
        Frame complaint = federation.FrameOf(new ComplaintBody { Sid = federation.Parameters.Sid(), Idx = 1, Against = 3, Reason = "a_word_of_no_vocabulary" }, 1);

        Assert.Null(await federation.SendAsync(complaint));
        await federation.WorkAsync();

        EntryDraft[] entries = [.. (await federation.EntriesAsync()).TakeLast(2)];
        Assert.Equal([EntryTypes.EpochAbandoned, EntryTypes.Alarm], entries.Select(entry => entry.Type));
        Assert.Equal(complaint.Envelopes[0].Identity, entries[1].Subjects["evidence_1"]);
        Assert.Equal(ErrorCodes.SharesMismatch.Name, entries[1].Fields["code"].Text);
        Assert.Null(federation.Actor.State.Next);
    }

    [Fact]
    public async Task Report_OfLostSecrets_IsTakenOfItsSignerOnly()
    {
        await using EpochFederation federation = await EpochFederation.ReadyAsync();
        EpochReportBody report = new() { Type = EpochBody.Report, Federation = new FederationId("test-federation"), Sids = [] };

        Assert.Null(await federation.SendAsync(EpochFederation.FrameOf(Report(report, federation.Identities[2]))));

        Assert.Equal([2], federation.Actor.State.Current!.Lost);
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        await RefusedAsync(federation, ErrorCodes.SignatureInvalid, EpochFederation.FrameOf(Report(report, stranger)));
        await RefusedAsync(federation, ErrorCodes.BodyMalformed, EpochFederation.FrameOf(Report(report with { Federation = new FederationId("other-federation") }, federation.Identities[2])));
    }

    [Fact]
    public async Task Archive_AfterwardsAcksAndCommitments_AreWhatTheRoundNeeds()
    {
        await using EpochFederation federation = await EpochFederation.ReadyAsync();
        EpochMembers members = await federation.Archive.MembersAsync(federation.Parameters.Sid(), default);

        ImmutableArray<DsseEnvelope> acks = await federation.Archive.AcksAsync(members.Sid, [1, 2, 3, 4], default);

        Assert.Equal(federation.Granted[0].AckSha256, ShareAcks.Require(members, [1, 2, 3, 4], acks, federation.Keys));
        Assert.Equal([1, 2, 3, 4], (await federation.Archive.DealtAsync(members.Sid, default)).Keys.Order());
    }

    private static void SlotGrantIsUsable(EpochFederation federation)
    {
        SlotGrant grant = Assert.Single(federation.Granted);
        Assert.Equal((federation.Parameters.Sid(), 0, federation.Roster.Digest()), (grant.Sid, grant.Slot, grant.RosterSha256));
        Assert.Equal([1, 2, 3, 4], grant.Cohort.AsEnumerable());
    }

    private static async Task RefusedAsync(EpochFederation federation, ErrorCode code, Frame frame)
    {
        EpochsState before = federation.Actor.State;

        Assert.Equal(code, (await Assert.ThrowsAsync<FedCloudException>(() => federation.SendAsync(frame))).Code);

        Assert.Same(before, federation.Actor.State);
    }

    private static P256Point PointOf(ECDsa key) => P256Point.FromSpki(VerificationKey.Of(key).Spki);

    private static DsseEnvelope Report(EpochReportBody report, ECDsa key) => DsseEnvelope.Sign(EpochBody.PayloadType, Jcs.Serialize(report, EpochBodyJson.Default.EpochReportBody), key);

    private static byte[] Flipped(byte[] bytes) => [(byte)(bytes[0] ^ 1), .. bytes[1..]];
}
