// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Silos;
using Xunit;
using static FedCloud.Protocol.Tests.Silos.SecureStory;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

/// <summary>Plans that the policy leaves to the administrator.</summary>
public sealed class SiloPlanTests
{
    [Fact]
    public void Offer_ThatThePolicyLeavesOpen_IsNotAnsweredBeforeTheDecision()
    {
        SiloStory story = Asked();

        Assert.Empty(story.Effects);
        Assert.Equal((SiloRunPhase.Asked, Offer().AnswerBy), (story.Run.Phase, story.Run.AnswerBy));
        Assert.Equal(ErrorCodes.PlanNotApproved.Name, story.Then(Received(Start(1))).The<SendDecline>().Body.Reason);
    }

    [Fact]
    public void Offer_ThatThePolicyRefuses_IsRefusedWithoutAsking() =>
        Assert.False(new SiloStory().Then(new OfferReceived(Now, Offer(), 1, "policy_refused", Asks: true)).The<SendAnswer>().Body.Approved);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Decision_Approved_IsAnsweredOnceAndSaysWhose(bool isByAdministrator)
    {
        SiloStory story = Asked().Then(Decided(null, isByAdministrator));

        Assert.True(story.The<SendAnswer>().Body.Approved);
        Assert.Equal(Job, story.The<FetchBaseModel>().Job);
        Assert.Equal((SiloRunPhase.Approved, isByAdministrator), (story.Run.Phase, story.Run.IsByAdministrator));
        Assert.NotNull(story.Then(Decided("administrator_refused")).Ignored);
    }

    [Fact]
    public void Decision_Refused_IsAnsweredAndFreesTheReserve()
    {
        SiloStory story = new SiloStory().Then(new OfferReceived(Now, Offer(), 1, null, IsPrivate: true, Asks: true), Decided("administrator_refused"));

        Assert.Equal((false, "administrator_refused"), (story.The<SendAnswer>().Body.Approved, story.The<SendAnswer>().Body.Reason));
        Assert.Equal(Job, story.The<SettleBudget>().Job);
        Assert.Equal(SiloRunPhase.Refused, story.Run.Phase);
    }

    [Fact]
    public void Offer_AgainUnderANewerRoster_IsAnsweredUnderThatOne()
    {
        SiloStory story = Asked().Then(new OfferReceived(Now, Offer() with { AnswerBy = Offer().AnswerBy + 60 }, 3, null, Asks: true));
        Assert.Empty(story.Effects);

        Assert.Equal((Offer().AnswerBy + 60, 3), (story.Run.AnswerBy, story.Then(Decided(null)).The<SendAnswer>().Body.Idx));
    }

    [Fact]
    public void T23_Offer_OtherPlanWhileTheAdministratorIsAsked_RaisesAnAlarm()
    {
        SiloStory story = Asked().Then(new OfferReceived(Now, Offer("another plan"), 1, null, Asks: true));

        Assert.Equal(ErrorCodes.PlanNotApproved.Name, story.The<RaiseAlarm>().Code);
        Assert.Equal(Hash("plan"), story.Then(Decided(null)).The<SendAnswer>().Body.ConfigSha256);
    }

    [Fact]
    public void Ended_WhileTheAdministratorIsAsked_LeavesNothingToDecide() =>
        Assert.NotNull(Asked().Then(new EndedReceived(Now, Ended("failed"), EvaluationWanted: false), Decided(null)).Ignored);

    // Between the question and the answer another run may have opened a sum from the same model.
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public void J10_DecisionAboutAModelThatWasOpenedMeanwhile_IsTheAgentsRefusal(bool mayRepeat, bool approved)
    {
        RoundOpening one = Opening(1, 0);
        SiloStory story = At("agreed", one);
        PlanOfferBody offer = Offer() with { Job = new("run-3"), InitialModelSha256 = one.ModelSha256 };
        story.Then(new OfferReceived(Now, offer, 1, null, IsSecure: true, MayRepeat: true, Asks: true));

        PlanAnswerBody answer = story.Then(new PlanDecided(Now, offer.Job, null, mayRepeat, IsByAdministrator: true)).The<SendAnswer>().Body;

        Assert.Equal((approved, approved ? string.Empty : "burned_too_few"), (answer.Approved, answer.Reason));
        Assert.Equal(approved, story.State.Runs[offer.Job].IsByAdministrator);
    }

    private static PlanDecided Decided(string? refusal, bool isByAdministrator = true) => new(Now, Job, refusal, MayRepeat: false, isByAdministrator);
}
