// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Silos;
using Xunit;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

public sealed class SiloMachineTests
{
    private static readonly Sha256Digest First = Rid(Start(1));

    // Which events are taken where, beside those that are taken everywhere; every other pair of the product must change nothing.
    private static readonly Dictionary<string, (Func<SiloStory> Story, string[] Taken)> Table = new(StringComparer.Ordinal)
    {
        ["unknown run"] = (() => new SiloStory(), ["OfferReceived", "StartReceived", "EndedReceived"]),
        ["asked"] = (Asked, ["OfferReceived", "PlanDecided", "StartReceived", "EndedReceived"]),
        ["refused"] = (Refused, ["OfferReceived", "StartReceived", "EndedReceived"]),
        ["approved"] = (Approved, ["OfferReceived", "StartReceived", "ResultReceived", "VersionReceived", "EndedReceived"]),
        ["training"] = (Training, ["OfferReceived", "StartReceived", "TrainingFinished", "TrainingFailed", "ResultReceived", "VersionReceived", "AbandonedReceived", "EndedReceived", "SiloDeadlineReached"]),
        ["held"] = (Held, ["OfferReceived", "StartReceived", "RoundWitnessed", "RoundMisrecorded", "ResultReceived", "VersionReceived", "AbandonedReceived", "EndedReceived", "SiloDeadlineReached"]),
        ["uploading"] = (Uploading, ["OfferReceived", "StartReceived", "TrainingFailed", "UpdateUploaded", "UploadRefused", "ResultReceived", "VersionReceived", "AbandonedReceived", "EndedReceived", "SiloDeadlineReached"]),
        ["announced"] = (Announced, ["OfferReceived", "StartReceived", "UploadAgainReceived", "ResultReceived", "VersionReceived", "AbandonedReceived", "EndedReceived"]),
        ["declined"] = (Declined, ["OfferReceived", "StartReceived", "ResultReceived", "VersionReceived", "AbandonedReceived", "EndedReceived"]),
        ["evaluating"] = (Evaluating, ["EvaluationFinished"]),
        ["over"] = (Over, []),
    };

    private static readonly string[] Everywhere = [nameof(LogRefused), nameof(AgentRestarted), nameof(JournalOlder), nameof(EpochCalled), nameof(Misbehaved)];

    public static TheoryData<string> Phases => [.. Table.Keys];

    [Theory]
    [MemberData(nameof(Phases))]
    public void Step_EveryEventInEveryPhase_IsTakenOrChangesNothing(string phase)
    {
        (Func<SiloStory> story, string[] taken) = Table[phase];
        SiloEvent[] events =
        [
            new OfferReceived(Now, Offer(), 1, null),
            new PlanDecided(Now, Job, null, MayRepeat: false, IsByAdministrator: true),
            Received(Start(1)),
            new TrainingFinished(Now, Job, First, Hash("update"), 200, 1, NoFigures),
            new TrainingFailed(Now, Job, First, "data_empty"),
            new UpdateUploaded(Now, Job, First, 0),
            new UploadRefused(Now, Job, First, 0),
            Again(),
            new ResultReceived(Now, Result(Start(1))),
            new AbandonedReceived(Now, new PlainAbandonedBody { Type = PlainBody.Abandoned, Rid = First, Job = Job, Round = 1, Reason = "quorum_not_met" }),
            new EndedReceived(Now, Ended(), EvaluationWanted: true),
            new EvaluationFinished(Now, Job, 9, NoFigures),
            new SiloDeadlineReached(Now.AddSeconds(60), Job, First),
            new RoundWitnessed(Now, Job, First, 7),
            new RoundMisrecorded(Now, Job, First, Hash("entry")),
            new LogRefused(Now, "log_fork", [Hash("note")]),
            new LogResumed(Now),
            new AgentRestarted(Now, IsContinuous: true, null),
            new JournalOlder(Now, Hash("head")),
            new RosterFollowed(Now, Hash("next roster"), OnlyGrew: false),
            SecureStory.Called(1),
            SecureStory.Keys(1),
            SecureStory.List(1),
            SecureStory.Dealt(1),
            SecureStory.Accepted(1),
            SecureStory.Refusal(1),
            new EpochExpired(Now, SecureStory.Sid(1)),
            SecureStory.Vector(SecureStory.Opening(1, 0)),
            SecureStory.U3(SecureStory.Opening(1, 0)),
            SecureStory.Agreement(SecureStory.Opening(1, 0)),
            SecureStory.Committed(SecureStory.Opening(1, 0)),
            new Misbehaved(Now, Job, ErrorCodes.AckInvalid.Name, [First]),
        ];
        Assert.Equal(typeof(SiloEvent).Assembly.GetTypes().Count(type => type.BaseType == typeof(SiloEvent)), events.Length);
        foreach (SiloEvent @event in events)
        {
            SiloState before = story().State;
            SiloStep step = SiloMachine.Step(before, @event);
            string name = @event.GetType().Name;

            bool expected = taken.Concat(Everywhere).Contains(name, StringComparer.Ordinal);
            Assert.True(expected == step.Ignored is null, $"{phase}: {name} is {(expected ? "ignored" : "taken")}: {step.Ignored}");
            if (!expected)
            {
                Assert.Empty(step.Effects);
                Assert.Same(before, step.State);
            }
        }
    }

