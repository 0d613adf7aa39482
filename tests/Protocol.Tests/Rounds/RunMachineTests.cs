// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using Xunit;

namespace FedCloud.Protocol.Tests.Rounds;

public sealed class RunMachineTests
{
    private static readonly DateTimeOffset Now = RunStory.Start;
    private static readonly SiloId Silo = RunStory.Silos[0];

    // Which events are taken where; every other pair of the product must change nothing.
    private static readonly Dictionary<string, (Func<RunStory> Story, string[] Taken)> Table = new(StringComparer.Ordinal)
    {
        ["preparing"] = (() => RunStory.Submitted(), ["InitialModelReady", "InitialModelFailed", "CancelRequested", "RosterChanged"]),
        ["awaiting answers"] = (() => RunStory.Offered(), ["PlanAnswered", "DeadlineReached", "CancelRequested", "RosterChanged"]),
        ["collecting"] = (() => RunStory.Collecting().Then(new UpdateAnnounced(Now, Silo, RunStory.Collecting().Rid, RunStory.Update(Silo))), ["UpdateVerified", "UpdateRejected", "RoundDeclined", "MetricsReported", "DeadlineReached", "CancelRequested", "RosterChanged"]),
        ["collecting, nobody announced"] = (() => RunStory.Collecting(), ["UpdateAnnounced", "UpdateVerified", "RoundDeclined", "MetricsReported", "DeadlineReached", "CancelRequested", "RosterChanged"]),
        ["aggregating"] = (() => RunStory.Aggregating(), ["AggregateReady", "AggregateFailed", "MetricsReported", "CancelRequested", "RosterChanged"]),
        ["publishing"] = (() => RunStory.Publishing(), ["VersionPublished", "MetricsReported", "CancelRequested", "RosterChanged"]),
        ["moving the channel"] = (() => RunStory.Moving(), ["ChannelMoved", "MetricsReported", "CancelRequested", "RosterChanged"]),
        ["evaluating"] = (() => RunStory.Evaluating(), ["MetricsReported", "DeadlineReached", "CancelRequested", "RosterChanged"]),
        ["completed"] = (() => RunStory.Completed(), []),
        ["failed"] = (() => RunStory.Submitted().Then(new InitialModelFailed(Now, ErrorCodes.BaseModelMissing.Name)), []),
        ["cancelled"] = (() => RunStory.Offered().Then(new CancelRequested(Now)), []),
    };

    public static TheoryData<string> Phases => [.. Table.Keys];

    [Theory]
    [MemberData(nameof(Phases))]
    public void Step_EveryEventInEveryPhase_IsTakenOrChangesNothing(string phase)
    {
        (Func<RunStory> story, string[] taken) = Table[phase];
        foreach (RunEvent @event in Events(story().State))
        {
            RunState before = story().State;
            RunStep step = RunMachine.Step(before, @event);
            string name = @event.GetType().Name;

            if (taken.Contains(name, StringComparer.Ordinal))
            {
                Assert.True(step.Ignored is null, $"{phase}: {name} is ignored: {step.Ignored}");
            }
            else
            {
                Assert.True(step.Ignored is not null, $"{phase}: {name} is taken");
                Assert.Empty(step.Effects);
                Assert.Same(before.Config, step.State.Config);
                Assert.Equal(before with { Round = null }, step.State with { Round = null });
                Assert.Equal(before.Round?.Phase, step.State.Round?.Phase);
            }
        }
    }

    [Fact]
    public void Run_TwoRounds_CommitsGaplessVersionsAndEnds()
    {
        RunStory story = RunStory.Completed();

        Assert.Equal(RunPhase.Completed, story.State.Phase);
        Assert.Equal(2, story.State.CommittedRounds);
        Assert.Equal(new ModelReference(2, RunStory.Hash("v2")), story.State.Model);
        Assert.Equal("evaluation", story.The<RecordRound>().Record.Outcome);
    }

