// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Silos;
using Xunit;
using static FedCloud.Protocol.Tests.Silos.SecureStory;
using static FedCloud.Protocol.Tests.Silos.SiloEpochTests;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

public sealed class SiloRetryTests
{
    private static readonly RoundOpening One = Opening(1, 0);
    private static readonly RoundOpening Again = Opening(1, 1);

    [Theory]
    [InlineData("training", false)]
    [InlineData("training", true)]
    [InlineData("held", false)]
    [InlineData("held", true)]
    [InlineData("masking", false)]
    [InlineData("masking", true)]
    [InlineData("uploading", false)]
    [InlineData("uploading", true)]
    [InlineData("announced", false)]
    [InlineData("announced", true)]
    public void J8_Retry_KeepsTheTrainedUpdateAndBurnsTheOldSlot(string phase, bool abandoned)
    {
        SiloStory story = At(phase, One);
        SiloEvent[] events = abandoned ? [Abandoned(One), Started(Again)] : [Started(Again)];
        List<SiloEffect> effects = [.. events.SelectMany(@event => story.Then(@event).Effects)];

        bool armed = phase is not ("training" or "held");
        Assert.Equal(phase == "training", effects.OfType<Train>().Any());
        Assert.Equal(phase == "training", effects.OfType<StopTraining>().Any());
        Assert.Equal(phase != "training", effects.OfType<AwaitWitnesses>().Any(awaited => awaited.Rid == Rid(Again)));
        Assert.Equal(Rid(One), Assert.Single(effects.OfType<SendBurned>()).Body.Rid);
        Assert.Equal(armed ? 1 : 0, effects.OfType<EraseSlot>().Count());

        story.Then(phase == "training" ? [Trained(Again), Witnessed(Again)] : [Witnessed(Again)]);
        Assert.Equal(3, story.The<MaskUpdate>().Weight);
        story.Then(Vector(Again, "y again"), Up(Again));
        Assert.Equal((Hash("y again"), "1"), (story.The<SendMasked>().Body.YSha256, story.The<SendMasked>().Metrics!.Values["loss"]));
        AssertIgnored(story, U3(One));
        Assert.Equal(Rid(Again), story.Then(U3(Again)).The<SendConsistency>().Body.Rid);
    }

    [Theory]
    [InlineData("announced", false, true)]
    [InlineData("agreed", false, false)]
    [InlineData("revealed", false, false)]
    [InlineData("agreed", true, true)]
    public void J10_OfferFromAModelThatWasOpened_IsRefusedAtOnce(string phase, bool isPublic, bool approved)
    {
        SiloStory story = At(phase, One);
        PlanOfferBody offer = SiloStory.Offer() with { Job = new RunId("run-3"), InitialModelSha256 = One.ModelSha256 };

        PlanAnswerBody answer = story.Then(new OfferReceived(Now, offer, 1, null, IsSecure: true, isPublic)).The<SendAnswer>().Body;

        Assert.Equal((approved, approved ? string.Empty : "burned_too_few"), (answer.Approved, answer.Reason));
    }

    [Fact]
    public void J8_RetryThatWasDeclined_KeepsTheTrainedUpdateForTheNext()
    {
        SiloStory story = At("announced", One).Then(Started(Again) with { Refusal = ErrorCodes.PolicyRefused.Name });
        Assert.Equal(ErrorCodes.PolicyRefused.Name, story.The<SendDecline>().Body.Reason);

        story.Then(Started(Opening(1, 2)));

        Assert.NotEmpty(story.Effects.OfType<AwaitWitnesses>());
        Assert.Empty(story.Effects.OfType<Train>());
    }

    [Theory]
    [InlineData("training")]
    [InlineData("held")]
    [InlineData("announced")]
    public void J8_AttemptThatWasGivenUp_IsNeverTakenUpAgain(string phase)
    {
        SiloStory story = At(phase, One).Then(Abandoned(One));
        Assert.Equal(Rid(One), story.The<SendBurned>().Body.Rid);
        Assert.Empty(story.Then(Started(One)).Effects);
        AssertIgnored(story, Abandoned(One));

        AssertIgnored(story.Then(Started(Again)), Started(One));
        AssertIgnored(story.Then(Abandoned(Again), Started(Opening(1, 2))), Started(One));
        AssertIgnored(story, Started(Again));
    }