    [Fact]
    public void Offer_Approved_IsAnsweredAndTheBaseModelIsFetched()
    {
        SiloStory story = Approved();

        Assert.True(story.The<SendAnswer>().Body.Approved);
        Assert.Equal(Job, story.The<FetchBaseModel>().Job);
    }

    [Fact]
    public void Offer_Again_GetsTheSameAnswer()
    {
        SendAnswer first = Approved().The<SendAnswer>();

        Assert.Equal(first, Approved().Then(new OfferReceived(Now.AddDays(1), Offer(), 1, "policy_refused")).The<SendAnswer>());
    }

    [Fact]
    public void T23_Offer_OtherPlanUnderTheSameRun_RaisesAnAlarm()
    {
        SiloStory story = Approved().Then(new OfferReceived(Now, Offer("another plan"), 1, null));

        Assert.Equal(ErrorCodes.PlanNotApproved.Name, story.The<RaiseAlarm>().Code);
        Assert.Equal(Hash("plan"), story.Run.ConfigSha256);
    }

    [Fact]
    public void T23_Start_OfAPlanThatWasNotApproved_IsDeclined()
    {
        Assert.Equal(ErrorCodes.PlanNotApproved.Name, Approved().Then(Received(Start(1, plan: "another plan"))).The<SendDecline>().Body.Reason);
        Assert.Equal(ErrorCodes.PlanNotApproved.Name, Refused().Then(Received(Start(1))).The<SendDecline>().Body.Reason);
    }

    [Fact]
    public void T25_Start_SameRoundWithOtherContent_RaisesAnAlarmAndChangesNothing()
    {
        PlainStartBody other = Start(1) with { Cohort = [1, 2] };
        SiloStory story = Training().Then(Received(other));

        RaiseAlarm alarm = story.The<RaiseAlarm>();
        Assert.Equal(ErrorCodes.RoundConflict.Name, alarm.Code);
        Assert.Equal<Sha256Digest>([First, Rid(other)], alarm.Evidence);
        Assert.Equal(First, story.Run.Round!.Rid);
        Assert.Single(story.Effects);
    }

    [Theory]
    [InlineData(0, "forged")]
    [InlineData(1, "v1")]
    [InlineData(7, "v7")]
    public void T26_Start_ModelOutsideTheChain_IsDeclinedWithAnAlarm(int version, string model)
    {
        SiloStory story = Approved().Then(Received(Start(1, version, model)));

        Assert.Equal(ErrorCodes.ModelNotInChain.Name, story.The<SendDecline>().Body.Reason);
        Assert.Equal(ErrorCodes.ModelNotInChain.Name, story.The<RaiseAlarm>().Code);
        Assert.Empty(story.Effects.OfType<Train>());
    }