    [Fact]
    public void Figures_OfARound_AreTakenOnceAndKept()
    {
        RunStory story = RunStory.Collecting().Then(Figures(1, "3.5"));

        Assert.Equal("3.5", story.State.Round!.Members[Silo].Metrics["eval_loss"]);
        Assert.Equal(new KeepFigures(Silo, 1, RunStory.Signed), story.The<KeepFigures>());

        story.Then(Figures(1, "1"));
        Assert.NotNull(story.Ignored);
        Assert.Empty(story.Effects);
        Assert.Equal("3.5", story.State.Round!.Members[Silo].Metrics["eval_loss"]);
    }

    [Fact]
    public void Figures_OfTheLastVersion_AreKeptBeforeTheRunIsRecorded()
    {
        RunStory story = RunStory.Evaluating();
        story.Then([.. RunStory.Silos.Select(silo => Figures(3, "2.25") with { Silo = silo })]);

        Assert.Equal(RunPhase.Completed, story.State.Phase);
        Assert.Equal(["KeepFigures", "RecordRound"], story.Effects.Select(effect => effect.GetType().Name));
        Assert.Equal(new KeepFigures(RunStory.Silos[2], 3, RunStory.Signed), story.The<KeepFigures>());
    }

    [Fact]
    public void T27_Figures_ThatThePlanDoesNotAdmit_AreNeitherTakenNorKept()
    {
        RunStory story = RunStory.Collecting("metrics.eval_loss=false").Then(Figures(1, "3.5"));
        Assert.NotNull(story.Ignored);
        Assert.Empty(story.Effects);
        Assert.Empty(story.State.Round!.Members[Silo].Metrics);

        // Under a claim the run still waits for answers without figures; what comes with some counts as one without.
        RunState evaluating = RunStory.Evaluating().State;
        RunState claimed = evaluating with { Config = evaluating.Config with { Privacy = evaluating.Config.Privacy with { Claim = PrivacyClaim.Example } } };
        Assert.False(claimed.Config.AdmitsFigures);
        RunStep step = RunMachine.Step(claimed, Figures(3, "3.5"));
        Assert.Empty(step.Effects);
        Assert.Empty(step.State.FinalMetrics[Silo]);

        RunStep open = RunMachine.Step(claimed with { Config = claimed.Config with { Data = "public" } }, Figures(3, "3.5"));
        Assert.Equal(new KeepFigures(Silo, 3, RunStory.Signed), Assert.Single(open.Effects));
    }

    [Fact]
    public void Offer_AfterRosterChange_GoesAgainToWhoHasNotAnswered()
    {
        RunStory story = RunStory.Offered().Then(new PlanAnswered(Now, RunStory.Silos[1], Approved: true, string.Empty));

        RosterView next = RunStory.Roster(2, RunStory.Silos[0], RunStory.Silos[1]);
        story.Then(new RosterChanged(Now, next));

        SendOffer offer = story.The<SendOffer>();
        Assert.Equal<SiloId>([RunStory.Silos[0]], offer.To);
        Assert.Equal(next.Sha256, offer.Body.RosterSha256);
        Assert.Equal(new SiloStanding(Approval.Refused, ErrorCodes.SiloRevoked.Name), story.State.Silos[RunStory.Silos[2]]);
    }

    [Fact]
    public void RosterChanged_KnownOrOlder_IsIgnored()
    {
        RunStory story = RunStory.Collecting().Then(new RosterChanged(Now, RunStory.Roster(1, RunStory.Silos[0])));

        Assert.NotNull(story.Ignored);
        Assert.Equal(3, story.State.Roster.Members.Count);
    }

    [Fact]
    public void Round_BelowQuorum_IsAbandonedAndSaidSo()
    {
        RunStory story = RunStory.Collecting();
        Sha256Digest rid = story.Rid;
        story.Then(new RoundDeclined(Now, RunStory.Silos[0], rid, ErrorCodes.TrainerFailed.Name), new RoundDeclined(Now, RunStory.Silos[1], rid, ErrorCodes.DataEmpty.Name));

        SendAbandoned told = story.The<SendAbandoned>();
        Assert.Equal(ErrorCodes.QuorumNotMet.Name, told.Body.Reason);
        Assert.Equal(rid, told.Body.Rid);
        RoundRecord record = story.The<RecordRound>().Record;
        Assert.Equal("abandoned", record.Outcome);
        Assert.Equal(ErrorCodes.DataEmpty.Name, record.Members[RunStory.Silos[1]].Reason);
        Assert.Equal(2, story.State.Round!.Round);
    }

