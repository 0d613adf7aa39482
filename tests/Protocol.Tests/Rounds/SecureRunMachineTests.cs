// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using Xunit;

namespace FedCloud.Protocol.Tests.Rounds;

public sealed class SecureRunMachineTests
{
    private static readonly DateTimeOffset Now = RunStory.Start;
    private static readonly SiloId First = RunStory.Four[0];
    private static readonly SiloId Last = RunStory.Four[3];

    [Fact]
    public void Answers_All_AskForASlotOfTheFirstRound()
    {
        RunStory story = RunStory.Opening();

        Assert.Equal(new SlotRequest(new RunId("run-1"), 1, 1, Quorum: 3), story.The<RequestSlot>().Request);
        Assert.Equal(RoundPhase.Opening, story.State.Round!.Phase);
        Assert.Equal(3, story.State.Round.Quorum);
    }

    [Fact]
    public void Slot_Granted_StartsTheRoundOfThatSlot()
    {
        RunStory story = RunStory.Masking();

        SendSecureStart start = story.The<SendSecureStart>();
        RoundSlot slot = start.Opening.Slot!;
        Assert.Equal(RunStory.Four.AsEnumerable(), start.To);
        Assert.Equal((51, 32), (slot.D, slot.K));
        Assert.Equal(Derivations.Rid(slot.Sid, 0, 1, start.Body.ModelSha256, start.Body.ConfigSha256, 51, Ring.K32, Derivations.CohortHash(slot.Sid, [1, 2, 3, 4])), start.Body.Rid);
        Assert.Equal(story.Rid, start.Body.Rid);
        Assert.Null(start.Previous);
        Assert.Empty(start.Burned);
    }

    [Fact]
    public void Round_AllSteps_CommitsAndAsksForTheNextSlot()
    {
        RunStory story = RunStory.OpeningSum().Opened().Then(new VersionPublished(Now, 1), new ChannelMoved(Now, 1));

        SendSecureResult result = story.The<SendSecureResult>();
        Assert.Equal((RunStory.Hash("z"), RunStory.Hash("seeds"), RunStory.Hash("next")), (result.Body.AggregateSha256, result.Body.SeedsSha256, result.Body.NewModelSha256));
        Assert.Equal((1, RunStory.Hash("next")), (result.Version.ModelVersion, result.Version.ModelSha256));
        Assert.Equal(new SlotRequest(new RunId("run-1"), 2, 1, Quorum: 3), story.The<RequestSlot>().Request);
        Assert.Equal(result.Version, story.Granted(slot: 1).The<SendSecureStart>().Previous);
    }

    [Fact]
    public void Slot_OfTheRosterBefore_IsAskedForAgain()
    {
        RunStory story = RunStory.Opening();
        SlotGrant old = RunStory.Grant(story.State) with { RosterSha256 = RunStory.Hash("roster 0") };

        story.Then(new SlotGranted(Now, old));

        Assert.Equal(2, story.The<RequestSlot>().Request.Attempt);
        Assert.Equal(RoundPhase.Opening, story.State.Round!.Phase);
    }

    [Fact]
    public void Slot_OfAnEarlierAttemptOrTwice_IsIgnored()
    {
        RunStory story = RunStory.Opening();
        SlotGrant grant = RunStory.Grant(story.State);

        Assert.NotNull(story.Then(new SlotGranted(Now, grant with { Request = grant.Request with { Attempt = 7 } })).Ignored);
        Assert.Null(story.Then(new SlotGranted(Now, grant)).Ignored);
        Assert.NotNull(story.Then(new SlotGranted(Now, grant)).Ignored);
    }

    [Fact]
    public void Slot_NotInTime_FailsTheRun()
    {
        RunStory story = RunStory.Opening().Late();

        Assert.Equal((RunPhase.Failed, ErrorCodes.EpochUnavailable.Name), (story.State.Phase, story.State.Reason));
        Assert.Empty(story.Effects.OfType<SendAbandoned>());
    }

    [Fact]
    public void Slot_WithALostMember_IsStartedWithoutIt()
    {
        RunStory story = RunStory.Opening().Granted(0, 4);

        Assert.Equal(RunStory.Silos.AsEnumerable(), story.The<SendSecureStart>().To);
        Assert.Equal((MemberPhase.Dropped, ErrorCodes.EpochUnknown.Name), (story.State.Round!.Members[Last].Phase, story.State.Round.Members[Last].Reason));
    }

