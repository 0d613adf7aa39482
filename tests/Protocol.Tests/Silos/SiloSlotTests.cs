// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Silos;
using Xunit;
using static FedCloud.Protocol.Tests.Silos.SecureStory;
using static FedCloud.Protocol.Tests.Silos.SiloEpochTests;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

public sealed class SiloSlotTests
{
    private static readonly RoundOpening One = Opening(1, 0);
    private static readonly RoundOpening Again = Opening(1, 1);

    public static TheoryData<string> Open => ["training", "held", "masking", "uploading"];

    public static TheoryData<string> Phases => ["training", "held", "masking", "uploading", "announced", "agreed", "revealed"];

    [Fact]
    public void Round_StepByStep_OpensItsSum()
    {
        SiloStory story = Silo().Usable().Then(Started(One));
        Assert.Equal(Rid(One), story.The<Train>().Rid);
        Assert.Equal(Rid(One), story.Then(Trained(One)).The<AwaitWitnesses>().Rid);
        Assert.Empty(story.Epoch()!.Slots);

        Assert.Equal(3, story.Then(Witnessed(One)).The<MaskUpdate>().Weight);
        Assert.Equal(SiloSlotPhase.Armed, story.Slot(One).Phase);
        Assert.Equal((Hash("y"), 0), (story.Then(Vector(One)).The<UploadMasked>().Body.YSha256, story.The<UploadMasked>().Attempt));
        Assert.Equal(Hash("y"), story.Then(Up(One)).The<SendMasked>().Body.YSha256);
        Assert.Equal("1", story.The<SendMasked>().Metrics!.Values["loss"]);
        Assert.Equal(Hash("u3"), story.Then(U3(One)).The<SendConsistency>().Body.U3Sha256);
        Assert.Equal(Rid(One), story.Then(Agreement(One)).The<SendUnmask>().Rid);
        Assert.Equal((Sid(1), 0), (story.Then(Committed(One)).The<EraseSlot>().Sid, story.The<EraseSlot>().Slot));

        Assert.Equal(SiloSlotPhase.Done, story.Slot(One).Phase);
        Assert.Equal(1, story.Run.Model.Version);
        Assert.Empty(story.Effects.OfType<SendBurned>());
    }

    [Fact]
    public void J3_AnotherRoundInAnArmedSlot_IsDeclinedWithAnAlarm()
    {
        SiloStory story = At("masking", One).Then(Started(Opening(1, 0, job: Second)));

        Assert.Equal(ErrorCodes.SlotConflict.Name, story.The<SendDecline>().Body.Reason);
        Assert.Equal((Second, ErrorCodes.SlotConflict.Name), (story.The<RaiseAlarm>().Job, story.The<RaiseAlarm>().Code));
        Assert.Equal(Rid(One), story.Slot(One).Rid);
    }

    [Fact]
    public void J3_SlotTakenWhileTraining_IsDeclinedWithAnAlarm()
    {
        RoundOpening other = Opening(1, 0, job: Second, model: "v0");
        SiloStory story = Silo().Usable().Upto("held", One).Then(Started(other, isPublic: true), Trained(other), Witnessed(One), Witnessed(other));

        Assert.Equal(ErrorCodes.SlotConflict.Name, story.The<SendDecline>().Body.Reason);
        Assert.Equal([Rid(One), Rid(other)], story.The<RaiseAlarm>().Evidence.AsEnumerable());
        Assert.Equal((Rid(One), SiloSlotPhase.Armed), (story.Slot(One).Rid, story.Slot(One).Phase));
        Assert.Empty(story.Effects.OfType<MaskUpdate>());
    }

    [Fact]
    public void Masked_SecondVector_IsIgnored()
    {
        SiloStory story = At("uploading", One);

        AssertIgnored(story, Vector(One, "another y"));
        AssertIgnored(Silo().Usable().Upto("held", One), Vector(One));
        Assert.Equal(Hash("y"), story.Slot(One).Masked!.YSha256);
    }