    [Theory]
    [InlineData("", 30)]
    [InlineData("participation.step_timeout=20", 20)]
    [InlineData("participation.step_timeout=20;participation.answer_timeout=86400", 86_400)]
    public void Offer_IsWaitedForAsLongAsThePlanGivesSilosToAnswer(string plan, int seconds)
    {
        RunStory story = RunStory.Offered(plan);

        Assert.Equal(RunStory.Start.AddSeconds(seconds), RunMachine.NextDeadline(story.State)!.At);
        Assert.Equal(RunStory.Start.AddSeconds(seconds).ToUnixTimeSeconds(), story.The<SendOffer>().Body.AnswerBy);
    }

    [Fact]
    public void Round_Stragglers_AreLeftBehindWhenTheGraceEnds()
    {
        RunStory story = RunStory.Collecting();
        Sha256Digest rid = story.Rid;
        foreach (SiloId silo in RunStory.Silos.Take(2))
        {
            story.Then(new UpdateAnnounced(Now, silo, rid, RunStory.Update(silo)), new UpdateVerified(Now, silo, rid, RunStory.Update(silo)));
        }

        RunDeadline grace = RunMachine.NextDeadline(story.State)!;
        Assert.Equal(Now.AddSeconds(10), grace.At);
        story.Then(new DeadlineReached(grace.At.AddSeconds(-1), grace.Key));
        Assert.NotNull(story.Ignored);
        story.Then(new DeadlineReached(grace.At, grace.Key));

        Assert.Equal([RunStory.Silos[0], RunStory.Silos[1]], story.The<AggregateRound>().Summands.Select(summand => summand.Silo));
        Assert.Equal(ErrorCodes.DeadlineMissed.Name, story.State.Round!.Members[RunStory.Silos[2]].Reason);
    }

    [Fact]
    public void T35_Update_ForgedFrameFirst_DoesNotShutOutTheTrueOne()
    {
        RunStory story = RunStory.Collecting();
        Sha256Digest rid = story.Rid;
        story.Then(new UpdateAnnounced(Now, Silo, rid, RunStory.Update(Silo, attempt: 3)));
        story.Then(new UpdateAnnounced(Now, Silo, rid, RunStory.Update(Silo, attempt: 0)));
        Assert.Equal(0, story.The<VerifyUpdate>().Update.Attempt);

        story.Then(new UpdateRejected(Now, Silo, rid, RunStory.Update(Silo, attempt: 3), ErrorCodes.UpdateMissing.Name));
        Assert.NotNull(story.Ignored);
        story.Then(new UpdateVerified(Now, Silo, rid, RunStory.Update(Silo, attempt: 0)));

        Assert.Equal(MemberPhase.Verified, story.State.Round!.Members[Silo].Phase);
    }

    [Fact]
    public void Update_OfARetiredKey_IsAskedForAgain()
    {
        RunStory story = RunStory.Collecting();
        Sha256Digest rid = story.Rid;
        story.Then(new UpdateAnnounced(Now, Silo, rid, RunStory.Update(Silo, attempt: 2)));

        story.Then(new UpdateRejected(Now, Silo, rid, RunStory.Update(Silo, attempt: 2), ErrorCodes.KeyRetired.Name));

        AskAgain asked = story.The<AskAgain>();
        Assert.Equal((Silo, RunBody.Update, 2, rid), (asked.To, asked.Body.Upload, asked.Body.Attempt, asked.Body.Rid));
        Assert.Equal(MemberPhase.Invited, story.State.Round!.Members[Silo].Phase);
        Assert.Equal(3, story.Then(new UpdateAnnounced(Now, Silo, rid, RunStory.Update(Silo, attempt: 3))).The<VerifyUpdate>().Update.Attempt);
    }