    [Fact]
    public void Start_WithTheResultThatThisSiloMissed_IsTaken()
    {
        SiloStory story = Approved().Then(Received(Start(2, version: 1), Result(Start(1))));

        Assert.Equal(2, story.The<Train>().Start.Round);
        Assert.Equal(new ModelReference(1, Hash("v1")), story.Run.Model);
    }

    [Fact]
    public void T26_Start_WithAResultOfALaterRound_DoesNotMoveTheChain()
    {
        PlainResultBody ahead = Result(Start(5)) with { Round = 5 };

        Assert.Equal(ErrorCodes.ModelNotInChain.Name, Approved().Then(Received(Start(2, version: 1), ahead)).The<SendDecline>().Body.Reason);
    }

    [Theory]
    [InlineData(0, "deadline_missed")]
    [InlineData(300, "deadline_missed")]
    [InlineData(301, "clock_skew")]
    public void Start_AfterItsDeadline_IsDeclined(int late, string reason)
    {
        PlainStartBody start = Start(1);

        SiloStory story = Approved().Then(Received(start, at: DateTimeOffset.FromUnixTimeSeconds(start.Deadline + late)));

        Assert.Equal(reason, story.The<SendDecline>().Body.Reason);
    }

    [Fact]
    public void Start_Again_GetsTheSameUpdateAndNoOtherTraining()
    {
        SiloStory story = Announced();
        SendUpdate first = story.The<SendUpdate>();

        story.Then(Received(Start(1)));

        Assert.Equal(first, story.The<SendUpdate>());
        Assert.Empty(story.Effects.OfType<Train>());
    }

    [Fact]
    public void Start_OlderRound_IsIgnored()
    {
        SiloStory story = Approved().Then(Received(Start(4)), Received(Start(3)));

        Assert.NotNull(story.Ignored);
    }

    [Fact]
    public void Start_NextRound_StopsTheTrainingOfTheLast()
    {
        SiloStory story = Training().Then(Received(Start(2)));

        Assert.Equal(First, story.The<StopTraining>().Rid);
        Assert.Equal(2, story.The<Train>().Start.Round);
    }

    [Fact]
    public void Upload_NameTaken_GoesToTheNextNameUntilThereIsNone()
    {
        SiloStory story = Uploading();
        for (int attempt = 0; attempt < UploadName.Attempts - 1; attempt++)
        {
            story.Then(new UploadRefused(Now, Job, First, attempt));
            Assert.Equal(attempt + 1, story.The<UploadUpdate>().Attempt);
        }

        story.Then(new UploadRefused(Now, Job, First, UploadName.Attempts - 1));

        Assert.Equal(ErrorCodes.UploadFailed.Name, story.The<SendDecline>().Body.Reason);
    }

    [Fact]
    public void Upload_OfARetiredKey_IsEncryptedAgainUnderTheNextName()
    {
        SiloStory story = Announced().Then(Again());

        UploadUpdate upload = story.The<UploadUpdate>();
        Assert.Equal((1, Hash("update")), (upload.Attempt, upload.Update.UpdateSha256));
        Assert.Equal(1, story.Then(new UpdateUploaded(Now, Job, First, 1)).The<SendUpdate>().Attempt);

        // The same message again, or one of an attempt that was not announced, changes nothing.
        Assert.NotNull(story.Then(Again()).Ignored);
        Assert.NotNull(story.Then(Again(attempt: 2)).Ignored);
        Assert.Equal(2, story.Then(Again(attempt: 1)).The<UploadUpdate>().Attempt);
    }