    [Fact]
    public void Slot_WithTooManyLost_TellsNobodyAndAsksAgain()
    {
        RunStory story = RunStory.Opening().Granted(0, 3, 4);

        Assert.Equal(2, story.The<RequestSlot>().Request.Attempt);
        Assert.Empty(story.Effects.OfType<SendAbandoned>());
        Assert.Empty(story.State.Unfinished);
    }

    [Fact]
    public void Deadline_OneVectorMissing_ShowsTheListWithoutIt()
    {
        RunStory story = RunStory.Masking().Masked([.. RunStory.Silos]).Late();

        SendU3 list = story.The<SendU3>();
        Assert.Equal([1, 2, 3], list.Body.Members.Select(member => member.Idx));
        Assert.Equal(Derivations.U3Hash(story.Rid, list.Body.Members), list.Body.U3Sha256);
        Assert.Equal(RunStory.Silos.AsEnumerable(), list.To);
        Assert.Equal([1, 2, 3], list.Masked.Keys);
    }

    [Fact]
    public void Deadline_TwoVectorsMissing_RetriesTheSameRoundInTheNextSlot()
    {
        RunStory story = RunStory.Masking().Masked(RunStory.Four[0], RunStory.Four[1]);
        Sha256Digest first = story.Rid;

        story.Late();

        Assert.Equal(ErrorCodes.QuorumNotMet.Name, story.The<SendAbandoned>().Body.Reason);
        Assert.Equal(new SlotRequest(new RunId("run-1"), 1, 2, Quorum: 3), story.The<RequestSlot>().Request);
        Assert.Equal(first, Assert.Single(story.State.Unfinished).Rid);
        Assert.NotEqual(first, story.Granted(slot: 1).The<SendSecureStart>().Body.Rid);
        Assert.Empty(story.The<SendSecureStart>().Burned);
        Assert.Equal(RoundPhase.Agreeing, story.Masked([.. RunStory.Four]).State.Round!.Phase);
    }

    [Fact]
    public void Vector_OfAnotherModeLengthOrRound_IsNotTakenIn()
    {
        RunStory story = RunStory.Masking();

        Assert.NotNull(story.Then(new UpdateAnnounced(Now, First, story.Rid, story.Vector(First) with { Masked = null })).Ignored);
        Assert.NotNull(story.Then(new UpdateAnnounced(Now, First, Sha256Digest.Zero, story.Vector(First))).Ignored);
        Assert.Empty(story.Then(new UpdateAnnounced(Now, First, story.Rid, story.Vector(First) with { Length = 1 })).Effects);
        Assert.Equal((MemberPhase.Dropped, ErrorCodes.UpdateLengthMismatch.Name), (story.State.Round!.Members[First].Phase, story.State.Round.Members[First].Reason));

        RunStory plain = RunStory.Collecting();
        Assert.NotNull(plain.Then(new UpdateAnnounced(Now, First, plain.Rid, RunStory.Update(First) with { Masked = story.Vector(First).Masked })).Ignored);
    }

    [Fact]
    public void Vector_AfterTheList_IsNeverSummed()
    {
        RunStory story = RunStory.Masking().Masked([.. RunStory.Silos]).Late().Masked(Last);

        Assert.NotNull(story.Ignored);
        Assert.DoesNotContain(story.List.Members, member => member.Idx == 4);
    }

    [Fact]
    public void Agreement_OfThree_AsksForShares()
    {
        RunStory story = RunStory.Agreeing().Agreed(RunStory.Four[0], RunStory.Four[1]);
        Assert.Empty(story.Effects);

        story.Agreed(RunStory.Four[2]);

        SendAgreement agreement = story.The<SendAgreement>();
        Assert.Equal([1, 2, 3], agreement.Agreed.Keys);
        Assert.Equal(RunStory.Four.AsEnumerable(), agreement.To);
    }

    [Fact]
    public void Consistency_ToAnotherListTwiceOrUnlisted_IsIgnored()
    {
        RunStory story = RunStory.Masking().Masked([.. RunStory.Silos]).Late();

        Assert.NotNull(story.Then(new ConsistencyReceived(Now, First, story.Rid, Sha256Digest.Zero, Sha256Digest.Zero)).Ignored);
        Assert.NotNull(story.Agreed(Last).Ignored);
        Assert.Null(story.Agreed(First).Ignored);
        Assert.NotNull(story.Agreed(First).Ignored);
        Assert.Null(story.Agreed(RunStory.Four[1], RunStory.Four[2]).Ignored);
        Assert.Equal(RoundPhase.Unmasking, story.State.Round!.Phase);
    }