    [Fact]
    public void Aggregate_OfARetiredKey_CollectsThatUpdateAgain()
    {
        RunStory story = RunStory.Aggregating();
        Sha256Digest rid = story.Rid;
        UpdateReference update = story.State.Round!.Members[Silo].Update!;

        story.Then(new AggregateFailed(Now, rid, Silo, ErrorCodes.KeyRetired.Name));

        Assert.Equal((RoundPhase.Collecting, MemberPhase.Invited), (story.State.Round!.Phase, story.State.Round.Members[Silo].Phase));
        Assert.Equal(update.Attempt, story.The<AskAgain>().Body.Attempt);

        // The others are checked again: one whose key version has ended too is asked as well, and who passes stays.
        (SiloId other, RoundMember before) = story.State.Round.Contributors().First();
        Assert.Contains(story.Effects.OfType<VerifyUpdate>(), verify => verify.Silo == other && verify.Update == before.Update);
        Assert.NotNull(story.Then(new UpdateVerified(Now, other, rid, before.Update!)).Ignored);
        Assert.Equal(other, story.Then(new UpdateRejected(Now, other, rid, before.Update!, ErrorCodes.KeyRetired.Name)).The<AskAgain>().To);
        story.Then(new UpdateAnnounced(Now, other, rid, before.Update! with { Attempt = 1 }), new UpdateVerified(Now, other, rid, before.Update! with { Attempt = 1 }));

        story.Then(new UpdateAnnounced(Now, Silo, rid, update with { Attempt = 1 }), new UpdateVerified(Now, Silo, rid, update with { Attempt = 1 }));
        Assert.Contains(story.The<AggregateRound>().Summands, summand => summand.Silo == Silo && summand.Update.Attempt == 1);
    }

    [Fact]
    public void T06_Message_OfAnotherRound_IsIgnored()
    {
        Sha256Digest other = RunStory.Hash("another round");
        RunEvent[] events =
        [
            new UpdateAnnounced(Now, Silo, other, RunStory.Update(Silo)),
            new UpdateVerified(Now, Silo, other, RunStory.Update(Silo)),
            new UpdateRejected(Now, Silo, other, RunStory.Update(Silo), ErrorCodes.UpdateMissing.Name),
            new RoundDeclined(Now, Silo, other, ErrorCodes.TrainerFailed.Name),
            new MetricsReported(Now, Silo, 7, ImmutableSortedDictionary<string, string>.Empty.Add("eval_loss", "1"), RunStory.Signed),
        ];
        foreach (RunEvent @event in events)
        {
            RunStory story = RunStory.Collecting().Then(@event);

            Assert.True(story.Ignored is not null, @event.GetType().Name);
            Assert.Equal(MemberPhase.Invited, story.State.Round!.Members[Silo].Phase);
        }

        Assert.NotNull(RunStory.Aggregating().Then(new AggregateReady(Now, other, new AggregateReference { AggregateSha256 = other, NewModelSha256 = other, Norm = 1 })).Ignored);
    }