    [Fact]
    public void J2_StartAgain_SendsTheSameVector()
    {
        SiloStory story = At("announced", One);
        SendMasked first = story.The<SendMasked>();

        Assert.Same(first.Body, story.Then(Started(One)).The<SendMasked>().Body);
        Assert.Single(story.Effects);
    }

    [Fact]
    public void J4_SecondList_RaisesAnAlarmAndTheFirstIsAgreedToAgain()
    {
        SiloStory story = At("agreed", One);

        AssertAlarm(story, U3(One, "other"), ErrorCodes.U3Conflict, Hash("u3"), Hash("other"), Hash("body of other"));
        AssertAlarm(At("revealed", One), U3(One, "other"), ErrorCodes.U3Conflict, Hash("u3"), Hash("other"), Hash("body of other"));
        AssertAlarm(story, Agreement(One, "other"), ErrorCodes.U3Conflict, Hash("u3"), Hash("other"));
        Assert.Equal(Hash("u3"), story.Then(U3(One)).The<SendConsistency>().Body.U3Sha256);
        Assert.Equal(SiloSlotPhase.Consistent, story.Slot(One).Phase);
    }

    [Theory]
    [InlineData("training")]
    [InlineData("held")]
    [InlineData("masking")]
    public void U3_BeforeTheVector_IsIgnored(string phase)
    {
        AssertIgnored(At(phase, One), U3(One));
        AssertIgnored(At(phase, One), Agreement(One));
    }

    [Fact]
    public void Upload_OfARetiredKey_TheSameVectorIsEncryptedAgain()
    {
        SiloStory story = At("announced", One);
        MaskedBody masked = story.Slot(One).Masked!;

        story.Then(UploadAgain(One, RunBody.Update));

        Assert.Equal((masked, 1), (story.The<UploadMasked>().Body, story.The<UploadMasked>().Attempt));
        Assert.Equal(SiloSlotPhase.Masked, story.Slot(One).Phase);
        Assert.Equal(masked, story.Then(new UpdateUploaded(Now, One.Job, Rid(One), 1)).The<SendMasked>().Body);
    }

    [Theory]
    [InlineData("agreed")]
    [InlineData("revealed")]
    public void Upload_OfARetiredKeyAfterTheList_IsIgnored(string phase) => AssertIgnored(At(phase, One), UploadAgain(One, RunBody.Update));

    [Fact]
    public void Shares_OfARetiredKey_AreRevealedAgainAndOnlyThen()
    {
        Assert.Equal(Rid(One), At("revealed", One).Then(UploadAgain(One, RunBody.Shares)).The<SendUnmask>().Rid);
        AssertIgnored(At("agreed", One), UploadAgain(One, RunBody.Shares));
        AssertIgnored(At("announced", One), UploadAgain(One, RunBody.Shares));
    }

    [Fact]
    public void Agreement_WithoutOwnConsistency_IsIgnored() => AssertIgnored(At("announced", One), Agreement(One));

    [Fact]
    public void Agreement_Again_RevealsAgainUntilTheSumIsKnown()
    {
        SiloStory story = At("revealed", One);
        SendUnmask first = story.The<SendUnmask>();
        Assert.False(SiloMachine.IsObsolete(story.State, first));

        Assert.Equal(first, story.Then(Agreement(One)).The<SendUnmask>());

        story.Then(Committed(One));
        AssertIgnored(story, Agreement(One));
        Assert.True(SiloMachine.IsObsolete(story.State, first));
    }

    [Theory]
    [InlineData("agreed")]
    [InlineData("revealed")]
    public void J9_AnotherAttemptAfterAnOpening_IsDeclinedWithAnAlarm(string phase)
    {
        SiloStory story = At(phase, One).Then(Abandoned(One));
        Assert.Empty(story.Effects.OfType<SendBurned>());
        Assert.Empty(story.Effects.OfType<EraseSlot>());

        story.Usable(2).Then(Started(Opening(1, 0, epoch: 2)));

        Assert.Equal(ErrorCodes.RoundOpened.Name, story.The<SendDecline>().Body.Reason);
        Assert.Equal(ErrorCodes.RoundOpened.Name, story.The<RaiseAlarm>().Code);
        Assert.Empty(story.Effects.OfType<AwaitWitnesses>());
        Assert.Equal(Hash("u3"), story.Then(U3(One)).The<SendConsistency>().Body.U3Sha256);
    }

