// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Protocol.Silos;

/// <content>Starts of rounds: what is repeated, what is refused, and what goes on with the update that is there.</content>
public static partial class SiloMachine
{
    // The spec bounds the clock loosely (24 h against the log). A start whose deadline has long passed tells more of the clock than of the network.
    private const long SkewLimitSeconds = 5 * 60;

    /// <summary>The model that a silo holds for current: the newest result that it knows, or the later one that came with the start.</summary>
    /// <param name="run">The run as the silo knows it.</param>
    /// <param name="job">The run that the start names.</param>
    /// <param name="round">The round that the start opens.</param>
    /// <param name="previous">The version that came with the start; null for none.</param>
    public static ModelReference CurrentModel(SiloRun run, RunId job, int round, CommittedVersion? previous)
    {
        ArgumentNullException.ThrowIfNull(run);
        return previous is not null && previous.Job == job && previous.Round < round && previous.Model.Version > run.Model.Version ? previous.Model : run.Model;
    }

    private static SiloStep OnUnknownStart(SiloState state, StartReceived start) =>
        start.Start.Cohort.Contains(start.Idx)
            ? new SiloStep(state, [new SendDecline(DeclineOf(start.Start, start.Rid, start.Idx, ErrorCodes.PlanNotApproved.Name))])
            : Ignore(state, "this silo is not in the cohort");

    private static SiloStep OnStart(SiloState state, RunId job, SiloRun run, StartReceived start)
    {
        SiloRound? retried = run.Round?.Start.Round == start.Start.Round ? run.Round : null;
        if (retried is not null && start.Rid == retried.Rid)
        {
            return new SiloStep(state, [.. Repeat(state, run, retried)]);
        }

        if (start.Start is { Slot: not null } && start.Start.Round == run.LostRound && run.Round is null && start.Start.Cohort.Contains(start.Idx))
        {
            // A start that was not continuous gave the round up, and nobody needs to wait for it.
            return new SiloStep(state, [new SendDecline(DeclineOf(start.Start, start.Rid, start.Idx, ErrorCodes.EpochUnknown.Name))]);
        }

        if (retried is null ? start.Start.Round <= run.LastRound : retried.Earlier.Contains(start.Rid))
        {
            return Ignore(state, "the round is not above the rounds before it, or that attempt at it was given up");
        }

        if (!start.Start.Cohort.Contains(start.Idx))
        {
            return Ignore(state, "this silo is not in the cohort");
        }

        string? refusal = state.LogRefusal ?? start.Refusal ?? WhyNot(run, start);
        if (start.Start.Slot is { } slot && FindEpoch(state, slot.Sid) is null)
        {
            // Nothing about it can be checked, so nothing follows from it.
            return new SiloStep(state, [new SendDecline(DeclineOf(start.Start, start.Rid, start.Idx, refusal ?? ErrorCodes.EpochUnknown.Name))]);
        }

        if (retried is not null && !IsRetry(retried, start))
        {
            return new SiloStep(state, [new RaiseAlarm(job, ErrorCodes.RoundConflict.Name, [retried.Rid, start.Rid])]);
        }

        return Begin(state, job, run, start, retried, refusal);
    }