    [Fact]
    public void Update_SecondOneOfASilo_IsIgnored()
    {
        RunStory story = RunStory.Collecting();
        story.Then(new UpdateAnnounced(Now, Silo, story.Rid, RunStory.Update(Silo)));

        story.Then(new UpdateAnnounced(Now, Silo, story.Rid, RunStory.Update(Silo) with { Sha256 = RunStory.Hash("another") }));

        Assert.NotNull(story.Ignored);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Update_WeightOutOfRange_DropsTheSilo(long weight)
    {
        RunStory story = RunStory.Collecting();
        story.Then(new UpdateAnnounced(Now, Silo, story.Rid, RunStory.Update(Silo, weight: weight)));

        Assert.Equal(ErrorCodes.WeightOutOfRange.Name, story.State.Round!.Members[Silo].Reason);
        Assert.Empty(story.Effects);
    }

    [Fact]
    public void Aggregate_AboveTheNormLimit_AbandonsTheRound()
    {
        RunStory story = RunStory.Aggregating("aggregation.aggregate_norm_max=0.5").ThenAggregate();

        Assert.Equal(ErrorCodes.GateFailed.Name, story.The<SendAbandoned>().Body.Reason);
    }

    [Fact]
    public void Aggregate_UpdateGone_GoesOnWithTheOthers()
    {
        RunStory story = RunStory.Aggregating();
        story.Then(new AggregateFailed(Now, story.Rid, Silo, ErrorCodes.UpdateMissing.Name));

        Assert.Equal([RunStory.Silos[1], RunStory.Silos[2]], story.The<AggregateRound>().Summands.Select(summand => summand.Silo));
    }

    [Fact]
    public void Cancel_WhileAVersionIsPublished_EndsAfterTheCommit()
    {
        RunStory story = RunStory.Publishing().Then(new CancelRequested(Now));
        Assert.Equal(RunPhase.Running, story.State.Phase);

        story.Then(new VersionPublished(Now, 1), new ChannelMoved(Now, 1));

        Assert.Equal(RunPhase.Cancelled, story.State.Phase);
        Assert.Equal(1, story.State.CommittedRounds);
        Assert.Equal("cancelled", story.The<SendEnded>().Body.Outcome);
    }

    [Fact]
    public void Run_TooManyAbandonedRounds_Fails()
    {
        RunStory story = RunStory.Collecting();
        for (int round = 0; round < 2; round++)
        {
            RunDeadline deadline = RunMachine.NextDeadline(story.State)!;
            story.Then(new DeadlineReached(deadline.At, deadline.Key));
        }

        Assert.Equal(RunPhase.Failed, story.State.Phase);
        Assert.Equal(ErrorCodes.QuorumNotMet.Name, story.State.Reason);
    }

    private static MetricsReported Figures(int round, string loss) => new(Now, Silo, round, ImmutableSortedDictionary<string, string>.Empty.Add("eval_loss", loss), RunStory.Signed);

    // One event of every kind, such as each would be taken where it belongs.
    private static ImmutableArray<RunEvent> Events(RunState state)
    {
        Sha256Digest rid = state.Round?.Rid ?? Sha256Digest.Zero;
        int version = (state.Round?.Start.ModelVersion ?? 0) + 1;
        DateTimeOffset late = Now.AddHours(1);
        ImmutableArray<RunEvent> events =
        [
            new InitialModelReady(Now, RunStory.Hash("v0"), new FactorSizes(100, 200, 300), new FactorSizes(25, 50, 75)),
            new InitialModelFailed(Now, ErrorCodes.BaseModelMissing.Name),
            new PlanAnswered(Now, Silo, Approved: true, string.Empty),
            new UpdateAnnounced(Now, Silo, rid, RunStory.Update(Silo)),
            new UpdateVerified(Now, Silo, rid, RunStory.Update(Silo)),
            new UpdateRejected(Now, Silo, rid, RunStory.Update(Silo), ErrorCodes.UpdateMissing.Name),
            new RoundDeclined(Now, Silo, rid, ErrorCodes.TrainerFailed.Name),
            new MetricsReported(Now, Silo, state.Phase == RunPhase.Running ? state.LastRound : state.LastRound + 1, ImmutableSortedDictionary<string, string>.Empty.Add("eval_loss", "1"), RunStory.Signed),
            new AggregateReady(Now, rid, new AggregateReference { AggregateSha256 = Sha256Digest.Zero, NewModelSha256 = Sha256Digest.Zero, Norm = 1 }),
            new AggregateFailed(Now, rid, Silo, ErrorCodes.UpdateMissing.Name),
            new VersionPublished(Now, version),
            new ChannelMoved(Now, version),
            new SlotGranted(Now, RunStory.Grant(state)),
            new ConsistencyReceived(Now, Silo, rid, Sha256Digest.Zero, Sha256Digest.Zero),
            new UnmaskReceived(Now, Silo, rid, new UnmaskReference(0, 300)),
            new BurnedReceived(Now, Silo, 1, rid, Sha256Digest.Zero),
            new SumNeedsMore(Now, rid, ImmutableSortedDictionary<int, string>.Empty),
            new SumFailed(Now, rid, ErrorCodes.SecretMismatch.Name, ImmutableSortedDictionary<int, string>.Empty),
            new DeadlineReached(late, RunMachine.NextDeadline(state)?.Key ?? "answers"),
            new CancelRequested(Now),
            new RosterChanged(Now, RunStory.Roster(2, RunStory.Silos[0], RunStory.Silos[1])),
        ];
        Assert.Equal(typeof(RunEvent).Assembly.GetTypes().Count(type => type.BaseType == typeof(RunEvent)), events.Length);
        return events;
    }
}