    [Fact]
    public void J8_OtherRosterModelOrConfiguration_IsNoRetry()
    {
        SiloStory story = At("announced", One);

        foreach (RoundOpening other in new[] { Opening(1, 1, roster: "other"), Opening(1, 1, model: "other"), Opening(1, 1, plan: "other") })
        {
            AssertAlarm(story, Started(other), ErrorCodes.RoundConflict, Rid(One), Rid(other));
        }
    }

    [Fact]
    public void J8_RetryInAnotherEpoch_GoesOn()
    {
        RoundOpening next = Opening(1, 0, epoch: 2);
        SiloStory story = At("announced", One).Usable(2).Then(Started(next));
        Assert.Equal(Rid(One), story.The<SendBurned>().Body.Rid);

        story.Then(Witnessed(next));

        Assert.Equal(Rid(next), story.The<MaskUpdate>().Rid);
        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
    }

    [Fact]
    public void J8_RetryInAnEpochThatIsNotHeld_IsDeclinedAndChangesNothing()
    {
        SiloStory story = At("announced", One).Then(Started(Opening(1, 0, epoch: 9, roster: "unknown")));

        Assert.Equal(ErrorCodes.EpochUnknown.Name, story.The<SendDecline>().Body.Reason);
        Assert.Single(story.Effects);
        Assert.NotEmpty(story.Then(Started(Again)).Effects.OfType<AwaitWitnesses>());
    }

    // Of a cohort of 4 with t = 3 and c_max = 1, 4 - 3 + 1 + 1 = 3 must have burned it.
    [Theory]
    [InlineData(false, new int[0])]
    [InlineData(false, new[] { 1, 2 })]
    [InlineData(false, new[] { 1, 2, 2, 9, 11 })]
    [InlineData(true, new[] { 1, 2, 4 })]
    [InlineData(true, new[] { 1, 2, 3, 4 })]
    public void J10_LaterRoundFromTheSameModel_NeedsEnoughBurnedBodies(bool taken, int[] by)
    {
        foreach (RoundOpening later in new[] { Opening(2, 1), Opening(1, 1, job: Second) })
        {
            SiloStory story = At("announced", One).Then(Abandoned(One), Started(later, burned: (One, by)));

            Assert.Equal(taken, story.Effects.OfType<Train>().Any());
            Assert.Equal(!taken, story.Effects.OfType<SendDecline>().Any(sent => sent.Body.Reason == ErrorCodes.BurnedTooFew.Name));
        }
    }

    [Fact]
    public void J10_EveryEarlierAttemptCounts()
    {
        RoundOpening later = Opening(2, 2);
        SiloStory Story() => At("announced", One).Then(Started(Again), Witnessed(Again), Abandoned(Again));

        Assert.Equal(ErrorCodes.BurnedTooFew.Name, Story().Then(Started(later, burned: (Again, [1, 2, 3]))).The<SendDecline>().Body.Reason);
        Assert.NotEmpty(Story().Then(Started(later, null, false, (One, [1, 2, 3]), (Again, [1, 2, 3]))).Effects.OfType<Train>());
    }

    [Fact]
    public void J10_PublicDataOrAnotherModelOrNothingMasked_NeedsNone()
    {
        Assert.NotEmpty(At("announced", One).Then(Started(Opening(2, 1), isPublic: true)).Effects.OfType<Train>());
        Assert.NotEmpty(At("revealed", One).Then(Committed(One), Started(Opening(2, 1, version: 1))).Effects.OfType<Train>());
        Assert.NotEmpty(At("held", One).Then(Started(Opening(2, 1))).Effects.OfType<Train>());
    }