    [Theory]
    [MemberData(nameof(Phases))]
    public void Version_WithOrWithoutThisSilo_ErasesTheSlot(string phase)
    {
        SiloStory story = At(phase, One).Then(Committed(One));

        bool hadSlot = phase is not ("training" or "held");
        bool opened = phase is "agreed" or "revealed";
        Assert.Equal(hadSlot, story.Effects.OfType<EraseSlot>().Any());
        Assert.Equal(hadSlot && !opened, story.Effects.OfType<SendBurned>().Any());
        Assert.Equal(phase == "training", story.Effects.OfType<StopTraining>().Any());
        if (hadSlot)
        {
            Assert.Equal(opened ? SiloSlotPhase.Done : SiloSlotPhase.Burned, story.Slot(One).Phase);
        }

        Assert.Null(story.Run.Round);
        AssertIgnored(story, Committed(One));
        AssertIgnored(story, Started(One));
    }

    [Fact]
    public void Version_OfAnotherAttempt_BurnsTheOneThatThisSiloHas()
    {
        SiloStory story = At("announced", One).Then(Committed(Again));

        Assert.Equal(Rid(One), story.The<SendBurned>().Body.Rid);
        Assert.Equal(0, story.The<EraseSlot>().Slot);
        AssertIgnored(story, U3(One));
    }

    [Theory]
    [InlineData("announced", SiloSlotPhase.Burned)]
    [InlineData("revealed", SiloSlotPhase.Done)]
    public void Version_ThatCameWithTheNextStart_ErasesTheSlot(string phase, SiloSlotPhase expected)
    {
        SiloStory story = At(phase, One).Then(Started(Opening(2, 1, version: 1), Version(One)));

        Assert.Equal(expected, story.Slot(One).Phase);
        Assert.Equal(0, story.The<EraseSlot>().Slot);
        Assert.Equal(2, story.The<Train>().Start.Round);
    }

    [Fact]
    public void Version_OfAnotherRun_LeavesTheSlot()
    {
        SiloStory story = At("announced", One).Then(Committed(Opening(1, 0, job: Second)));

        Assert.Equal(SiloSlotPhase.Masked, story.Slot(One).Phase);
    }

    [Fact]
    public void J11_ArmingInANewerEpoch_EndsOlderOnesThatNobodyUses()
    {
        RoundOpening newer = Opening(1, 0, epoch: 2);
        SiloStory story = Silo().Usable().Usable(2).Upto("held", newer);
        Assert.NotNull(story.Epoch(1));

        story.Then(Witnessed(newer));

        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
        Assert.Null(story.Epoch(1));
        Assert.NotNull(story.Epoch(2));
    }

    [Fact]
    public void J11_ArmingInANewerEpoch_LetsSlotsInUseFinish()
    {
        RoundOpening newer = Opening(1, 0, epoch: 2, job: Second);
        SiloStory story = Silo().Usable().Upto("announced", One).Usable(2).Then(Started(newer, isPublic: true), Trained(newer), Witnessed(newer));
        Assert.Empty(story.Effects.OfType<EraseEpoch>());
        Assert.True(story.Epoch(1)!.IsClosing);
        Assert.False(story.Epoch(2)!.IsClosing);

        story.Then(U3(One), Agreement(One), Committed(One));

        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
    }

