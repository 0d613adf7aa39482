// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.Rounds;

/// <summary>A training run as a pure function: prepare version 0, ask the silos, run round after round, evaluate, end.</summary>
public static partial class RunMachine
{
    private const string AnswersKey = "answers";
    private const string EvaluationKey = "evaluation";

    // The one table of what a run does in which phase. What is not in it is ignored, and the step says so.
    private static readonly FrozenDictionary<(RunPhase Phase, Type Event), Transition> Transitions = new Dictionary<(RunPhase, Type), Transition>
    {
        [(RunPhase.Preparing, typeof(InitialModelReady))] = static (s, e) => OnInitialModelReady(s, (InitialModelReady)e),
        [(RunPhase.Preparing, typeof(InitialModelFailed))] = static (s, e) => Fail(s, e.At, ((InitialModelFailed)e).Reason),
        [(RunPhase.Preparing, typeof(CancelRequested))] = static (s, e) => End(s, RunPhase.Cancelled, e.At, ErrorCodes.RunCancelled.Name),
        [(RunPhase.Preparing, typeof(RosterChanged))] = static (s, e) => OnRosterChanged(s, (RosterChanged)e),
        [(RunPhase.AwaitingAnswers, typeof(PlanAnswered))] = static (s, e) => OnAnswered(s, (PlanAnswered)e),
        [(RunPhase.AwaitingAnswers, typeof(DeadlineReached))] = static (s, e) => OnAnswersDue(s, (DeadlineReached)e),
        [(RunPhase.AwaitingAnswers, typeof(CancelRequested))] = static (s, e) => End(s, RunPhase.Cancelled, e.At, ErrorCodes.RunCancelled.Name),
        [(RunPhase.AwaitingAnswers, typeof(RosterChanged))] = static (s, e) => OnRosterChanged(s, (RosterChanged)e),
        [(RunPhase.Running, typeof(PlanAnswered))] = static (s, e) => OnLateAnswer(s, (PlanAnswered)e),
        [(RunPhase.Running, typeof(UpdateAnnounced))] = StepRound,
        [(RunPhase.Running, typeof(UpdateVerified))] = StepRound,
        [(RunPhase.Running, typeof(UpdateRejected))] = StepRound,
        [(RunPhase.Running, typeof(RoundDeclined))] = StepRound,
        [(RunPhase.Running, typeof(MetricsReported))] = StepRound,
        [(RunPhase.Running, typeof(SlotGranted))] = static (s, e) => OnSlotGranted(s, (SlotGranted)e),
        [(RunPhase.Running, typeof(ConsistencyReceived))] = StepRound,
        [(RunPhase.Running, typeof(UnmaskReceived))] = StepRound,
        [(RunPhase.Running, typeof(SumNeedsMore))] = StepRound,
        [(RunPhase.Running, typeof(SumFailed))] = StepRound,
        [(RunPhase.Running, typeof(BurnedReceived))] = static (s, e) => OnBurned(s, (BurnedReceived)e),
        [(RunPhase.Running, typeof(AggregateReady))] = StepRound,
        [(RunPhase.Running, typeof(AggregateFailed))] = StepRound,
        [(RunPhase.Running, typeof(VersionPublished))] = StepRound,
        [(RunPhase.Running, typeof(ChannelMoved))] = StepRound,
        [(RunPhase.Running, typeof(DeadlineReached))] = StepRound,
        [(RunPhase.Running, typeof(CancelRequested))] = static (s, e) => StepRound(s with { CancelRequested = true }, e) with { Ignored = null },
        [(RunPhase.Running, typeof(RosterChanged))] = static (s, e) => OnRosterChangedInRound(s, (RosterChanged)e),
        [(RunPhase.Evaluating, typeof(MetricsReported))] = static (s, e) => OnFinalMetrics(s, (MetricsReported)e),
        [(RunPhase.Evaluating, typeof(DeadlineReached))] = static (s, e) => OnEvaluationDue(s, (DeadlineReached)e),
        [(RunPhase.Evaluating, typeof(CancelRequested))] = static (s, e) => Complete(s, e.At, []),
        [(RunPhase.Evaluating, typeof(RosterChanged))] = static (s, e) => CompleteIfEvaluated(WithRoster(s, (RosterChanged)e), e.At, []),
    }.ToFrozenDictionary();

    private delegate RunStep Transition(RunState state, RunEvent @event);

