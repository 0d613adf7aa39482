// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Tests.Rounds;
using Xunit;

namespace FedCloud.Protocol.Tests.Epochs;

public sealed class EpochMachineTests
{
    [Fact]
    public void Roster_Alone_OpensNothing()
    {
        EpochStory story = EpochStory.Of();

        Assert.Empty(story.Effects);
        Assert.Null(EpochMachine.NextDeadline(story.State));
    }

    [Fact]
    public void Request_WithoutAnEpoch_CallsEverySilo()
    {
        EpochStory story = EpochStory.Called();

        CallEpoch call = story.The<CallEpoch>();
        Assert.Equal([1, 2, 3, 4], call.To.AsEnumerable());
        Assert.Equal((1, EpochStory.Slots), (call.Body.Epoch, call.Body.Slots));
        Assert.Equal(EpochParams.Create(new FederationId("test-federation"), 1, call.Body.RosterSha256, 4, EpochStory.Slots).Sid(), story.Sid);
    }

    [Fact]
    public void Request_OfTwoSilos_WaitsForARosterOfThree()
    {
        EpochStory story = EpochStory.Called(silos: 2);
        Assert.Empty(story.Effects);

        Assert.Equal([1, 2, 3], story.Then(new EpochRosterChanged(story.Now, EpochStory.Roster(2, 3))).The<CallEpoch>().To.AsEnumerable());
    }

