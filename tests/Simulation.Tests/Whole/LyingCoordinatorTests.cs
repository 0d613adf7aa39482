// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Honest agents against whoever holds the coordinator's key: lists, agreements and shares (secure-aggregation, sections 5.2 and 6).</summary>
public sealed class LyingCoordinatorTests
{
    [Fact]
    public async Task U3_TwoListsToOneSilo_IsRefusedWithBothAsEvidence()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);

        await liar.ShowAsync(liar.Silos[0], 0, 1, 2, 3);
        await liar.ShowAsync(liar.Silos[0], 0, 1, 2);

        Assert.Single(liar.Sent(liar.Silos[0], SecureFrame.Consistency).Select(frame => frame.Envelopes[0].Identity).Distinct());
        liar.RequireRefused(liar.Silos[0], ErrorCodes.U3Conflict);
    }

    [Fact]
    public async Task U3_TwoListsToDifferentSilos_NobodyOpensEither()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo[] all = [.. liar.Silos];
        await liar.ShowAsync(all[0], 0, 1, 2, 3);
        await liar.ShowAsync(all[1], 0, 1, 2, 3);
        await liar.ShowAsync(all[2], 1, 2, 3);
        await liar.ShowAsync(all[3], 1, 2, 3);
        DsseEnvelope[] agreed = [.. all.Select(liar.Signed<ConsistencyBody>)];

        foreach (SimulatedSilo silo in all)
        {
            await liar.SendAsync(silo, SecureFrame.Agreement, [], [.. agreed]);
        }

        Assert.All(all, silo => liar.RequireRefused(silo, ErrorCodes.ConsistencyInvalid));
    }

    [Theory]
    [InlineData(new[] { 0, 1 }, "u3_list_invalid")]
    [InlineData(new[] { 1, 2, 3 }, "u3_list_invalid")]
    public async Task U3_BelowQuorumOrWithoutMe_IsRefused(int[] members, string code)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);

        await liar.ShowAsync(liar.Silos[0], members);

        liar.RequireRefused(liar.Silos[0], ErrorCodes.All[code]);
        Assert.Empty(liar.Sent(liar.Silos[0], SecureFrame.Consistency));
    }

    [Fact]
    public async Task U3_OwnDigestChanged_IsRefused()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        MaskedBody[] bodies = [.. liar.Silos.Select(liar.Body<MaskedBody>)];

        await liar.ShowAsync(liar.Silos[0], [bodies[0] with { YSha256 = bodies[1].YSha256 }, .. bodies[1..]], [.. liar.Silos.Select(liar.Signed<MaskedBody>)]);

        Assert.Single(liar.Alarms(liar.Silos[0]));
        liar.RequireNothingRevealed(liar.Silos[0]);
        Assert.Empty(liar.Sent(liar.Silos[0], SecureFrame.Consistency));
    }

    [Theory]
    [InlineData("changed", "signature_invalid")]
    [InlineData("length", "masked_invalid")]
    [InlineData("round", "masked_invalid")]
    public async Task U3_WithAWrongEnvelope_IsRefused(string how, string code)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo colluder = liar.Silos[3];
        MaskedBody body = liar.Body<MaskedBody>(colluder);
        MaskedBody other = how switch
        {
            "length" => body with { YLen = body.YLen + 4 },
            "round" => body with { Rid = Sha256Digest.Of([1]) },
            _ => body with { YSha256 = Sha256Digest.Of([1]) },
        };
        DsseEnvelope envelope = how == "changed"
            ? liar.Signed<MaskedBody>(colluder) with { Payload = SecureAggregationBody.Encode(other) }
            : await colluder.SignAsync(other);

        await liar.ShowAsync(liar.Silos[0], [.. liar.Silos.Take(3).Select(liar.Body<MaskedBody>), other], [.. liar.Silos.Take(3).Select(liar.Signed<MaskedBody>), envelope]);

        liar.RequireRefused(liar.Silos[0], ErrorCodes.All[code]);
        Assert.Empty(liar.Sent(liar.Silos[0], SecureFrame.Consistency));
    }

    [Theory]
    [InlineData(new[] { 0, 1 })]
    [InlineData(new[] { 0, 1, 1 })]
    [InlineData(new[] { 0, 0, 0, 1 })]
    public async Task Agreement_FewerThanTOrDoubled_IsRefused(int[] signers)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        foreach (SimulatedSilo silo in liar.Silos)
        {
            await liar.ShowAsync(silo, 0, 1, 2, 3);
        }

        await liar.SendAsync(liar.Silos[0], SecureFrame.Agreement, [], [.. signers.Select(i => liar.Signed<ConsistencyBody>(liar.Silos[i]))]);

        liar.RequireRefused(liar.Silos[0], ErrorCodes.ConsistencyInvalid);
    }

    [Fact]
    public async Task U3_AfterItWasOpened_WithoutOneMember_RevealsNoSecondKindOfShare()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo[] all = [.. liar.Silos];
        foreach (SimulatedSilo silo in all)
        {
            await liar.ShowAsync(silo, 0, 1, 2, 3);
        }

        DsseEnvelope[] agreed = [.. all.Select(liar.Signed<ConsistencyBody>)];
        await liar.SendAsync(all[0], SecureFrame.Agreement, [], [.. agreed]);
        Assert.Single(liar.Sent(all[0], SecureFrame.Unmask));

        await liar.ShowAsync(all[0], 0, 1, 2);

        Assert.Equal([ErrorCodes.U3Conflict.Name], liar.Alarms(all[0]));
        Assert.Single(liar.Sent(all[0], SecureFrame.Unmask));
    }

    [Fact]
    public async Task Start_OpenedRoundInAnotherSlot_IsRefused()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo[] all = [.. liar.Silos];
        foreach (SimulatedSilo silo in all)
        {
            await liar.ShowAsync(silo, 0, 1, 2, 3);
        }

        await liar.StartAsync(all[0], start => start with { Slot = start.Slot + 1 });

        liar.RequireRefused(all[0], ErrorCodes.RoundOpened);
        Assert.Single(liar.Envelopes<MaskedBody>(all[0]).Select(envelope => envelope.Identity).Distinct());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Restart_KeepsTheEpochOnlyWithoutAReboot(bool reboots)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];
        if (reboots)
        {
            silo.Reboot();
        }
        else
        {
            silo.Dispose();
        }

        await liar.WorkAsync(silo);
        await liar.ShowAsync(silo, 0, 1, 2, 3);

        // Without a file system in memory every start is as after a reboot.
        Assert.Equal(reboots || !Directory.Exists("/dev/shm"), !liar.Sent(silo, SecureFrame.Consistency).Any());
        Assert.Single(liar.Envelopes<MaskedBody>(silo).Select(envelope => envelope.Identity).Distinct());
        Assert.Empty(liar.Alarms(silo));
        liar.RequireNothingRevealed(silo);
    }

    [Theory]
    [InlineData("slot", "slot_conflict")]
    [InlineData("model", "model_not_in_chain")]
    [InlineData("rid", "round_start_invalid")]
    [InlineData("d", "round_start_invalid")]
    [InlineData("ack_missing", "ack_invalid")]
    [InlineData("ack_doubled", "ack_invalid")]
    [InlineData("ack_of_another_list", "ack_invalid")]
    public async Task Start_NotOfItsContents_IsRefused(string how, string code)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);
        SimulatedSilo silo = liar.Silos[0];
        ImmutableArray<DsseEnvelope> acks = liar.Received(silo, SecureFrame.RoundStart).Parcel.Envelopes;
        ShareAckBody last = SecureAggregationBody.Parse<ShareAckBody>(acks[^1].Payload);
        ImmutableArray<DsseEnvelope> given = how switch
        {
            "ack_missing" => acks[..^1],
            "ack_doubled" => [.. acks[..^1], acks[0]],
            "ack_of_another_list" => [.. acks[..^1], await liar.Silos[3].SignAsync(last with { L1 = Sha256Digest.Of([1]) })],
            _ => acks,
        };

        await liar.StartAsync(
            silo,
            start => how switch
            {
                "slot" => start with { Round = 2 },
                "model" => start with { Round = 2, Slot = start.Slot + 1, ModelSha256 = Sha256Digest.Of([1]) },
                _ => start with { Round = 2, Slot = start.Slot + 1 },
            },
            given,
            start => how switch
            {
                "rid" => start with { Rid = Sha256Digest.Of([1]) },
                "d" => start with { D = start.D + 1 },
                _ => start,
            });

        liar.RequireRefused(silo, ErrorCodes.All[code]);
        Assert.Single(liar.Envelopes<MaskedBody>(silo).Select(envelope => envelope.Identity).Distinct());
    }

    [Fact]
    public async Task Start_LaterRoundFromTheSameModelWithoutBurnedBodies_IsNotMasked()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Masked);

        await liar.StartAsync(liar.Silos[0], start => start with { Round = 2, Slot = start.Slot + 1 });

        Assert.Contains(liar.Sent(liar.Silos[0], PlainBody.Decline), frame => Encoding.UTF8.GetString(frame.Envelopes[0].Payload).Contains(ErrorCodes.BurnedTooFew.Name, StringComparison.Ordinal));
        Assert.Single(liar.Envelopes<MaskedBody>(liar.Silos[0]).Select(envelope => envelope.Identity).Distinct());
    }

    [Fact]
    public async Task Epoch_TwoLists_IsRefused()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Advertise);
        DsseEnvelope[] advertised = [.. liar.Silos.Select(liar.Signed<AdvertiseBody>)];

        await liar.SendAsync(liar.Silos[0], SecureFrame.AdvertiseList, [], [.. advertised]);
        await liar.SendAsync(liar.Silos[0], SecureFrame.AdvertiseList, [], [.. advertised[..3]]);

        Assert.Single(liar.Envelopes<SharesBody>(liar.Silos[0]).Select(envelope => envelope.Identity).Distinct());
        liar.RequireRefused(liar.Silos[0], ErrorCodes.EpochConflict);
    }

    [Theory]
    [InlineData("swapped", "signature_invalid")]
    [InlineData("two_roles", "advertise_list_invalid")]
    [InlineData("own", "advertise_list_invalid")]
    [InlineData("few", "advertise_list_invalid")]
    [InlineData("order", "advertise_list_invalid")]
    public async Task Epoch_ListWithAnotherKey_IsRefused(string how, string code)
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Advertise);
        DsseEnvelope[] list = [.. liar.Silos.Select(liar.Signed<AdvertiseBody>)];
        AdvertiseBody last = liar.Body<AdvertiseBody>(liar.Silos[3]);
        list[3] = how switch
        {
            "swapped" => list[3] with { Payload = SecureAggregationBody.Encode(last with { CPk = liar.Body<AdvertiseBody>(liar.Silos[2]).CPk }) },
            "two_roles" => await liar.Silos[3].SignAsync(last with { CPk = last.SPk[0] }),
            _ => list[3],
        };

        await liar.SendAsync(liar.Silos[0], SecureFrame.AdvertiseList, [], how switch
        {
            "own" => [.. list[1..]],
            "few" => [.. list[..2]],
            "order" => [list[1], list[0], list[2], list[3]],
            _ => [.. list],
        });

        liar.RequireRefused(liar.Silos[0], ErrorCodes.All[code]);
        Assert.Empty(liar.Sent(liar.Silos[0], SecureFrame.Shares));
    }

    [Fact]
    public async Task Epoch_SecondSidOfOneNumber_IsRefused()
    {
        await using Liar liar = new();
        await liar.TakeOverAsync(SecureFrame.Advertise);
        EpochCallBody call = Jcs.Parse(liar.Received(liar.Silos[0], SecureFrame.EpochCall).Frame.Envelopes[0].Payload, EpochBodyJson.Default.EpochCallBody, "call");

        await liar.SendAsync(liar.Silos[0], SecureFrame.EpochCall, await liar.SignAsync(EpochBody.PayloadType, Jcs.Serialize(call with { Slots = call.Slots + 1 }, EpochBodyJson.Default.EpochCallBody)));

        liar.RequireRefused(liar.Silos[0], ErrorCodes.EpochConflict);
    }
}