    [Fact]
    public void Consistency_AfterTheThird_IsKeptAsEvidence()
    {
        RunStory story = RunStory.Unmasking().Agreed(Last);

        Assert.Null(story.Ignored);
        Assert.Empty(story.Effects);
        Assert.Equal(4, story.State.Round!.Secure!.Agreed.Count);
    }

    [Fact]
    public void Agreeing_Stalled_ShowsTheListAgainToWhoIsSilent()
    {
        RunStory story = RunStory.Agreeing().Agreed(First).Late();

        SendU3 again = story.The<SendU3>();
        Assert.DoesNotContain(First, again.To);
        Assert.Equal(story.List, again.Body);
    }

    [Fact]
    public void Unmasking_Stalled_ShowsListAndAgreementAgain()
    {
        RunStory story = RunStory.Unmasking().Revealed(First).Late();

        Assert.DoesNotContain(First, story.The<SendAgreement>().To);
        Assert.Equal([Last], story.The<SendU3>().To.AsEnumerable());
    }

    [Fact]
    public void Agreeing_StalledForGood_GoesOnInALaterRoundOnceBurned()
    {
        RunStory story = RunStory.Agreeing().Agreed(First, RunStory.Four[1]);
        Sha256Digest rid = story.Rid;
        for (int step = 0; story.State.LastRound == 1 && step < 100; step++)
        {
            story.Late();
        }

        Assert.Equal(ErrorCodes.UnmaskingStalled.Name, story.The<SendAbandoned>().Body.Reason);
        Assert.Empty(story.Effects.OfType<RequestSlot>());
        Assert.Equal((2, RoundPhase.Opening), (story.State.LastRound, story.State.Round!.Phase));
        Assert.Empty(story.Burned(rid, 1, 2).Effects);
        Assert.NotNull(story.Burned(rid, 2).Ignored);
        Assert.NotNull(story.Burned(Sha256Digest.Zero, 3).Ignored);
        Assert.Equal(new SlotRequest(new RunId("run-1"), 2, 1, Quorum: 3), story.Burned(rid, 4).The<RequestSlot>().Request);
        Assert.Equal([(1, rid, 1), (1, rid, 2), (1, rid, 4)], story.Granted(slot: 1).The<SendSecureStart>().Burned.Select(burned => (burned.Round, burned.Rid, burned.Idx)));
    }

    [Fact]
    public void Abandoned_PublicData_NeedsNoBurnedBodies()
    {
        RunStory story = RunStory.OpeningSum().Then(new SumFailed(Now, RunStory.OpeningSum().Rid, ErrorCodes.SumOutOfBounds.Name, ImmutableSortedDictionary<int, string>.Empty));
        Assert.Empty(story.Effects.OfType<RequestSlot>());

        RunState open = RunStory.OpeningSum().State;
        RunStep step = RunMachine.Step(open with { Config = open.Config with { Data = "public" } }, new SumFailed(Now, open.Round!.Rid, ErrorCodes.SumOutOfBounds.Name, ImmutableSortedDictionary<int, string>.Empty));

        Assert.Equal(new SlotRequest(new RunId("run-1"), 2, 1, Quorum: 3), Assert.Single(step.Effects.OfType<RequestSlot>()).Request);
    }

    [Fact]
    public void Shares_OfThree_OpenTheSum()
    {
        RunStory story = RunStory.Unmasking().Revealed(First, RunStory.Four[1]);
        Assert.Empty(story.Effects);
        Assert.NotNull(story.Revealed(First).Ignored);

        OpenSum open = story.Revealed(Last).The<OpenSum>();

        Assert.Equal([1, 2, 4], open.Answered.Values.Select(answer => answer.Idx));
        Assert.Equal(story.List, open.List);
        Assert.Equal([1, 2, 3, 4], open.Masked.Keys);
    }

    [Fact]
    public void Shares_BeforeTheAgreement_AreIgnored() => Assert.NotNull(RunStory.Agreeing().Revealed(First).Ignored);

    [Fact]
    public void Shares_NoUse_AreReplacedByThoseOfAnother()
    {
        RunStory story = RunStory.OpeningSum();
        ImmutableSortedDictionary<int, string> faulty = ImmutableSortedDictionary<int, string>.Empty.Add(2, ErrorCodes.ShareCommitmentMismatch.Name);

        story.Then(new SumNeedsMore(Now, story.Rid, faulty));

        Assert.Equal(RoundPhase.Unmasking, story.State.Round!.Phase);
        Assert.Equal(ErrorCodes.ShareCommitmentMismatch.Name, story.State.Round.Members[RunStory.Four[1]].Reason);
        Assert.NotNull(story.Revealed(RunStory.Four[1]).Ignored);
        Assert.Equal([1, 3, 4], story.Revealed(Last).The<OpenSum>().Answered.Values.Select(answer => answer.Idx));
    }

