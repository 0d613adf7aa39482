// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Silos;

/// <summary>The silo's side of runs and rounds as a pure function: answer plans, train, upload, announce, follow the chain of models.</summary>
/// <remarks>
/// A repeated request gets the same body again. An update leaves only once the log shows its round. A start is refused unless it rises, names the approved plan, and continues
/// the chain of committed versions. In a round with secure aggregation the slot phases stand between training and
/// announcing; the rest is common to both.
/// </remarks>
public static partial class SiloMachine
{
    // The one table: which event is taken in which phase of its run. 'null' stands for a run that this silo does not know.
    private static readonly FrozenDictionary<(string Phase, Type Event), Transition> Transitions = new Dictionary<(string, Type), Transition>
    {
        [(Unknown, typeof(OfferReceived))] = static (s, j, r, e) => OnOffer(s, (OfferReceived)e),
        [(Unknown, typeof(EndedReceived))] = static (s, j, r, e) => End(s, j, r),
        [(Unknown, typeof(StartReceived))] = static (s, j, r, e) => OnUnknownStart(s, (StartReceived)e),
        [(nameof(SiloRunPhase.Asked), typeof(OfferReceived))] = static (s, j, r, e) => OnOfferWhileAsked(s, r, (OfferReceived)e),
        [(nameof(SiloRunPhase.Asked), typeof(PlanDecided))] = static (s, j, r, e) => OnDecided(s, j, r, (PlanDecided)e),
        [(nameof(SiloRunPhase.Asked), typeof(StartReceived))] = static (s, j, r, e) => OnUnknownStart(s, (StartReceived)e),
        [(nameof(SiloRunPhase.Asked), typeof(EndedReceived))] = static (s, j, r, e) => End(s, j, r),
        [(nameof(SiloRunPhase.Refused), typeof(OfferReceived))] = static (s, j, r, e) => OnOfferAgain(s, r, (OfferReceived)e),
        [(nameof(SiloRunPhase.Refused), typeof(StartReceived))] = static (s, j, r, e) => OnUnknownStart(s, (StartReceived)e),
        [(nameof(SiloRunPhase.Refused), typeof(EndedReceived))] = static (s, j, r, e) => End(s, j, r),
        [(nameof(SiloRunPhase.Approved), typeof(OfferReceived))] = static (s, j, r, e) => OnOfferAgain(s, r, (OfferReceived)e),
        [(nameof(SiloRunPhase.Approved), typeof(StartReceived))] = static (s, j, r, e) => OnStart(s, j, r, (StartReceived)e),
        [(nameof(SiloRunPhase.Approved), typeof(TrainingFinished))] = static (s, j, r, e) => OnTrained(s, j, r, (TrainingFinished)e),
        [(nameof(SiloRunPhase.Approved), typeof(TrainingFailed))] = static (s, j, r, e) => OnTrainingFailed(s, j, r, (TrainingFailed)e),
        [(nameof(SiloRunPhase.Approved), typeof(RoundWitnessed))] = static (s, j, r, e) => OnWitnessed(s, j, r, (RoundWitnessed)e),
        [(nameof(SiloRunPhase.Approved), typeof(RoundMisrecorded))] = static (s, j, r, e) => OnMisrecorded(s, j, r, (RoundMisrecorded)e),
        [(nameof(SiloRunPhase.Approved), typeof(UpdateUploaded))] = static (s, j, r, e) => OnUploaded(s, j, r, (UpdateUploaded)e),
        [(nameof(SiloRunPhase.Approved), typeof(UploadRefused))] = static (s, j, r, e) => OnUploadRefused(s, j, r, (UploadRefused)e),
        [(nameof(SiloRunPhase.Approved), typeof(UploadAgainReceived))] = static (s, j, r, e) => OnUploadAgain(s, j, r, (UploadAgainReceived)e),
        [(nameof(SiloRunPhase.Approved), typeof(ResultReceived))] = static (s, j, r, e) => OnResult(s, j, r, (ResultReceived)e),
        [(nameof(SiloRunPhase.Approved), typeof(AbandonedReceived))] = static (s, j, r, e) => OnAbandoned(s, j, r, (AbandonedReceived)e),
        [(nameof(SiloRunPhase.Approved), typeof(EndedReceived))] = static (s, j, r, e) => OnEnded(s, j, r, (EndedReceived)e),
        [(nameof(SiloRunPhase.Approved), typeof(SiloDeadlineReached))] = static (s, j, r, e) => OnDeadline(s, j, r, (SiloDeadlineReached)e),
        [(nameof(SiloRunPhase.Approved), typeof(UpdateMasked))] = static (s, j, r, e) => OnMasked(s, j, r, (UpdateMasked)e),
        [(nameof(SiloRunPhase.Approved), typeof(VersionReceived))] = static (s, j, r, e) => FollowVersion(s, j, r, ((VersionReceived)e).Version),
        [(nameof(SiloRunPhase.Evaluating), typeof(EvaluationFinished))] = static (s, j, r, e) => OnEvaluated(s, j, r, (EvaluationFinished)e),
    }.ToFrozenDictionary();