    [Fact]
    public void Upload_OfRetiredKeysWithoutEnd_IsGivenUp()
    {
        SiloStory story = Announced();
        for (int attempt = 0; attempt < UploadName.Attempts - 1; attempt++)
        {
            story.Then(Again(attempt), new UpdateUploaded(Now, Job, First, attempt + 1));
        }

        Assert.Equal(ErrorCodes.UploadFailed.Name, story.Then(Again(UploadName.Attempts - 1)).The<SendDecline>().Body.Reason);
    }

    [Fact]
    public void T12_Result_WithAnotherUpdateThanThisSilosOwn_RaisesAnAlarm()
    {
        SiloStory story = Announced().Then(new ResultReceived(Now, Result(Start(1), mine: "another")));

        Assert.Equal(ErrorCodes.ResultNotMine.Name, story.The<RaiseAlarm>().Code);
        Assert.Equal(0, story.Run.Model.Version);
        Assert.Equal(ErrorCodes.ResultNotMine.Name, Announced().Then(new ResultReceived(Now, Result(Start(1), weight: 9))).The<RaiseAlarm>().Code);
    }

    [Fact]
    public void T04_Result_TwoForOneVersion_RaiseAnAlarm()
    {
        SiloStory story = Announced().Then(new ResultReceived(Now, Result(Start(1))), new ResultReceived(Now, Result(Start(1)) with { NewModelSha256 = Hash("other v1") }));

        Assert.Equal(ErrorCodes.RoundConflict.Name, story.The<RaiseAlarm>().Code);
        Assert.Equal(Hash("v1"), story.Run.Model.Sha256);
    }

    [Fact]
    public void Training_UpdateOfAnotherLength_IsDeclined()
    {
        SiloStory story = Training().Then(new TrainingFinished(Now, Job, First, Hash("update"), 199, 1, NoFigures));

        Assert.Equal(ErrorCodes.UpdateLengthMismatch.Name, story.The<SendDecline>().Body.Reason);
    }

    [Fact]
    public void Deadline_WhileTraining_StopsAndDeclines()
    {
        SiloStory story = Training();
        SiloDeadline deadline = Assert.Single(SiloMachine.Deadlines(story.State));

        story.Then(new SiloDeadlineReached(deadline.At, Job, deadline.Rid));

        Assert.Equal(ErrorCodes.DeadlineMissed.Name, story.The<SendDecline>().Body.Reason);
        Assert.Equal(First, story.The<StopTraining>().Rid);
        Assert.Empty(SiloMachine.Deadlines(story.State));
    }

    [Fact]
    public void Held_UpdateLeavesOnlyWhenTheRoundIsWitnessed()
    {
        SiloStory story = Held();
        Assert.Equal(First, story.The<AwaitWitnesses>().Rid);
        Assert.Empty(story.Effects.OfType<UploadUpdate>());

        story.Then(new RoundWitnessed(Now, Job, Rid(Start(2)), 7));
        Assert.NotNull(story.Ignored);
        story.Then(new RoundWitnessed(Now, Job, First, 7));

        Assert.Equal(Hash("update"), story.The<UploadUpdate>().Update.UpdateSha256);
        Assert.Equal(0, story.The<UploadUpdate>().Attempt);
    }

    [Fact]
    public void Held_StartAgain_SendsNothing() => Assert.Empty(Held().Then(Received(Start(1))).Effects);

    [Fact]
    public void Deadline_WhileHeld_DeclinesWithACodeOfItsOwn()
    {
        SiloStory story = Held();
        SiloDeadline deadline = Assert.Single(SiloMachine.Deadlines(story.State));

        story.Then(new SiloDeadlineReached(deadline.At, Job, deadline.Rid));

        Assert.Equal(ErrorCodes.RoundNotLogged.Name, story.The<SendDecline>().Body.Reason);
        Assert.Single(story.Effects);
        Assert.Empty(SiloMachine.Deadlines(story.State));
    }