    [Fact]
    public void J11_RoundHeldForAnOlderEpoch_IsDeclinedWhenTheNewerIsArmed()
    {
        RoundOpening newer = Opening(1, 0, epoch: 2, job: Second);
        SiloStory story = Silo().Usable().Usable(2).Upto("held", One).Then(Started(newer), Trained(newer), Witnessed(newer));

        Assert.Equal((Job, ErrorCodes.EpochUnknown.Name), (story.The<SendDecline>().Body.Job, story.The<SendDecline>().Body.Reason));
        Assert.Equal(Sid(1), story.The<EraseEpoch>().Sid);
        AssertIgnored(story, Witnessed(One));
    }

    [Fact]
    public void Start_InAnEpochThatIsNotHeldOrNotReady_IsDeclined()
    {
        SiloStory unknown = At("announced", One).Then(Started(Opening(2, 0, epoch: 9)));
        Assert.Equal(ErrorCodes.EpochUnknown.Name, unknown.The<SendDecline>().Body.Reason);
        Assert.Equal(Rid(One), unknown.Run.Round!.Rid);
        Assert.Single(unknown.Effects);

        SiloStory opening = Silo().Then(Called(1), Keys(1), List(1), Dealt(1), Started(One));
        Assert.Equal(ErrorCodes.EpochUnknown.Name, opening.The<SendDecline>().Body.Reason);
        Assert.Empty(opening.Effects.OfType<Train>());
    }

    [Fact]
    public void Start_DueAfterTheEpochEnds_IsDeclined()
    {
        RoundOpening late = One with { Deadline = Now.AddDays(7).ToUnixTimeSeconds() + 1 };

        Assert.Equal(ErrorCodes.EpochUnknown.Name, Silo().Usable().Then(Started(late)).The<SendDecline>().Body.Reason);
        Assert.NotEmpty(Silo().Usable().Then(Started(late with { Deadline = late.Deadline - 1 })).Effects.OfType<Train>());
    }

    [Fact]
    public void Start_OfTheOtherMode_IsDeclined()
    {
        SiloStory plain = Silo().Usable().Then(Received(Start(1)));
        Assert.Equal(ErrorCodes.PlanNotApproved.Name, plain.The<SendDecline>().Body.Reason);
        Assert.Empty(plain.Effects.OfType<Train>());

        SiloStory secure = Approved().Usable().Then(Started(One));
        Assert.Equal(ErrorCodes.PlanNotApproved.Name, secure.The<SendDecline>().Body.Reason);
        Assert.Empty(secure.Effects.OfType<Train>());
    }

    [Theory]
    [MemberData(nameof(Open))]
    public void Deadline_InAnyOpenPhase_DeclinesAndBurns(string phase)
    {
        string reason = (phase == "held" ? ErrorCodes.RoundNotLogged : ErrorCodes.DeadlineMissed).Name;

        AssertDeclined(At(phase, One), Late(One), phase, reason);
    }

    [Theory]
    [MemberData(nameof(Open))]
    public void LogRefused_InAnyOpenPhase_DeclinesAndBurns(string phase) =>
        AssertDeclined(At(phase, One), new LogRefused(Now, "log_fork", []), phase, "log_fork");

    [Theory]
    [InlineData("training")]
    [InlineData("masking")]
    [InlineData("uploading")]
    public void Failure_InAnyWork_DeclinesAndBurns(string phase) => AssertDeclined(At(phase, One), Failed(One), phase, "file_missing");

    [Fact]
    public void Misrecorded_WhileHeld_IsDeclinedWithAnAlarmAndNeverArmed()
    {
        SiloStory story = At("held", One).Then(new RoundMisrecorded(Now, Job, Rid(One), Hash("entry")));

        Assert.Equal(ErrorCodes.RoundMisrecorded.Name, story.The<SendDecline>().Body.Reason);
        Assert.Equal(ErrorCodes.RoundMisrecorded.Name, story.The<RaiseAlarm>().Code);
        AssertIgnored(story, Witnessed(One));
    }

    [Fact]
    public void Witnessed_AfterTheDeadline_IsNotArmed()
    {
        SiloStory story = At("held", One).Then(Witnessed(One) with { At = Now.AddSeconds(60) });

        Assert.Equal(ErrorCodes.DeadlineMissed.Name, story.The<SendDecline>().Body.Reason);
        Assert.Empty(story.Epoch()!.Slots);
    }

