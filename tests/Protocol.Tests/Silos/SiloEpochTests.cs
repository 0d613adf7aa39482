// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Silos;
using Xunit;
using static FedCloud.Protocol.Tests.Silos.SecureStory;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

public sealed class SiloEpochTests
{
    private static readonly RoundOpening One = Opening(1, 0);

    [Fact]
    public void Epoch_StepByStep_BecomesUsable()
    {
        SiloStory story = Silo().Then(Called(1));
        Assert.Equal((Parameters(1), 1), (story.The<MakeEpochKeys>().Parameters, story.The<MakeEpochKeys>().Idx));

        Assert.Same(Keys(1).Body.CPk, story.Then(Keys(1)).The<SendAdvertise>().Body.CPk);
        Assert.Equal(Sid(1), story.Then(List(1)).The<DealShares>().Sid);
        Assert.Equal(Hash("list"), story.Then(Dealt(1)).The<SendShares>().Body.L1);
        Assert.Equal(Hash("cohort"), story.Then(Accepted(1)).The<SendAcknowledgement>().Body.U2Sha256);

        Assert.Equal(SiloEpochPhase.Acknowledged, story.Epoch()!.Phase);
        Assert.Equal<int>([1, 2, 3, 4], story.Epoch()!.Cohort);
        Assert.Equal<Sha256Digest>([Sid(1)], story.Then(new AgentRestarted(Now, true, null)).The<ReportEpochs>().Sids);
    }

    [Fact]
    public void J2_EveryRequestAgain_GetsTheSameBody()
    {
        SiloStory story = Silo().Then(Called(1), Keys(1));
        object keys = story.The<SendAdvertise>().Body;
        Assert.Same(keys, story.Then(Called(1)).The<SendAdvertise>().Body);

        story.Then(List(1), Dealt(1));
        object shares = story.The<SendShares>().Body;
        Assert.Same(shares, story.Then(List(1)).The<SendShares>().Body);

        story.Then(Accepted(1));
        object acknowledgement = story.The<SendAcknowledgement>().Body;
        Assert.Same(acknowledgement, story.Then(Accepted(1)).The<SendAcknowledgement>().Body);
        Assert.Same(keys, story.Then(Called(1)).The<SendAdvertise>().Body);
        Assert.Same(shares, story.Then(List(1)).The<SendShares>().Body);
    }

    [Fact]
    public void J2_ResultOfAnEffectAgain_ChangesNothing()
    {
        SiloStory story = Silo().Then(Called(1), Keys(1));
        AssertIgnored(story, Keys(1, "another seed"));
        AssertIgnored(story.Then(List(1)), List(1));
        AssertIgnored(story, Dealt(1, "another list"));
        AssertIgnored(story.Then(Dealt(1)), Dealt(1));
        AssertIgnored(story, Keys(1, "another seed"));
    }

    [Fact]
    public void J11_NumberThatDoesNotRise_IsIgnored()
    {
        SiloStory story = Silo().Then(Called(2));

        AssertIgnored(story, Called(1));
        AssertIgnored(story, Called(2));
        story.Then(new AgentRestarted(Now, false, null));
        AssertIgnored(story, Called(1));
        Assert.Equal(3, story.Then(Called(3)).The<MakeEpochKeys>().Parameters.Epoch);
    }

    [Fact]
    public void J7_CallAgainOfABurnedEpoch_IsToldSoAndMakesNoOtherKeys()
    {
        SiloStory story = Silo().Then(Called(2), new AgentRestarted(Now, false, null));

        Assert.Empty(story.Then(Called(2)).The<ReportEpochs>().Sids);
        Assert.Empty(story.Effects.OfType<MakeEpochKeys>());
        AssertIgnored(story.Then(new LogRefused(Now, "log_split", [])), Called(2));
    }

    [Fact]
    public void J11_SecondEpochOfANumber_RaisesAnAlarmAndChangesNothing()
    {
        SiloStory story = Silo().Usable();

        AssertAlarm(story, Called(1, "another roster"), ErrorCodes.EpochConflict, Sid(1), Sid(1, "another roster"));
    }

    [Fact]
    public void SecondList_RaisesAnAlarmAndChangesNothing()
    {
        SiloStory story = Silo().Then(Called(1), Keys(1), List(1));
        AssertAlarm(story, List(1, "other"), ErrorCodes.EpochConflict, Hash("list"), Hash("other"));
        AssertAlarm(story.Then(Dealt(1)), List(1, "other"), ErrorCodes.EpochConflict, Hash("list"), Hash("other"));
    }