    [Fact]
    public void Shares_NoUseWhenAnotherCameMeanwhile_OpenAgainAtOnce()
    {
        RunStory story = RunStory.OpeningSum().Revealed(Last);
        Assert.Empty(story.Effects);

        story.Then(new SumNeedsMore(Now, story.Rid, ImmutableSortedDictionary<int, string>.Empty.Add(2, ErrorCodes.UnmaskInvalid.Name)));

        Assert.Equal([1, 3, 4], story.The<OpenSum>().Answered.Values.Select(answer => answer.Idx));
        Assert.Equal(RoundPhase.Aggregating, story.State.Round!.Phase);
    }

    [Fact]
    public void Shares_OfARetiredKey_AreAskedForAgainAndBlameNobody()
    {
        RunStory story = RunStory.OpeningSum();

        story.Then(new SumNeedsMore(Now, story.Rid, ImmutableSortedDictionary<int, string>.Empty.Add(2, ErrorCodes.KeyRetired.Name)));

        Assert.Equal((RunStory.Four[1], RunBody.Shares), (story.The<AskAgain>().To, story.The<AskAgain>().Body.Upload));
        Assert.Equal(RoundPhase.Unmasking, story.State.Round!.Phase);
        Assert.Null(story.State.Round.Members[RunStory.Four[1]].Reason);
        Assert.Equal([1, 2, 3], story.Revealed(RunStory.Four[1]).The<OpenSum>().Answered.Values.Select(answer => answer.Idx));
    }

    [Fact]
    public void Sum_Failed_IsNeverRetriedInItsRound()
    {
        RunStory story = RunStory.OpeningSum();
        Sha256Digest rid = story.Rid;

        story.Then(new SumFailed(Now, rid, ErrorCodes.SecretMismatch.Name, ImmutableSortedDictionary<int, string>.Empty.Add(2, ErrorCodes.SecretMismatch.Name)));

        Assert.Equal(ErrorCodes.SecretMismatch.Name, story.The<SendAbandoned>().Body.Reason);
        Assert.Equal(ErrorCodes.SecretMismatch.Name, story.The<RecordRound>().Record.Members[RunStory.Four[1]].Reason);
        Assert.Equal(2, story.State.LastRound);
        Assert.Equal(new SlotRequest(new RunId("run-1"), 2, 1, Quorum: 3), story.Burned(rid, 1, 3, 4).The<RequestSlot>().Request);
    }

    [Fact]
    public void Sum_OfAnotherRound_IsIgnored()
    {
        RunStory story = RunStory.OpeningSum();

        Assert.NotNull(story.Then(new SumFailed(Now, Sha256Digest.Zero, ErrorCodes.SecretMismatch.Name, ImmutableSortedDictionary<int, string>.Empty)).Ignored);
        Assert.NotNull(story.Then(new SumNeedsMore(Now, Sha256Digest.Zero, ImmutableSortedDictionary<int, string>.Empty)).Ignored);
        Assert.NotNull(story.Then(new AggregateReady(Now, Sha256Digest.Zero, new AggregateReference { AggregateSha256 = Sha256Digest.Zero, NewModelSha256 = Sha256Digest.Zero, Norm = 1 })).Ignored);
    }

    [Theory]
    [InlineData("masking")]
    [InlineData("agreeing")]
    [InlineData("unmasking")]
    public void Roster_WithoutAMember_EndsTheRoundAndItsSlot(string phase)
    {
        RunStory story = phase switch
        {
            "masking" => RunStory.Masking(),
            "agreeing" => RunStory.Agreeing(),
            _ => RunStory.Unmasking(),
        };

        story.Then(new RosterChanged(Now, RunStory.Roster(2, [.. RunStory.Silos])));

        Assert.Equal(ErrorCodes.RosterChanged.Name, story.The<SendAbandoned>().Body.Reason);
        Assert.Equal((2, RoundPhase.Opening), (story.State.LastRound, story.State.Round!.Phase));
        Assert.Empty(story.Effects.OfType<RequestSlot>());
    }