    [Fact]
    public void Upload_NameTaken_GoesToTheNextNameUntilThereIsNone()
    {
        SiloStory story = At("uploading", One);
        for (int attempt = 0; attempt < UploadName.Attempts - 1; attempt++)
        {
            story.Then(new UploadRefused(Now, Job, Rid(One), attempt));
            Assert.Equal((attempt + 1, Hash("y")), (story.The<UploadMasked>().Attempt, story.The<UploadMasked>().Body.YSha256));
        }

        AssertDeclined(story, new UploadRefused(Now, Job, Rid(One), UploadName.Attempts - 1), "uploading", ErrorCodes.UploadFailed.Name);
    }

    [Theory]
    [MemberData(nameof(Phases))]
    public void Ended_InAnyPhase_BurnsWhatWasNotOpened(string phase)
    {
        foreach (string outcome in new[] { "completed", "failed", "cancelled" })
        {
            SiloStory story = At(phase, One).Then(SecureStory.Ended(Job, outcome));

            bool opened = phase is "agreed" or "revealed";
            Assert.Equal(!opened, story.Effects.OfType<SendBurned>().Any());
            Assert.Equal(phase is "masking" or "uploading" or "announced" || (opened && outcome == "completed"), story.Effects.OfType<EraseSlot>().Any());
            Assert.Equal(SiloRunPhase.Ended, story.Run.Phase);
            if (!opened)
            {
                AssertIgnored(story, U3(One));
            }
        }
    }

    [Fact]
    public void Misbehaved_RaisesTheAlarmWithItsEvidence()
    {
        Misbehaved seen = new(Now, Job, ErrorCodes.AckInvalid.Name, [Hash("a"), Hash("b")]);

        AssertAlarm(At("announced", One), seen, ErrorCodes.AckInvalid, Hash("a"), Hash("b"));
    }

    [Fact]
    public void Effects_OfASlotThatIsOver_AreObsolete()
    {
        SiloStory story = Silo().Usable().Upto("masking", One);
        List<SiloEffect> effects = [story.The<MaskUpdate>()];
        Assert.False(SiloMachine.IsObsolete(story.State, effects[^1]));
        foreach (SiloEvent @event in new SiloEvent[] { Vector(One), Up(One), U3(One), Agreement(One) })
        {
            effects.Add(Assert.Single(story.Then(@event).Effects));
            Assert.False(SiloMachine.IsObsolete(story.State, effects[^1]));
        }

        story.Then(Committed(One));

        Assert.All(effects, effect => Assert.True(SiloMachine.IsObsolete(story.State, effect), effect.ToString()));
        Assert.False(SiloMachine.IsObsolete(story.State, story.The<EraseSlot>()));
    }

    private static void AssertDeclined(SiloStory story, SiloEvent @event, string phase, string reason)
    {
        bool armed = phase is "masking" or "uploading";
        story.Then(@event);

        Assert.Equal((Rid(One), reason), (story.The<SendDecline>().Body.Rid, story.The<SendDecline>().Body.Reason));
        Assert.Equal(phase == "training", story.Effects.OfType<StopTraining>().Any());
        Assert.Equal(armed, story.Effects.OfType<EraseSlot>().Any());
        Assert.Equal(armed, story.Effects.OfType<SendBurned>().Any());
        Assert.Empty(SiloMachine.Deadlines(story.State));
        AssertIgnored(story, U3(One));
        Assert.Equal(armed ? 0 : 1, story.Then(Abandoned(One)).Effects.OfType<SendBurned>().Count());
    }

    private static UploadAgainReceived UploadAgain(RoundOpening start, string upload) => new(
        Now, new UploadAgainBody { Type = RunBody.UploadAgain, Job = start.Job, Round = start.Round, Rid = Rid(start), Idx = 1, Upload = upload, Attempt = 0 });
}