    [Fact]
    public void Misrecorded_Round_IsDeclinedWithAnAlarm()
    {
        SiloStory story = Held().Then(new RoundMisrecorded(Now, Job, First, Hash("entry")));

        Assert.Equal(ErrorCodes.RoundMisrecorded.Name, story.The<SendDecline>().Body.Reason);
        Assert.Equal<Sha256Digest>([First, Hash("entry")], story.The<RaiseAlarm>().Evidence);
    }

    [Theory]
    [InlineData("training")]
    [InlineData("held")]
    [InlineData("uploading")]
    public void LogRefused_OpenRound_IsDeclinedAndNoneIsTakenUntilItIsResumed(string phase)
    {
        SiloStory story = Table[phase].Story().Then(new LogRefused(Now, "log_fork", [Hash("kept"), Hash("shown")]));

        Assert.Equal("log_fork", story.The<SendDecline>().Body.Reason);
        Assert.Equal(phase == "training", story.Effects.OfType<StopTraining>().Any());
        Assert.Equal((null, "log_fork", 2), (story.The<RaiseAlarm>().Job, story.The<RaiseAlarm>().Code, story.The<RaiseAlarm>().Evidence.Length));
        Assert.NotNull(story.Then(new LogRefused(Now, "checkpoint_older", [])).Ignored);
        Assert.Equal("log_fork", story.Then(Received(Start(2))).The<SendDecline>().Body.Reason);

        story.Then(new LogResumed(Now), Received(Start(3)));

        Assert.Equal(3, story.The<Train>().Start.Round);
    }

    [Fact]
    public void Effects_OfARoundThatIsOver_AreObsolete()
    {
        SiloStory held = Held();
        AwaitWitnesses awaited = held.The<AwaitWitnesses>();
        Assert.False(SiloMachine.IsObsolete(held.State, awaited));
        Assert.True(SiloMachine.IsObsolete(held.Then(Received(Start(2))).State, awaited));

        SiloStory training = Training();
        Train train = training.The<Train>();
        Assert.False(SiloMachine.IsObsolete(training.State, train));
        Assert.True(SiloMachine.IsObsolete(training.Then(Received(Start(2))).State, train));

        SiloStory uploading = Uploading();
        UploadUpdate upload = uploading.The<UploadUpdate>();
        Assert.False(SiloMachine.IsObsolete(uploading.State, upload));
        Assert.True(SiloMachine.IsObsolete(uploading.Then(new SiloDeadlineReached(Now.AddSeconds(60), Job, First)).State, upload));

        SiloStory over = Over();
        Assert.True(SiloMachine.IsObsolete(over.State, new FetchBaseModel(Job)));
        Assert.False(SiloMachine.IsObsolete(over.State, new ForgetRound(Job, 1)));
    }

    [Fact]
    public void Ended_BeforeItsOffer_BindsNothing()
    {
        SiloStory story = new SiloStory().Then(new EndedReceived(Now, Ended("failed"), EvaluationWanted: false));
        Assert.Empty(story.Effects);

        story.Then(new OfferReceived(Now, Offer(), 1, null));

        Assert.NotNull(story.Ignored);
        Assert.Equal(SiloRunPhase.Ended, story.Run.Phase);
    }

    [Fact]
    public void Ended_WithoutFigures_SaysSoAtOnce()
    {
        SiloStory story = Approved().Then(new EndedReceived(Now, Ended(), EvaluationWanted: false));

        Assert.Empty(story.The<SendMetrics>().Body.Values);
        Assert.Equal(9, story.The<SendMetrics>().Body.Round);
    }

    private static UploadAgainReceived Again(int attempt = 0) => new(
        Now, new UploadAgainBody { Type = RunBody.UploadAgain, Job = Job, Round = 1, Rid = First, Idx = 1, Upload = RunBody.Update, Attempt = attempt });
}