    [Fact]
    public void Roster_Grown_LeavesTheRoundAlone()
    {
        RunStory story = RunStory.Agreeing().Then(new RosterChanged(Now, RunStory.Roster(2, [.. RunStory.Four, new SiloId("silo-5")])));

        Assert.Empty(story.Effects);
        Assert.Equal(RoundPhase.Agreeing, story.State.Round!.Phase);
        Assert.Equal(2, story.State.Roster.Version);
    }

    [Fact]
    public void Roster_ChangedBeforeTheSlot_AsksForOneOfTheNewRoster()
    {
        RunStory story = RunStory.Opening().Then(new RosterChanged(Now, RunStory.Roster(2, [.. RunStory.Silos])));

        Assert.Equal(2, story.The<RequestSlot>().Request.Attempt);
        Assert.Equal(RunStory.Silos.AsEnumerable(), story.Granted().The<SendSecureStart>().To);
    }

    [Fact]
    public void Roster_OfTwo_FailsTheRun()
    {
        RunStory story = RunStory.Opening().Then(new RosterChanged(Now, RunStory.Roster(2, RunStory.Four[0], RunStory.Four[1])));

        Assert.Equal((RunPhase.Failed, ErrorCodes.QuorumNotMet.Name), (story.State.Phase, story.State.Reason));
    }

    [Fact]
    public void Cancelled_WhileAgreeing_EndsWithoutAnotherSlot()
    {
        RunStory story = RunStory.Agreeing().Then(new CancelRequested(Now));

        Assert.Equal(RunPhase.Cancelled, story.State.Phase);
        Assert.Empty(story.Effects.OfType<RequestSlot>());
        Assert.Single(story.Effects.OfType<SendAbandoned>());
    }

    // J8 and J9 at the coordinator: whatever comes in whatever order, twice or late, a round has one list, and no second slot after it.
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void Round_AnyOrderOfEvents_HasOneListAndNoSlotAfterIt(int seed)
    {
        Random random = new(seed);
        for (int run = 0; run < 60; run++)
        {
            RunStory story = RunStory.Opening("participation.max_abandoned_rounds=9");
            Dictionary<int, Sha256Digest> lists = [];
            HashSet<Sha256Digest> rids = [];
            for (int step = 0; step < 120 && !story.State.IsFinal(); step++)
            {
                if (Any(story, random) is not { } @event)
                {
                    continue;
                }

                story.Then(@event);
                foreach (SendU3 shown in story.Effects.OfType<SendU3>())
                {
                    Assert.Equal(shown.Body.U3Sha256, lists.GetValueOrDefault(shown.Round, shown.Body.U3Sha256));
                    Assert.True(shown.Body.Members.Length >= 3);
                    lists[shown.Round] = shown.Body.U3Sha256;
                }

                foreach (SendSecureStart start in story.Effects.OfType<SendSecureStart>())
                {
                    Assert.True(rids.Add(start.Body.Rid));
                    Assert.DoesNotContain(start.Opening.Round, lists.Keys);
                }

                Assert.All(story.Effects.OfType<OpenSum>(), open => Assert.True(open.Answered.Count >= 3));
            }
        }
    }

    private static RunEvent? Any(RunStory story, Random random)
    {
        SiloId silo = RunStory.Four[random.Next(4)];
        RoundState? round = story.State.Round;
        bool started = round?.Start.Slot is not null;
        return random.Next(9) switch
        {
            0 => new SlotGranted(Now, RunStory.Grant(story.State, random.Next(1 << 20))),
            1 or 2 when started => new UpdateAnnounced(Now, silo, story.Rid, story.Vector(silo)),
            3 or 4 when started => new UpdateVerified(Now, silo, story.Rid, story.Vector(silo)),
            5 when round?.Secure?.List is { } list => new ConsistencyReceived(Now, silo, story.Rid, list.U3Sha256, RunStory.Hash($"{silo}")),
            6 when started => new UnmaskReceived(Now, silo, story.Rid, new UnmaskReference(0, 1)),
            7 when started => new SumNeedsMore(Now, story.Rid, ImmutableSortedDictionary<int, string>.Empty.Add(random.Next(1, 5), ErrorCodes.UnmaskInvalid.Name)),
            8 when random.Next(3) == 0 && RunMachine.NextDeadline(story.State) is { } deadline => new DeadlineReached(deadline.At, deadline.Key),
            _ => story.State.Unfinished is [.., { } last] ? new BurnedReceived(Now, silo, random.Next(1, 5), last.Rid, RunStory.Hash("burned")) : null,
        };
    }
}