    // The attempt before it, at this round or at an earlier one, is over; a retry keeps what was trained.
    private static SiloStep Begin(SiloState state, RunId job, SiloRun run, StartReceived start, SiloRound? retried, string? refusal)
    {
        SiloRun known = run with { LastRound = start.Start.Round, Idx = start.Idx, Model = CurrentModel(run, job, start.Start.Round, start.Previous) };
        SiloStep before = new(state, StopOf(job, run));
        before = run.Round is { } last ? BurnAttempt(before, job, run, last) : before;
        before = known.Model != run.Model && start.Previous is { } previous ? Settle(before, job, previous.Round) : before;
        refusal ??= WhyNotMasked(before.State, run, start)?.Name;
        SiloRound asked = new()
        {
            Rid = start.Rid,
            Start = start.Start,
            Phase = SiloRoundPhase.Training,
            Earlier = retried is null ? [] : retried.Earlier.Add(retried.Rid),
            Cleared = start.MayRepeat ? int.MaxValue : EarlierFrom(before.State, start.Start).Count(),
            IsTrained = retried?.IsTrained ?? false,
            Weight = retried?.Weight ?? 0,
            Metrics = retried?.Metrics ?? ImmutableSortedDictionary<string, string>.Empty,
        };
        if (refusal is not null)
        {
            PlainDeclineBody decline = DeclineOf(start.Start, start.Rid, start.Idx, refusal);
            SiloRound declined = asked with { Phase = SiloRoundPhase.Declined, Decline = decline };
            return new SiloStep(With(before.State, job, known with { Round = declined }), [.. before.Effects, new SendDecline(decline), .. AlarmOf(job, run, start, refusal)]);
        }

        (SiloRoundPhase phase, SiloEffect next) = asked.IsTrained
            ? (SiloRoundPhase.Held, (SiloEffect)new AwaitWitnesses(start.Rid, start.Start))
            : (SiloRoundPhase.Training, new Train(start.Rid, start.Start, run.InitialModelSha256));
        return new SiloStep(With(before.State, job, known with { Round = asked with { Phase = phase } }), [.. before.Effects, next]);
    }

    // The same round in another slot, under the same roster, model and configuration (secure-aggregation, J8).
    private static bool IsRetry(SiloRound current, StartReceived start) =>
        current.Start is { Slot: { } slot } known && start.Start is { Slot: { } next } again
        && slot.RosterSha256 == next.RosterSha256 && known.ModelSha256 == again.ModelSha256 && known.ConfigSha256 == again.ConfigSha256;

    private static ImmutableArray<SiloEffect> AlarmOf(RunId job, SiloRun run, StartReceived start, string refusal)
    {
        if (string.Equals(refusal, ErrorCodes.ModelNotInChain.Name, StringComparison.Ordinal))
        {
            return [new RaiseAlarm(job, refusal, [run.Model.Sha256, start.Start.ModelSha256])];
        }

        bool hostile = string.Equals(refusal, ErrorCodes.SlotConflict.Name, StringComparison.Ordinal) || string.Equals(refusal, ErrorCodes.RoundOpened.Name, StringComparison.Ordinal);
        return hostile ? [new RaiseAlarm(job, refusal, [start.Rid])] : [];
    }

    private static string? WhyNot(SiloRun run, StartReceived start)
    {
        // A round of the other mode is a round of another plan: without its masks the update must not leave.
        if (start.Start.ConfigSha256 != run.ConfigSha256 || start.Start.Slot is not null != run.IsSecure)
        {
            return ErrorCodes.PlanNotApproved.Name;
        }

        long late = start.At.ToUnixTimeSeconds() - start.Start.Deadline;
        if (late >= 0)
        {
            return late > SkewLimitSeconds ? ErrorCodes.ClockSkew.Name : ErrorCodes.DeadlineMissed.Name;
        }

        ModelReference model = CurrentModel(run, start.Start.Job, start.Start.Round, start.Previous);
        return model.Version == start.Start.ModelVersion && model.Sha256 == start.Start.ModelSha256 ? null : ErrorCodes.ModelNotInChain.Name;
    }

    private static IEnumerable<SiloEffect> Repeat(SiloState state, SiloRun run, SiloRound round) => round switch
    {
        { Phase: SiloRoundPhase.Announced, Start.Slot: not null } when FindSlot(state, round.Rid)?.Record.Masked is { } masked => [new SendMasked(round.Start, masked, round.Attempt, MetricsOf(run, round))],
        { Phase: SiloRoundPhase.Announced, Update: { } update } => [new SendUpdate(update, round.Attempt, MetricsOf(run, round))],
        { Phase: SiloRoundPhase.Declined, Decline: { } decline } => [new SendDecline(decline)],
        _ => [],
    };
}