    private const string Unknown = "Unknown";

    private delegate SiloStep Transition(SiloState state, RunId job, SiloRun run, SiloEvent @event);

    /// <summary>Takes one event.</summary>
    public static SiloStep Step(SiloState state, SiloEvent @event)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(@event);
        SiloStep step = Take(state, @event);
        return step.Ignored is null && @event.At > step.State.Latest ? step with { State = step.State with { Latest = @event.At } } : step;
    }

    private static SiloStep Take(SiloState state, SiloEvent @event)
    {
        return @event switch
        {
            LogRefused refused => OnLogRefused(state, refused),
            LogResumed => OnLogResumed(state),
            AgentRestarted restarted => OnRestarted(state, restarted),
            JournalOlder older => OnOlder(state, older),
            RosterFollowed roster => OnRoster(state, roster),
            EpochCalled called => OnCalled(state, called),
            EpochKeysMade made => OnKeysMade(state, made),
            ListReceived list => OnList(state, list),
            SharesDealt dealt => OnDealt(state, dealt),
            SharesAccepted accepted => OnAccepted(state, accepted),
            SharesRefused refused => OnRefused(state, refused),
            EpochExpired expired => OnExpired(state, expired),
            U3Shown list => OnU3(state, list),
            AgreementShown agreement => OnAgreement(state, agreement),
            Misbehaved seen => new SiloStep(state, [new RaiseAlarm(seen.Job, seen.Code, seen.Evidence)]),
            _ => StepRun(state, @event),
        };
    }

    private static SiloStep StepRun(SiloState state, SiloEvent @event)
    {
        RunId job = JobOf(@event);
        string phase = state.Runs.TryGetValue(job, out SiloRun? run) ? run.Phase.ToString() : Unknown;
        return Transitions.TryGetValue((phase, @event.GetType()), out Transition? transition)
            ? transition(state, job, run ?? Nobody, @event)
            : Ignore(state, "not expected in this phase of the run");
    }

    /// <summary>The deadlines that are running.</summary>
    public static IEnumerable<SiloDeadline> Deadlines(SiloState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Runs
            .Where(run => run.Value is { Phase: SiloRunPhase.Approved, Round: { } round } && IsOpen(round))
            .Select(run => (run.Key, Round: run.Value.Round!))
            .Select(run => new SiloDeadline(run.Key, run.Round.Rid, DateTimeOffset.FromUnixTimeSeconds(run.Round.Start.Deadline)));
    }

    /// <summary>Whether an effect asks for work whose round or run has ended since: its result could not count any more.</summary>
    public static bool IsObsolete(SiloState state, SiloEffect effect)
    {
        ArgumentNullException.ThrowIfNull(state);
        return effect switch
        {
            Train e => !IsUnderWay(state, e.Start.Job, e.Rid, SiloRoundPhase.Training),
            AwaitWitnesses e => !IsUnderWay(state, e.Start.Job, e.Rid, SiloRoundPhase.Held),
            UploadUpdate e => !IsUnderWay(state, e.Update.Job, e.Rid, SiloRoundPhase.Uploading),
            MaskUpdate e => !IsUnderWay(state, e.Start.Job, e.Rid, SiloRoundPhase.Masking),
            UploadMasked e => !IsUnderWay(state, e.Start.Job, e.Body.Rid, SiloRoundPhase.Uploading),
            SendMasked e => FindSlot(state, e.Body.Rid)?.Record.IsInUse != true,
            SendConsistency e => FindSlot(state, e.Body.Rid)?.Record.IsInUse != true,
            SendUnmask e => FindSlot(state, e.Rid)?.Record.Phase != SiloSlotPhase.Revealed,
            MakeEpochKeys e => FindEpoch(state, e.Parameters.Sid()) is not { Phase: SiloEpochPhase.New },
            DealShares e => FindEpoch(state, e.Sid) is not { Phase: SiloEpochPhase.Advertised },
            SendShares e => FindEpoch(state, e.Body.Sid) is null,
            SendAdvertise e => FindEpoch(state, e.Body.Sid) is null,
            SendAcknowledgement e => FindEpoch(state, e.Body.Sid) is null,
            FetchBaseModel e => state.Runs.GetValueOrDefault(e.Job)?.Phase != SiloRunPhase.Approved,
            _ => false,
        };
    }

    private static bool IsUnderWay(SiloState state, RunId job, Sha256Digest rid, SiloRoundPhase phase) =>
        state.Runs.GetValueOrDefault(job) is { Phase: SiloRunPhase.Approved } run && Current(run, rid)?.Phase == phase;

    // Stands in for the run in rows of the table that do not look at it, and for one whose end came before its offer.
    private static SiloRun Nobody { get; } = new()
    {
        ConfigSha256 = Sha256Digest.Zero,
        Phase = SiloRunPhase.Ended,
        Idx = 0,
        InitialModelSha256 = Sha256Digest.Zero,
        Model = new ModelReference(0, Sha256Digest.Zero),
    };

    private static RunId JobOf(SiloEvent @event) => @event switch
    {
        OfferReceived e => e.Offer.Job,
        StartReceived e => e.Start.Job,
        TrainingFinished e => e.Job,
        TrainingFailed e => e.Job,
        RoundWitnessed e => e.Job,
        RoundMisrecorded e => e.Job,
        UpdateUploaded e => e.Job,
        UploadRefused e => e.Job,
        UploadAgainReceived e => e.Again.Job,
        ResultReceived e => e.Result.Job,
        AbandonedReceived e => e.Abandoned.Job,
        EndedReceived e => e.Ended.Job,
        EvaluationFinished e => e.Job,
        SiloDeadlineReached e => e.Job,
        UpdateMasked e => e.Job,
        VersionReceived e => e.Version.Job,
        PlanDecided e => e.Job,
        _ => throw new ArgumentOutOfRangeException(nameof(@event), @event.GetType().Name, "an event without a run"),
    };

    private static SiloStep OnTrained(SiloState state, RunId job, SiloRun run, TrainingFinished trained)
    {
        if (Current(run, trained.Rid) is not { Phase: SiloRoundPhase.Training } round)
        {
            return Ignore(state, "the round is over");
        }

        if (round.Start.Slot is not null)
        {
            SiloRound kept = round with { Phase = SiloRoundPhase.Held, IsTrained = true, Weight = trained.Weight, Metrics = trained.Metrics };
            return new SiloStep(With(state, job, run with { Round = kept }), [new AwaitWitnesses(round.Rid, round.Start)]);
        }

        if (trained.UpdateLen != round.Start.UpdateLen)
        {
            return Declined(state, job, run, round, ErrorCodes.UpdateLengthMismatch.Name);
        }

        PlainUpdateBody update = new()
        {
            Type = PlainBody.Update,
            Rid = round.Rid,
            Idx = run.Idx,
            Job = job,
            Round = round.Start.Round,
            UpdateSha256 = trained.UpdateSha256,
            UpdateLen = trained.UpdateLen,
            Weight = trained.Weight,
        };
        SiloRound held = round with { Phase = SiloRoundPhase.Held, Update = update, Attempt = 0, Metrics = trained.Metrics };
        return new SiloStep(With(state, job, run with { Round = held }), [new AwaitWitnesses(round.Rid, round.Start)]);
    }

    private static SiloStep OnTrainingFailed(SiloState state, RunId job, SiloRun run, TrainingFailed failed) =>
        Current(run, failed.Rid) is { Phase: SiloRoundPhase.Training or SiloRoundPhase.Masking or SiloRoundPhase.Uploading } round
            ? Declined(state, job, run, round, failed.Reason)
            : Ignore(state, "the round is over");

    private static SiloStep OnResult(SiloState state, RunId job, SiloRun run, ResultReceived received)
    {
        PlainResultBody result = received.Result;
        if (result.ModelVersion > run.Model.Version && run.Round is { } current && current.Rid == result.Rid && result.Members.Any(member => member.Idx == run.Idx && !IsMine(current, member)))
        {
            return new SiloStep(state, [new RaiseAlarm(job, ErrorCodes.ResultNotMine.Name, [result.Rid, result.NewModelSha256])]);
        }

        return FollowVersion(state, job, run, CommittedVersion.Of(result));
    }

    private static SiloStep FollowVersion(SiloState state, RunId job, SiloRun run, CommittedVersion version)
    {
        if (version.Model.Version <= run.Model.Version)
        {
            return version.Model.Version == run.Model.Version && version.Model.Sha256 != run.Model.Sha256
                ? new SiloStep(state, [new RaiseAlarm(job, ErrorCodes.RoundConflict.Name, [run.Model.Sha256, version.Model.Sha256])])
                : Ignore(state, "the result is known");
        }

        SiloRun next = run with
        {
            Model = version.Model,
            LastRound = Math.Max(run.LastRound, version.Round),
            Round = run.Round?.Start.Round <= version.Round ? null : run.Round,
        };
        ImmutableArray<SiloEffect> stop = next.Round is null ? StopOf(job, run) : [];
        SiloStep settled = Settle(new SiloStep(With(state, job, next), stop), job, version.Round);
        return settled with { Effects = settled.Effects.Add(new ForgetRound(job, version.Round)) };
    }

    private static bool IsMine(SiloRound round, PlainMember member) =>
        round.Update is { } update && update.UpdateSha256 == member.UpdateSha256 && update.Weight == member.Weight;

    private static SiloStep OnAbandoned(SiloState state, RunId job, SiloRun run, AbandonedReceived received)
    {
        if (Current(run, received.Abandoned.Rid) is not { Phase: not SiloRoundPhase.Given } round)
        {
            return Ignore(state, "the round is over");
        }

        if (round.Start.Slot is not null)
        {
            // The update is kept: the round may go on in another slot.
            SiloStep given = new(With(state, job, run with { Round = round with { Phase = SiloRoundPhase.Given } }), StopOf(job, run));
            return BurnAttempt(given, job, run, round);
        }

        return new SiloStep(With(state, job, run with { Round = null }), [.. StopOf(job, run), new ForgetRound(job, round.Start.Round)]);
    }

    private static SiloStep OnEnded(SiloState state, RunId job, SiloRun run, EndedReceived received)
    {
        SiloStep burned = new(state, StopOf(job, run));
        burned = run.Round is { } last ? BurnAttempt(burned, job, run, last) : burned;
        bool isCompleted = string.Equals(received.Ended.Outcome, "completed", StringComparison.Ordinal);
        burned = isCompleted ? Settle(burned, job, int.MaxValue) : burned;
        state = burned.State;
        ImmutableArray<SiloEffect> close = [.. burned.Effects, .. SettleOf(job, run), new ForgetRound(job, int.MaxValue)];
        if (!isCompleted)
        {
            return new SiloStep(With(state, job, run with { Phase = SiloRunPhase.Ended, Round = null }), close);
        }

        ModelReference model = new(received.Ended.ModelVersion, received.Ended.ModelSha256);
        SiloRun ended = run with { Model = model, Round = null, LastRound = received.Ended.EvaluationRound };
        return received.EvaluationWanted
            ? new SiloStep(With(state, job, ended with { Phase = SiloRunPhase.Evaluating }), [.. close, new EvaluateModel(job, model, received.Ended.EvaluationRound)])
            : new SiloStep(
                With(state, job, ended with { Phase = SiloRunPhase.Ended }),
                [.. close, new SendMetrics(Figures(job, run.Idx, received.Ended.EvaluationRound, ImmutableSortedDictionary<string, string>.Empty))]);
    }

    private static SiloStep OnEvaluated(SiloState state, RunId job, SiloRun run, EvaluationFinished evaluated) =>
        new(With(state, job, run with { Phase = SiloRunPhase.Ended }), [new SendMetrics(Figures(job, run.Idx, evaluated.Round, evaluated.Metrics)), new ForgetRound(job, int.MaxValue)]);

    private static SiloStep OnDeadline(SiloState state, RunId job, SiloRun run, SiloDeadlineReached deadline) =>
        Current(run, deadline.Rid) is { } round && IsOpen(round) && deadline.At.ToUnixTimeSeconds() >= round.Start.Deadline
            ? Declined(state, job, run, round, (round.Phase == SiloRoundPhase.Held ? ErrorCodes.RoundNotLogged : ErrorCodes.DeadlineMissed).Name)
            : Ignore(state, "the round is over or its deadline has not passed");

    private static SiloStep Declined(SiloState state, RunId job, SiloRun run, SiloRound round, string reason)
    {
        PlainDeclineBody decline = DeclineOf(round.Start, round.Rid, run.Idx, reason);
        SiloRound declined = round with { Phase = SiloRoundPhase.Declined, Decline = decline, Update = null };
        SiloStep step = new(With(state, job, run with { Round = declined }), [.. StopOf(job, run), new SendDecline(decline)]);
        return FindSlot(state, round.Rid) is { Record.Phase: SiloSlotPhase.Armed or SiloSlotPhase.Masked } found ? Burn(step, found) : step;
    }

    // Also a run that the silo does not know: its offer may come after its end, and must then bind nothing.
    private static SiloStep End(SiloState state, RunId job, SiloRun run) =>
        new(With(state, job, run with { Phase = SiloRunPhase.Ended }), []);

    // What the ledger holds for the run and was not charged is free again.
    private static ImmutableArray<SiloEffect> SettleOf(RunId job, SiloRun run) => run.IsPrivate ? [new SettleBudget(job)] : [];

    private static ImmutableArray<SiloEffect> StopOf(RunId job, SiloRun run) =>
        run.Round is { Phase: SiloRoundPhase.Training } round ? [new StopTraining(job, round.Rid)] : [];

    private static bool IsOpen(SiloRound round) => round.Phase is SiloRoundPhase.Training or SiloRoundPhase.Held or SiloRoundPhase.Masking or SiloRoundPhase.Uploading;

    private static SiloRound? Current(SiloRun run, Sha256Digest rid) => run.Round is { } round && round.Rid == rid ? round : null;

    private static PlainDeclineBody DeclineOf(RoundOpening start, Sha256Digest rid, int idx, string reason) => new()
    {
        Type = PlainBody.Decline,
        Rid = rid,
        Idx = idx,
        Job = start.Job,
        Round = start.Round,
        Reason = reason,
    };

    private static MetricsBody? MetricsOf(SiloRun run, SiloRound round) =>
        round.Metrics.IsEmpty ? null : Figures(round.Start.Job, run.Idx, round.Start.Round, round.Metrics);

    private static MetricsBody Figures(RunId job, int idx, int round, ImmutableSortedDictionary<string, string> values) => new()
    {
        Type = RunBody.Metrics,
        Job = job,
        Round = round,
        Idx = idx,
        Values = values,
    };

    private static SiloState With(SiloState state, RunId job, SiloRun run) => state with { Runs = state.Runs.SetItem(job, run) };

    private static SiloStep Ignore(SiloState state, string reason) => new(state, [], reason);
}