    [Fact]
    public void SecondCohort_RaisesAnAlarmAndChangesNothing() =>
        AssertAlarm(Silo().Usable(), Accepted(1, "other"), ErrorCodes.EpochConflict, Hash("cohort"), Hash("other"));

    [Fact]
    public void Complaint_EndsTheEpochAndErasesIt()
    {
        SiloStory story = Silo().Then(Called(1), Keys(1), List(1), Dealt(1), Refusal(1));

        Assert.Equal(2, story.The<SendComplaint>().Body.Against);
        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
        Assert.Null(story.Epoch());
        AssertIgnored(story, Accepted(1));
        AssertIgnored(Silo().Usable(), Refusal(1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void NewerCall_EndsWhatNeverBecameUsable(int steps)
    {
        SiloEvent[] events = [Called(2), Keys(2), List(2), Dealt(2)];
        SiloStory story = Silo().Usable().Then(events.AsSpan(0, steps));

        story.Then(Called(3));

        Assert.Equal(Sid(2), story.The<EraseEpoch>().Sid);
        Assert.Equal([1L, 3L], story.State.Epochs.Keys);
        Assert.All(events[1..], late => AssertIgnored(story, late));
    }

    [Fact]
    public void UnknownEpoch_ChangesNothing()
    {
        SiloEvent[] events = [Keys(1), List(1), Dealt(1), Accepted(1), Refusal(1), new EpochExpired(Now, Sid(1))];

        Assert.All(events, @event => AssertIgnored(Silo(), @event));
        Assert.All(events, @event => AssertIgnored(Silo().Usable().Then(new EpochExpired(Now, Sid(1))), @event));
    }

    [Fact]
    public void Order_ListBeforeKeysOrSharesBeforeTheList_ChangesNothing()
    {
        AssertIgnored(Silo().Then(Called(1)), List(1));
        AssertIgnored(Silo().Then(Called(1)), Accepted(1));
        AssertIgnored(Silo().Then(Called(1), Keys(1)), Dealt(1));
        AssertIgnored(Silo().Then(Called(1), Keys(1), List(1)), Accepted(1));
    }

    [Fact]
    public void J11_SevenDays_EndTheEpochAlsoWhenTheClockIsSetBack()
    {
        SiloStory story = Silo().Usable();
        DateTimeOffset end = Now + EpochMachine.Lifetime;
        Assert.Empty(SiloMachine.Expired(story.State, end.AddSeconds(-1)));
        Assert.Equal([Sid(1)], SiloMachine.Expired(story.State, end));

        story.Then(new AgentRestarted(end, true, null));
        Assert.Equal([Sid(1)], SiloMachine.Expired(story.State, Now));
        story.Then(new AgentRestarted(Now, true, null), new EpochExpired(Now, Sid(1)));

        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
        Assert.Null(story.Epoch());
        Assert.Equal(end, story.State.Latest);
    }

    [Theory]
    [InlineData("training", false, true)]
    [InlineData("held", false, true)]
    [InlineData("masking", true, true)]
    [InlineData("uploading", true, true)]
    [InlineData("announced", true, false)]
    [InlineData("agreed", true, false)]
    [InlineData("revealed", false, false)]
    public void End_SlotInUse_IsSaidToBeBurnedUnlessItWasRevealed(string phase, bool burned, bool declined)
    {
        SiloStory story = At(phase, One).Then(new EpochExpired(Now, Sid(1)));

        Assert.Equal(burned, story.Effects.OfType<SendBurned>().Any(sent => sent.Body.Rid == Rid(One)));
        Assert.Equal(declined, story.Effects.OfType<SendDecline>().Any(sent => sent.Body.Reason == ErrorCodes.EpochUnknown.Name));
        Assert.Equal(phase == "training", story.Effects.OfType<StopTraining>().Any());
        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
        AssertIgnored(story, U3(One));
        AssertIgnored(story, Agreement(One));
    }

    [Theory]
    [InlineData("agreed")]
    [InlineData("revealed")]
    public void End_OfARoundThatWasOpened_IsNotFollowedByABurnedBody(string phase)
    {
        SiloStory story = At(phase, One).Then(new EpochExpired(Now, Sid(1)));

        Assert.Empty(story.Then(Abandoned(One)).Effects.OfType<SendBurned>());
        Assert.Empty(story.Usable(2).Then(Started(Opening(2, 0, epoch: 2))).Effects.OfType<SendBurned>());
    }

    [Fact]
    public void Roster_AMemberLeft_EndsEpochsAtOnce()
    {
        SiloStory story = At("masking", One).Then(new RosterFollowed(Now, Hash("next roster"), OnlyGrew: false));

        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
        Assert.Equal(Rid(One), story.The<SendBurned>().Body.Rid);
        Assert.Equal(ErrorCodes.EpochUnknown.Name, story.The<SendDecline>().Body.Reason);
        AssertIgnored(Silo().Usable(), new RosterFollowed(Now, Hash("roster"), OnlyGrew: false));
    }

    [Fact]
    public void Roster_OnlyGrew_EndsTheEpochWithItsLastSlotInUse()
    {
        RosterFollowed grown = new(Now, Hash("next roster"), OnlyGrew: true);
        Assert.Equal(Sid(1), Silo().Usable().Then(grown).The<EraseEpoch>().Sid);

        SiloStory story = At("announced", One).Then(grown);
        Assert.Empty(story.Effects);
        AssertIgnored(story, grown);
        Assert.Empty(story.Then(new AgentRestarted(Now, true, null)).The<ReportEpochs>().Sids);
        Assert.Equal(ErrorCodes.EpochUnknown.Name, story.Then(Started(Opening(1, 1, job: Second))).The<SendDecline>().Body.Reason);

        Assert.NotEmpty(story.Then(U3(One)).Effects.OfType<SendConsistency>());
        Assert.NotEmpty(story.Then(Agreement(One)).Effects.OfType<SendUnmask>());
        story.Then(Committed(One));

        Assert.Equal((Sid(1), 0), (story.The<EraseSlot>().Sid, story.The<EraseSlot>().Slot));
        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
    }

    [Fact]
    public void LogRefused_NewCall_IsIgnored()
    {
        SiloStory story = Silo().Then(Called(1), Keys(1), new LogRefused(Now, "log_fork", []));

        AssertIgnored(story, Called(2));
        Assert.NotEmpty(story.Then(Called(1)).Effects.OfType<SendAdvertise>());
        Assert.NotEmpty(story.Then(new LogResumed(Now), Called(2)).Effects.OfType<MakeEpochKeys>());
    }

    [Fact]
    public void Effects_OfAnEpochThatIsOver_AreObsolete()
    {
        SiloStory story = Silo().Then(Called(1));
        SiloEffect make = story.The<MakeEpochKeys>();
        Assert.False(SiloMachine.IsObsolete(story.State, make));
        SiloEffect keys = story.Then(Keys(1)).The<SendAdvertise>();
        Assert.True(SiloMachine.IsObsolete(story.State, make));
        SiloEffect deal = story.Then(List(1)).The<DealShares>();
        Assert.False(SiloMachine.IsObsolete(story.State, deal));
        SiloEffect shares = story.Then(Dealt(1)).The<SendShares>();
        Assert.True(SiloMachine.IsObsolete(story.State, deal));
        SiloEffect acknowledgement = story.Then(Accepted(1)).The<SendAcknowledgement>();
        Assert.All([keys, shares, acknowledgement], effect => Assert.False(SiloMachine.IsObsolete(story.State, effect)));

        story.Then(new EpochExpired(Now, Sid(1)));

        Assert.All([make, keys, deal, shares, acknowledgement], effect => Assert.True(SiloMachine.IsObsolete(story.State, effect)));
        Assert.False(SiloMachine.IsObsolete(story.State, new EraseEpoch(Sid(1))));
    }

    internal static void AssertIgnored(SiloStory story, SiloEvent @event)
    {
        SiloStep step = SiloMachine.Step(story.State, @event);

        Assert.NotNull(step.Ignored);
        Assert.Empty(step.Effects);
        Assert.Same(story.State, step.State);
    }

    internal static void AssertAlarm(SiloStory story, SiloEvent @event, ErrorCode code, params Sha256Digest[] evidence)
    {
        SiloStep step = SiloMachine.Step(story.State, @event);

        RaiseAlarm alarm = Assert.IsType<RaiseAlarm>(Assert.Single(step.Effects));
        Assert.Equal(code.Name, alarm.Code);
        Assert.Equal<Sha256Digest>(evidence, alarm.Evidence);
        Assert.Equal(story.State, step.State);
    }
}