    [Fact]
    public void J10_TwoRunsThatTrainedFromTheSameModelAtOnce_MaskOnlyOne()
    {
        RoundOpening other = Opening(1, 1, job: Second);
        SiloStory Story(bool isPublic) => Silo().Usable().Upto("held", One).Then(Started(other, isPublic: isPublic), Trained(other), Witnessed(One), Witnessed(other));

        Assert.Equal((Second, ErrorCodes.BurnedTooFew.Name), (Story(false).The<SendDecline>().Body.Job, Story(false).The<SendDecline>().Body.Reason));
        Assert.Empty(Story(false).Effects.OfType<MaskUpdate>());
        Assert.NotEmpty(Story(true).Effects.OfType<MaskUpdate>());
    }

    [Fact]
    public void J7_ContinuousStart_KeepsEverything()
    {
        SiloStory story = At("announced", One).Then(new AgentRestarted(Now, IsContinuous: true, Hash("token")));

        Assert.Equal([Sid(1)], Assert.IsType<ReportEpochs>(Assert.Single(story.Effects)).Sids.AsEnumerable());
        Assert.Equal(Hash("token"), story.State.Token);
        Assert.Equal(Hash("y"), story.Then(Started(One)).The<SendMasked>().Body.YSha256);
        Assert.NotEmpty(story.Then(U3(One)).Effects.OfType<SendConsistency>());
    }

    [Theory]
    [InlineData("training", true)]
    [InlineData("held", true)]
    [InlineData("masking", true)]
    [InlineData("uploading", true)]
    [InlineData("announced", false)]
    [InlineData("agreed", false)]
    [InlineData("revealed", false)]
    public void J7_OtherStart_ErasesTheEpochsAndForgetsTheRound(string phase, bool declined)
    {
        foreach (SiloEvent @event in new SiloEvent[] { new AgentRestarted(Now, IsContinuous: false, Hash("token")), new JournalOlder(Now, Hash("head")) })
        {
            SiloStory story = Silo().Usable().Usable(2).Upto(phase, One).Then(@event);

            Assert.Equal([Sid(1), Sid(2)], story.Effects.OfType<EraseEpoch>().Select(erased => erased.Sid));
            Assert.Equal(declined, story.Effects.OfType<SendDecline>().Any(sent => sent.Body.Rid == Rid(One)));
            Assert.Equal(phase == "training", story.Effects.OfType<StopTraining>().Any());
            Assert.Empty(story.Effects.OfType<SendBurned>());
            Assert.Empty(story.The<ReportEpochs>().Sids);
            Assert.Empty(story.State.Epochs);
            Assert.Null(story.Run.Round);
            Assert.Empty(story.Then(Abandoned(One)).Effects);
            Assert.Equal(ErrorCodes.EpochUnknown.Name, story.Then(Started(One)).The<SendDecline>().Body.Reason);
            AssertIgnored(story, U3(One));
            Assert.Empty(story.Then(Called(2)).Effects.OfType<MakeEpochKeys>());
            Assert.Empty(story.Usable(3).Then(Started(Opening(2, 0, epoch: 3), isPublic: true)).Effects.OfType<SendBurned>());
        }
    }

    [Fact]
    public void J7_OlderJournal_IsTakenOnceForEachHead()
    {
        SiloStory story = At("announced", One).Then(new JournalOlder(Now, Hash("head")));

        AssertIgnored(story.Usable(2), new JournalOlder(Now, Hash("head")));
        Assert.Equal(Sid(2), story.Then(new JournalOlder(Now, Hash("another head"))).The<EraseEpoch>().Sid);
    }

    [Fact]
    public void J7_OtherStart_LeavesRoundsOfPlainModeAlone()
    {
        SiloStory story = Announced().Then(new AgentRestarted(Now, IsContinuous: false, null));

        Assert.IsType<ReportEpochs>(Assert.Single(story.Effects));
        Assert.NotEmpty(story.Then(Received(Start(1))).Effects.OfType<SendUpdate>());
    }
}