    /// <summary>Begins a run.</summary>
    /// <param name="config">The validated plan.</param>
    /// <param name="roster">The federation's roster.</param>
    /// <param name="at">The coordinator's time.</param>
    public static RunStep Submit(RunConfig config, RosterView roster, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(roster);
        RunState state = new()
        {
            Config = config,
            ConfigSha256 = config.Digest,
            Roster = roster,
            Phase = RunPhase.Preparing,
            Silos = roster.Members.Keys.ToImmutableSortedDictionary(silo => silo, _ => new SiloStanding(Approval.Pending, string.Empty)),
            SubmittedAt = at,
        };
        return new RunStep(state, [new PrepareInitialModel()]);
    }

    /// <summary>Takes one event.</summary>
    /// <param name="state">The run.</param>
    /// <param name="event">The event.</param>
    /// <returns>The new state, effects, and why the event was ignored where it was.</returns>
    public static RunStep Step(RunState state, RunEvent @event)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(@event);
        if (@event is RosterChanged changed && changed.Roster.Version <= state.Roster.Version)
        {
            return Ignore(state, "the roster is known");
        }

        return Transitions.TryGetValue((state.Phase, @event.GetType()), out Transition? transition)
            ? transition(state, @event)
            : Ignore(state, "not expected in this phase of the run");
    }

    /// <summary>The next deadline that the host must report with <see cref="DeadlineReached"/>, or null when none is running.</summary>
    public static RunDeadline? NextDeadline(RunState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state switch
        {
            { Phase: RunPhase.AwaitingAnswers, AnswersDue: { } due } => new RunDeadline(AnswersKey, due),
            { Phase: RunPhase.Running, Round: { } round } => RoundMachine.NextDeadline(round),
            { Phase: RunPhase.Evaluating, EvaluationDue: { } due } => new RunDeadline(EvaluationKey, due),
            _ => null,
        };
    }

    private static RunStep StartRound(RunState state, DateTimeOffset at, ImmutableArray<RunEffect> before)
    {
        if (state.IsSecure)
        {
            return OpenRound(state, state.LastRound + 1, attempt: 1, at, before);
        }

        if (state.Model is not { } model || state.UpdateLengths is not { } lengths)
        {
            throw new InvalidOperationException("a run starts rounds only after version 0 exists");
        }

        int round = state.LastRound + 1;
        ParticipationPlan participation = state.Config.Participation;
        ImmutableArray<SiloId> cohort = Cohort.Select(state.Participants(), participation.CohortSize, state.ConfigSha256, round);
        if (cohort.Length < participation.Quorum)
        {
            return Fail(state with { Round = null }, at, ErrorCodes.QuorumNotMet.Name, before);
        }

        ExchangedFactor exchanged = state.Config.FactorsOf(state.CommittedRounds);
        DateTimeOffset deadline = at + TimeSpan.FromSeconds(participation.RoundDeadline);
        PlainStartBody start = new()
        {
            Type = PlainBody.Start,
            Federation = state.Config.Federation,
            RosterSha256 = state.Roster.Sha256,
            Job = state.Config.Job,
            Round = round,
            ConfigSha256 = state.ConfigSha256,
            ModelVersion = model.Version,
            ModelSha256 = model.Sha256,
            Exchanged = exchanged.ToWire(),
            UpdateLen = lengths.Of(exchanged),
            Cohort = [.. cohort.Select(silo => state.Roster.Members[silo])],
            Deadline = deadline.ToUnixTimeSeconds(),
        };
        RoundState opened = new()
        {
            Round = round,
            Rid = start.Rid(),
            Start = RoundOpening.Of(start),
            Phase = RoundPhase.Collecting,
            Members = cohort.ToImmutableSortedDictionary(
                silo => silo,
                silo => new RoundMember { Idx = state.Roster.Members[silo], Phase = MemberPhase.Invited }),
            Quorum = participation.Quorum,
            StartedAt = at,
            Deadline = deadline,
        };
        return new RunStep(
            state with { Round = opened, LastRound = round },
            [.. before, new SendStart(cohort, start, state.LastResult)]);
    }

    private static RunStep StepRound(RunState state, RunEvent @event)
    {
        if (state.Round is not { } round)
        {
            return Ignore(state, "no round is in progress");
        }

        RoundStep step = RoundMachine.Step(state.Config, round, @event);
        RunState next = state with { Round = step.State };
        return step.State.Phase switch
        {
            RoundPhase.Committed => OnCommitted(next, step.State, @event.At),
            RoundPhase.Abandoned => OnAbandoned(next, step.State, @event.At),
            _ => new RunStep(next, step.Effects, step.Ignored),
        };
    }

    private static RunStep OnCommitted(RunState state, RoundState round, DateTimeOffset at)
    {
        AggregateReference aggregate = round.Aggregate ?? throw new InvalidOperationException("a committed round has an aggregate");
        ModelReference model = new(round.Start.ModelVersion + 1, aggregate.NewModelSha256);
        if (round.Secure is not null)
        {
            return OnOpened(state, round, aggregate, model, at);
        }

        PlainResultBody result = new()
        {
            Type = PlainBody.Result,
            Rid = round.Rid,
            Job = state.Config.Job,
            Round = round.Round,
            Members = [.. round.Contributors().Select(member => new PlainMember(member.Value.Idx, Digest(member.Value), Weight(member.Value)))],
            AggregateSha256 = aggregate.AggregateSha256,
            ModelVersion = model.Version,
            NewModelSha256 = model.Sha256,
        };
        RunState next = Commit(state, model) with { LastResult = result };
        return GoOn(next, at, [new RecordRound(RoundRecord.Of(state, round, "committed", at, model)), new SendResult([.. next.Participants()], result)]);
    }

    private static RunState Commit(RunState state, ModelReference model) => state with
    {
        Model = model,
        CommittedRounds = state.CommittedRounds + 1,
        AbandonedInARow = 0,
    };

    private static RunStep GoOn(RunState next, DateTimeOffset at, ImmutableArray<RunEffect> effects)
    {
        if (next.CancelRequested)
        {
            return End(next, RunPhase.Cancelled, at, ErrorCodes.RunCancelled.Name, effects);
        }

        return next.CommittedRounds == next.Config.Rounds
            ? Evaluate(next with { Round = null }, at, effects)
            : StartRound(next, at, effects);
    }

    private static RunStep OnAbandoned(RunState state, RoundState round, DateTimeOffset at)
    {
        PlainAbandonedBody body = new()
        {
            Type = PlainBody.Abandoned,
            Rid = round.Rid,
            Job = state.Config.Job,
            Round = round.Round,
            Reason = round.Reason ?? throw new InvalidOperationException("an abandoned round has a reason"),
        };
        RunState next = state with { AbandonedInARow = state.AbandonedInARow + 1 };
        SendAbandoned tell = new([.. round.Members.Keys.Where(state.Roster.Members.ContainsKey)], body);
        if (round.Secure is not null)
        {
            return OnSecureAbandoned(next, round, tell, at);
        }

        ImmutableArray<RunEffect> effects = [new RecordRound(RoundRecord.Of(state, round, "abandoned", at, newModel: null)), tell];
        if (next.CancelRequested)
        {
            return End(next, RunPhase.Cancelled, at, ErrorCodes.RunCancelled.Name, effects);
        }

        return next.AbandonedInARow > next.Config.Participation.MaxAbandonedRounds
            ? Fail(next, at, body.Reason, effects)
            : StartRound(next, at, effects);
    }

    private static RunStep OnRosterChanged(RunState state, RosterChanged changed)
    {
        RunState next = WithRoster(state, changed);
        if (next.Phase != RunPhase.AwaitingAnswers)
        {
            return new RunStep(next, []);
        }

        // A silo that has the new roster already cannot place an offer that names the old one.
        return next.Silos.Values.Any(silo => silo.Approval == Approval.Pending) ? new RunStep(next, [OfferOf(next)]) : Begin(next, changed.At);
    }

    // A silo that left counts as refused; one that joined takes part in the next run, not in this one.
    private static RunState WithRoster(RunState state, RosterChanged changed)
    {
        ImmutableSortedDictionary<SiloId, SiloStanding> silos = state.Silos;
        foreach (SiloId silo in state.Silos.Keys.Where(silo => !changed.Roster.Members.ContainsKey(silo)))
        {
            silos = silos.SetItem(silo, new SiloStanding(Approval.Refused, ErrorCodes.SiloRevoked.Name));
        }

        return state with { Roster = changed.Roster, Silos = silos };
    }

    private static Sha256Digest Digest(RoundMember member) => member.Update?.Sha256 ?? throw new InvalidOperationException("a contributor has an update");

    private static long Weight(RoundMember member) => member.Update?.Weight ?? throw new InvalidOperationException("a contributor has an update");

    private static RunStep Ignore(RunState state, string reason) => new(state, [], reason);
}