    [Fact]
    public void Epoch_AllAnswer_IsReadyAndServesTheRound()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2, 3, 4);
        Assert.Equal([1, 2, 3, 4], story.The<SendList>().U1.Keys);

        Assert.Equal([1, 2, 3, 4], story.Listed().Shared(1, 2, 3, 4).The<DeliverShares>().U2.Keys);
        Sha256Digest sid = story.Sid;
        Assert.Empty(story.Acknowledged(1, 2, 3).Effects);
        story.Acknowledged(4);

        Sha256Digest u2 = Derivations.CohortHash(sid, [1, 2, 3, 4]);
        Assert.Equal(new OpenSlots(sid, u2), story.Effects[0]);
        SlotGrant grant = story.The<GrantSlot>().Grant;
        Assert.Equal((sid, 0, u2, 4), (grant.Sid, grant.Slot, grant.U2Sha256, grant.N));
        Assert.Equal([1, 2, 3, 4], grant.Cohort.AsEnumerable());
        Assert.Equal(Derivations.AckHash(Enumerable.Range(1, 4).Select(idx => RunStory.Hash($"e5 of {idx}"))), grant.AckSha256);
        Assert.Equal(story.State.Current!.CalledAt + EpochMachine.Lifetime, grant.EndsAt);
    }

    [Fact]
    public void Shares_BeforeTheReportThatTheListWasSent_Count()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2, 3, 4).Shared(1, 2, 3, 4);

        Assert.Equal([1, 2, 3, 4], story.The<DeliverShares>().U2.Keys);
        Assert.Null(story.Listed().Ignored);
        Assert.NotNull(story.Listed().Ignored);
    }

    [Fact]
    public void Advertising_OneSilent_GoesOnWithoutIt()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2, 4).Late();

        Assert.Equal([1, 2, 4], story.The<SendList>().U1.Keys);
        Assert.Equal([1, 2, 4], story.Listed().Shared(1, 2, 4).Acknowledged(1, 2, 4).The<GrantSlot>().Grant.Cohort.AsEnumerable());
    }

    [Fact]
    public void Advertising_TooFewSinceSomeLostTheEpoch_CallsEverybodyUnderAnotherNumber()
    {
        EpochStory story = EpochStory.Called().Advertised(1).Reported(2).Reported(3);
        Sha256Digest first = story.Sid;

        story.Late();

        AbandonEpoch given = story.The<AbandonEpoch>();
        Assert.Equal((first, null, ErrorCodes.EpochStalled.Name), (given.Sid, given.U2Sha256, given.Reason));
        Assert.Equal([1, 2, 3, 4], story.The<CallEpoch>().To.AsEnumerable());
        Assert.Equal(2, story.The<CallEpoch>().Body.Epoch);
        Assert.Empty(story.State.Next!.Lost);
        Assert.Equal([1, 2, 3], story.Opened(1, 2, 3).The<GrantSlot>().Grant.Cohort.AsEnumerable());
    }

    // A report may have been on its way since before the call.
    [Fact]
    public void Advertising_ByAMemberThatSeemedLost_CountsAsAnyOther()
    {
        EpochStory story = EpochStory.Called().Reported(2).Advertised(1, 2).Late();
        Assert.Equal([3, 4], story.The<CallEpoch>().To.AsEnumerable());
        Assert.Equal(1, story.The<CallEpoch>().Body.Epoch);

        story.Advertised(3, 4);

        Assert.Empty(story.State.Next!.Lost);
        Assert.Equal([1, 2, 3, 4], story.Listed().Shared(1, 2, 3, 4).Acknowledged(1, 2, 3, 4).The<GrantSlot>().Grant.Cohort.AsEnumerable());
    }

    [Fact]
    public void Advertising_TooFew_CallsTheSilentOnesAgainUnderTheSameNumber()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2).Late();

        CallEpoch again = story.The<CallEpoch>();
        Assert.Equal([3, 4], again.To.AsEnumerable());
        Assert.Equal(1, again.Body.Epoch);
        Assert.Equal(EpochPhase.Advertising, story.State.Next!.Phase);
    }

    [Fact]
    public void Sharing_OneSilent_DeliversWithoutIt()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2, 3, 4).Listed().Shared(2, 3, 4).Late();

        Assert.Equal([2, 3, 4], story.The<DeliverShares>().U2.Keys);
    }

    [Fact]
    public void Sharing_TooFew_IsAbandonedAndTheNextLeavesOneOut()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2, 3, 4).Listed().Shared(1, 2).Late();
        Assert.Equal(ErrorCodes.EpochStalled.Name, story.The<AbandonEpoch>().Reason);
        Assert.Null(story.The<AbandonEpoch>().U2Sha256);
        Assert.Empty(story.Effects.OfType<CallEpoch>());

        CallEpoch next = story.Late().The<CallEpoch>();

        Assert.Equal(2, next.Body.Epoch);
        Assert.Equal([1, 2, 4], next.To.AsEnumerable());
    }

    [Fact]
    public void Acknowledging_OneSilent_IsAbandonedAndTheNextLeavesItOut()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2, 3, 4).Listed().Shared(1, 2, 3, 4).Acknowledged(1, 2, 3);
        Sha256Digest sid = story.Sid;

        AbandonEpoch abandoned = story.Late().The<AbandonEpoch>();

        Assert.Equal(new AbandonEpoch(sid, Derivations.CohortHash(sid, [1, 2, 3, 4]), ErrorCodes.EpochStalled.Name, null), abandoned);
        Assert.Equal([1, 2, 3], story.Late().The<CallEpoch>().To.AsEnumerable());
        Assert.Equal([1, 2, 3], story.Opened(1, 2, 3).The<GrantSlot>().Grant.Cohort.AsEnumerable());
    }

    [Fact]
    public void Complaint_StopsTheEpochAndTheNextLeavesTheDealerOut()
    {
        EpochStory story = EpochStory.Called().Advertised(1, 2, 3, 4).Listed().Shared(1, 2, 3, 4);
        Sha256Digest complaint = RunStory.Hash("complaint");

        story.Then(new Complained(story.Now, story.Sid, 1, 3, ErrorCodes.ShareCommitmentMismatch.Name, complaint));

        Assert.Equal((ErrorCodes.ShareCommitmentMismatch.Name, complaint), (story.The<AbandonEpoch>().Reason, story.The<AbandonEpoch>().Complaint!.Value));
        Assert.Equal([1, 2, 4], story.Late().The<CallEpoch>().To.AsEnumerable());
    }

    [Fact]
    public void Bodies_TwiceOfAnotherEpochOrOutOfPhase_AreIgnored()
    {
        EpochStory story = EpochStory.Called().Advertised(1);

        Assert.NotNull(story.Advertised(1).Ignored);
        Assert.NotNull(story.Advertised(5).Ignored);
        Assert.NotNull(story.Shared(1).Ignored);
        Assert.NotNull(story.Acknowledged(1).Ignored);
        Assert.NotNull(story.Then(new Advertised(story.Now, Sha256Digest.Zero, 2, Sha256Digest.Zero)).Ignored);
        Assert.NotNull(story.Then(new Complained(story.Now, story.Sid, 1, 2, "x", Sha256Digest.Zero)).Ignored);
        Assert.NotNull(story.Then(new EpochDeadlineReached(story.Now, story.Sid)).Ignored);
        Assert.NotNull(story.Then(new EpochDeadlineReached(story.Now.AddDays(1), Sha256Digest.Zero)).Ignored);
        story.Advertised(2, 3).Late().Listed();
        Assert.NotNull(story.Advertised(4).Ignored);
        Assert.NotNull(story.Shared(4).Ignored);
        Assert.Null(story.Shared(1).Ignored);
        Assert.NotNull(story.Shared(1).Ignored);
    }

    [Fact]
    public void Request_Again_GetsTheSameSlot()
    {
        EpochStory story = EpochStory.InUse();
        SlotGrant first = story.The<GrantSlot>().Grant;

        story.Then(new SlotRequested(story.Now, first.Request));

        Assert.Equal(first, story.The<GrantSlot>().Grant);
        Assert.Equal(1, story.State.Current!.NextSlot);
    }

    [Fact]
    public void Request_NewerOfTheSameRun_TakesTheOlderOnesPlace()
    {
        EpochStory story = EpochStory.Called();
        SlotRequest newer = new(new RunId("run-1"), 1, 2);

        story.Then(new SlotRequested(story.Now, newer)).Opened(1, 2, 3, 4);

        Assert.Equal(newer, story.The<GrantSlot>().Grant.Request);
    }

    [Fact]
    public void Slots_NearTheEnd_TheNextEpochOpensAheadAndTakesOverWhenTheyAreUsed()
    {
        EpochStory story = EpochStory.InUse();
        Sha256Digest first = story.State.Current!.Sid;
        Assert.Empty(story.Requested().Effects.OfType<CallEpoch>());

        Assert.Equal(2, story.Requested().The<CallEpoch>().Body.Epoch);
        story.Opened(1, 2, 3, 4);
        Assert.Equal(first, story.State.Current!.Sid);

        Assert.Equal((first, 3), (story.Requested().The<GrantSlot>().Grant.Sid, story.The<GrantSlot>().Grant.Slot));
        SlotGrant next = story.Requested().The<GrantSlot>().Grant;
        Assert.NotEqual(first, next.Sid);
        Assert.Equal(0, next.Slot);
    }

    [Fact]
    public void Slots_TwoRuns_NeverShareOne()
    {
        EpochStory story = EpochStory.Called().Requested("run-2");

        ImmutableArray<SlotGrant> grants = [.. story.Opened(1, 2, 3, 4).Effects.OfType<GrantSlot>().Select(effect => effect.Grant)];

        Assert.Equal([("run-1", 0), ("run-2", 1)], grants.Select(grant => (grant.Request.Job.Value, grant.Slot)));
    }

    [Fact]
    public void Epoch_OnItsLastDay_GivesNoSlots()
    {
        EpochStory story = EpochStory.InUse();
        story.Now += EpochMachine.Lifetime - TimeSpan.FromDays(1);

        story.Requested();

        Assert.Empty(story.Effects.OfType<GrantSlot>());
        Assert.Equal(2, story.The<CallEpoch>().Body.Epoch);
        Sha256Digest next = story.Sid;
        Assert.Equal(next, story.Opened(1, 2, 3, 4).The<GrantSlot>().Grant.Sid);
    }

    [Fact]
    public void Report_OfASiloOutsideTheCohort_OpensTheNextEpochInTheBackground()
    {
        EpochStory story = EpochStory.Called().Opened(1, 2, 3);
        Sha256Digest first = story.State.Current!.Sid;

        Assert.Equal([1, 2, 3, 4], story.Reported(4).The<CallEpoch>().To.AsEnumerable());
        Assert.NotNull(story.Advertised(1, 2, 3, 4).Reported(1, first).Ignored);
        story.Listed().Shared(1, 2, 3, 4).Acknowledged(1, 2, 3, 4);

        Assert.NotEqual(first, story.State.Current!.Sid);
        Assert.Equal([1, 2, 3, 4], story.Requested().The<GrantSlot>().Grant.Cohort.AsEnumerable());
    }

    [Fact]
    public void Report_OfAMemberThatLostItsSecrets_IsSaidWithTheNextSlots()
    {
        EpochStory story = EpochStory.InUse().Reported(2);
        Assert.Equal(2, story.The<CallEpoch>().Body.Epoch);

        Assert.Equal([2], story.Requested().The<GrantSlot>().Grant.Lost.AsEnumerable());
        Assert.Empty(story.Reported(3).Requested().Effects.OfType<GrantSlot>());
    }

    [Fact]
    public void Report_OfALossInTheEpochThatIsReady_IsKept()
    {
        EpochStory story = EpochStory.InUse().Requested().Requested().Opened(1, 2, 3, 4);
        Sha256Digest current = story.State.Current!.Sid;

        story.Reported(2, current);

        Assert.Equal([2], story.State.Next!.Lost.AsEnumerable());
    }

    [Fact]
    public void Roster_Changed_EndsBothEpochsAndOpensOneOfTheNewRoster()
    {
        EpochStory story = EpochStory.InUse().Requested().Requested();
        Sha256Digest opening = story.Sid;
        RosterView roster = EpochStory.Roster(2, 5);

        story.Then(new EpochRosterChanged(story.Now, roster));

        Assert.Equal((opening, ErrorCodes.RosterChanged.Name), (story.The<AbandonEpoch>().Sid, story.The<AbandonEpoch>().Reason));
        CallEpoch call = story.The<CallEpoch>();
        Assert.Equal((3, roster.Sha256), (call.Body.Epoch, call.Body.RosterSha256));
        Assert.Null(story.State.Current);
        Assert.NotNull(story.Then(new EpochRosterChanged(story.Now, roster)).Ignored);
    }

    // Whatever comes in whatever order: numbers rise, no slot is given twice, and none of an epoch with fewer than t members.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Epochs_AnyOrderOfEvents_NeverGiveASlotTwice(int seed)
    {
        Random random = new(seed);
        for (int run = 0; run < 40; run++)
        {
            EpochStory story = EpochStory.Of();
            Dictionary<(Sha256Digest Sid, int Slot), SlotRequest> given = [];
            long number = 0;
            for (int step = 0; step < 200; step++)
            {
                Any(story, random);
                foreach (CallEpoch call in story.Effects.OfType<CallEpoch>())
                {
                    Assert.True(call.Body.Epoch >= number);
                    number = call.Body.Epoch;
                }

                foreach (SlotGrant grant in story.Effects.OfType<GrantSlot>().Select(effect => effect.Grant))
                {
                    Assert.Equal(grant.Request, given.GetValueOrDefault((grant.Sid, grant.Slot), grant.Request));
                    Assert.True(grant.Slot < EpochStory.Slots);
                    Assert.True(grant.Cohort.Length - grant.Lost.Length >= CohortBounds.Of(grant.N).Threshold);
                    given[(grant.Sid, grant.Slot)] = grant.Request;
                }
            }
        }
    }

    private static void Any(EpochStory story, Random random)
    {
        int idx = random.Next(1, 5);
        bool opens = story.State.Next is not null;
        switch (random.Next(8))
        {
            case 0 when random.Next(4) == 0:
                story.Requested($"run-{idx}");
                break;
            case 1 when opens:
                story.Advertised(idx);
                break;
            case 2 when opens:
                story.Listed();
                break;
            case 3 when opens:
                story.Shared(idx);
                break;
            case 4 or 5 when opens:
                story.Acknowledged(idx);
                break;
            case 6 when random.Next(6) == 0 && EpochMachine.NextDeadline(story.State) is not null:
                story.Late();
                break;
            case 7 when random.Next(10) == 0:
                story.Reported(idx, story.State.Current is { } current && random.Next(2) == 0 ? [current.Sid] : []);
                break;
        }
    }
}
