// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Honest agents against whoever holds the coordinator's key: malformed bodies, and rounds that must not begin (secure-aggregation, sections 5.3 and 6).</summary>
public sealed class LyingStartTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task U3_NamesASiloTwice_IsEvidenceIfTheCoordinatorSignedIt(bool signed)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];
        MaskedBody[] bodies = [.. liar.Silos.Select(liar.Body<MaskedBody>)];
        U3ListBody list = liar.ListOf(silo, [.. bodies, bodies[3]]);

        await liar.SendAsync(silo, SecureFrame.U3List, [signed ? await liar.SignAsync(list) : await liar.Silos[3].SignAsync(list)], [.. liar.Silos.Select(liar.Signed<MaskedBody>)]);

        Assert.Equal(signed ? [ErrorCodes.BodyMalformed.Name] : [], liar.Alarms(silo));
        liar.RequireNothingRevealed(silo);
        Assert.Empty(liar.Sent(silo, SecureFrame.Consistency));
    }

    [Theory]
    [InlineData(SecureFrame.RoundStart)]
    [InlineData(SecureFrame.U3List)]
    [InlineData(SecureFrame.Result)]
    public async Task Body_SpelledOtherwise_IsEvidenceIfTheCoordinatorSignedIt(string type)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked, times: 2);
        (Frame frame, Parcel parcel) = liar.Received(liar.Silos[0], type);
        int place = frame.Envelopes.Index().First(envelope => string.Equals(envelope.Item.PayloadType, Fcsa1.PayloadType, StringComparison.Ordinal)).Index;
        byte[] spelled = [(byte)' ', .. frame.Envelopes[place].Payload];

        DsseEnvelope foreign = frame.Envelopes[place] with { Payload = spelled };
        await liar.SendAsync(liar.Silos[0], type, frame.Envelopes.SetItem(place, foreign), parcel.Envelopes);
        Assert.Empty(liar.Alarms(liar.Silos[0]));

        await liar.SendAsync(liar.Silos[0], type, frame.Envelopes.SetItem(place, await liar.SignAsync(Fcsa1.PayloadType, spelled)), parcel.Envelopes);
        Assert.Equal([ErrorCodes.JsonNotCanonical.Name], liar.Alarms(liar.Silos[0]));
    }

    [Theory]
    [InlineData(SecureFrame.EpochCall, EpochBody.PayloadType)]
    [InlineData(SecureFrame.RoundStart, RunBody.PayloadType)]
    [InlineData(SecureFrame.Result, RunBody.PayloadType)]
    public async Task BodyBeside_SpelledOtherwise_IsEvidenceIfTheCoordinatorSignedIt(string type, string payloadType)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked, times: 2);
        (Frame frame, Parcel parcel) = liar.Received(liar.Silos[0], type);
        int place = frame.Envelopes.Index().First(envelope => string.Equals(envelope.Item.PayloadType, payloadType, StringComparison.Ordinal)).Index;
        byte[] spelled = [(byte)' ', .. frame.Envelopes[place].Payload];

        await liar.SendAsync(liar.Silos[0], type, frame.Envelopes.SetItem(place, frame.Envelopes[place] with { Payload = spelled }), parcel.Envelopes);
        Assert.Empty(liar.Alarms(liar.Silos[0]));

        await liar.SendAsync(liar.Silos[0], type, frame.Envelopes.SetItem(place, await liar.SignAsync(payloadType, spelled)), parcel.Envelopes);
        Assert.Equal([ErrorCodes.JsonNotCanonical.Name], liar.Alarms(liar.Silos[0]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(100_000)]
    public async Task Epoch_CalledWithSlotsThatNoEpochHas_IsEvidence(int slots)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        (Frame frame, _) = liar.Received(liar.Silos[0], SecureFrame.EpochCall);
        EpochCallBody call = Jcs.Parse(frame.Envelopes[0].Payload, EpochBodyJson.Default.EpochCallBody, EpochBody.Call);

        byte[] body = Jcs.Serialize(call with { Epoch = call.Epoch + 1, Slots = slots }, EpochBodyJson.Default.EpochCallBody);
        await liar.SendAsync(liar.Silos[0], SecureFrame.EpochCall, await liar.SignAsync(EpochBody.PayloadType, body));

        Assert.Single(liar.Alarms(liar.Silos[0]));
    }

    [Fact]
    public async Task Body_InAFrameOfAnotherType_IsNoEvidence()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        (Frame frame, Parcel parcel) = liar.Received(liar.Silos[0], SecureFrame.RoundStart);

        await liar.SendAsync(liar.Silos[0], SecureFrame.U3List, [frame.Envelopes[1]], parcel.Envelopes);

        Assert.Empty(liar.Alarms(liar.Silos[0]));
        liar.RequireNothingRevealed(liar.Silos[0]);
    }

    [Fact]
    public async Task Start_OfARoundThatNoCounterHolds_IsRefused()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);

        await liar.StartAsync(liar.Silos[0], start => start with { Round = 1L << 31, Slot = start.Slot + 1 });

        liar.RequireRefused(liar.Silos[0], ErrorCodes.RoundStartInvalid);
    }

    [Fact]
    public async Task Shares_OfOneDealerTwice_AreRefused()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.ShareAck);
        SimulatedSilo silo = liar.Silos[0];
        ImmutableArray<DsseEnvelope> shares = liar.Received(silo, SecureFrame.ShareDelivery).Parcel.Envelopes;

        await liar.SendAsync(silo, SecureFrame.ShareDelivery, [], shares.Add(shares[^1]));

        liar.RequireRefused(silo, ErrorCodes.BodyMalformed);
    }

    [Theory]
    [InlineData(1, "round_conflict")]
    [InlineData(2, null)]
    public async Task PlainStart_OfASecureRun_NoUpdateLeaves(int round, string? alarm)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];
        int uploads = liar.Uploads(silo);
        RoundStartBody secure = liar.Start(silo);
        EpochCallBody call = Jcs.Parse(liar.Received(silo, SecureFrame.EpochCall).Frame.Envelopes[0].Payload, EpochBodyJson.Default.EpochCallBody, "call");
        PlainStartBody start = new()
        {
            Type = PlainBody.Start,
            Federation = liar.Federation.Config.Federation,
            RosterSha256 = call.RosterSha256,
            Job = secure.Job,
            Round = round,
            ConfigSha256 = secure.ConfigSha256,
            ModelVersion = 0,
            ModelSha256 = secure.ModelSha256,
            Exchanged = "b",
            UpdateLen = 4 * secure.D,
            Cohort = [1, 2, 3, 4],
            Deadline = secure.Deadline,
        };

        await liar.SendAsync(silo, PlainBody.Start, await liar.SignAsync(PlainBody.PayloadType, Jcs.Serialize(start, PlainBodyJson.Default.PlainStartBody)));

        Assert.Equal(uploads, liar.Uploads(silo));
        Assert.Equal(alarm is null ? [] : [alarm], liar.Alarms(silo));
        Assert.Equal(alarm is null ? [ErrorCodes.PlanNotApproved.Name] : [], liar.Declines(silo));
        Assert.DoesNotContain(liar.Sent(silo, PlainBody.Update), _ => true);
        liar.RequireNothingRevealed(silo);
    }

    [Fact]
    public async Task Start_UnderAnotherJobName_IsDeclined()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];

        await liar.StartAsync(silo, start => start with { Job = new RunId("another-run"), Slot = start.Slot + 1 });

        Assert.Equal([ErrorCodes.PlanNotApproved.Name], liar.Declines(silo));
        RequireMaskedOnce(liar, silo);
    }

    [Fact]
    public async Task Start_InAnEpochThatTheSiloDoesNotHold_IsDeclined()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];

        await liar.StartAsync(silo, start => start with { Sid = Sha256Digest.Of([1]) });

        Assert.Equal([ErrorCodes.EpochUnknown.Name], liar.Declines(silo));
        RequireMaskedOnce(liar, silo);
    }

    [Fact]
    public async Task Start_OpenedRoundInAnotherEpoch_IsRefused()
    {
        await using Liar liar = new(epochSlots: 1);
        await liar.Federation.RunUntilAsync(() => liar.Silos.All(silo => Epochs(liar, silo) > 1 && liar.Sent(silo, SecureFrame.Masked).Any()));
        await liar.Federation.StopAsync();
        SimulatedSilo silo = liar.Silos[0];
        RoundStartBody opened = liar.Start(silo);
        await liar.ShowAsync(silo, 0, 1, 2, 3);
        int agreed = liar.Sent(silo, SecureFrame.Consistency).Count();
        int masked = liar.Envelopes<MaskedBody>(silo).Select(envelope => envelope.Identity).Distinct().Count();
        int revealed = liar.Sent(silo, SecureFrame.Unmask).Count();
        ImmutableArray<DsseEnvelope> acks = [.. liar.Silos.Select(liar.Signed<ShareAckBody>)];
        ShareAckBody next = liar.Body<ShareAckBody>(silo);
        Assert.NotEqual(opened.Sid, next.Sid);

        await liar.StartAsync(silo, start => start with { Sid = next.Sid, Slot = 0, AckSha256 = Derivations.AckHash([.. acks.Select(ack => ack.Identity)]) }, acks);

        Assert.NotEqual(0, agreed);
        Assert.Equal([ErrorCodes.RoundOpened.Name], liar.Alarms(silo));
        Assert.Equal(masked, liar.Envelopes<MaskedBody>(silo).Select(envelope => envelope.Identity).Distinct().Count());
        Assert.Equal(revealed, liar.Sent(silo, SecureFrame.Unmask).Count());
    }

    [Theory]
    [InlineData("enough", true)]
    [InlineData("one_too_few", false)]
    [InlineData("one_twice", false)]
    [InlineData("another_round", false)]
    [InlineData("strangers_key", false)]
    public async Task Start_LaterRoundFromTheSameModel_NeedsBurnedBodiesOfItsCohort(string how, bool trains)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];
        RoundStartBody start = liar.Start(silo);
        ImmutableArray<DsseEnvelope> acks = liar.Received(silo, SecureFrame.RoundStart).Parcel.Envelopes;
        List<DsseEnvelope> burned = [];
        foreach (int i in (int[])[1, 2, 3])
        {
            bool last = i == 3;
            BurnedBody body = new() { Job = start.Job, Round = start.Round, Rid = last && how == "another_round" ? Sha256Digest.Of([1]) : start.Rid, Idx = last && how == "one_twice" ? 3 : i + 1 };
            if (!last || how != "one_too_few")
            {
                burned.Add(await liar.Silos[last && how is "one_twice" or "strangers_key" ? 2 : i].SignAsync(body));
            }
        }

        await liar.StartAsync(silo, next => next with { Round = 2, Slot = next.Slot + 1 }, [.. acks, .. burned]);

        // Masked it is only once the log shows the round.
        Assert.Equal(trains, silo.Reports.Any(line => line.Contains("phase = training", StringComparison.Ordinal) && line.Contains("round = 2", StringComparison.Ordinal)));
        Assert.Equal(trains ? [] : [ErrorCodes.BurnedTooFew.Name], liar.Declines(silo));
        RequireMaskedOnce(liar, silo);
    }

    [Fact]
    public async Task Start_AnotherModelForEachSilo_IsRefusedByBoth()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);

        foreach ((int i, SimulatedSilo silo) in liar.Silos.Take(2).Index())
        {
            await liar.StartAsync(silo, start => start with { Round = 2, Slot = start.Slot + 1, ModelSha256 = Sha256Digest.Of([(byte)i]) });
        }

        Assert.All(liar.Silos.Take(2), silo => liar.RequireRefused(silo, ErrorCodes.ModelNotInChain));
        Assert.All(liar.Silos.Take(2), silo => RequireMaskedOnce(liar, silo));
    }

    [Fact]
    public async Task Agreement_OfAnotherList_IsRefused()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];
        await liar.ShowAsync(silo, 0, 1, 2, 3);
        ConsistencyBody own = liar.Body<ConsistencyBody>(silo);
        List<DsseEnvelope> agreed = [];
        foreach (int i in (int[])[1, 2, 3])
        {
            agreed.Add(await liar.Silos[i].SignAsync(own with { Idx = i + 1, U3Sha256 = Sha256Digest.Of([1]) }));
        }

        await liar.SendAsync(silo, SecureFrame.Agreement, [], [.. agreed]);

        liar.RequireRefused(silo, ErrorCodes.ConsistencyInvalid);
    }

    private static int Epochs(Liar liar, SimulatedSilo silo) =>
        liar.Envelopes<ShareAckBody>(silo).DistinctBy(ack => SecureAggregationBody.Parse<ShareAckBody>(ack.Payload).Sid).Count();

    private static void RequireMaskedOnce(Liar liar, SimulatedSilo silo)
    {
        Assert.Single(liar.Envelopes<MaskedBody>(silo).Select(envelope => envelope.Identity).Distinct());
        liar.RequireNothingRevealed(silo);
    }
}
