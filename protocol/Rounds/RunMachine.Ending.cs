// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Rounds;

/// <content>The evaluation of the last version, and how a run ends.</content>
public static partial class RunMachine
{
    private static RunStep Evaluate(RunState state, DateTimeOffset at, ImmutableArray<RunEffect> before)
    {
        ImmutableArray<RunEffect> effects = [.. before, new SendEnded([.. state.Participants()], Ended(state, "completed", string.Empty))];
        RunState next = state with
        {
            Phase = RunPhase.Evaluating,
            EvaluationDue = at + TimeSpan.FromSeconds(state.Config.Participation.RoundDeadline),
        };
        return state.Config.Metrics.EvalLoss
            ? new RunStep(next, effects)
            : Complete(next, at, effects);
    }

    private static RunStep OnFinalMetrics(RunState state, MetricsReported metrics)
    {
        bool expected = metrics.Round == state.LastRound + 1 && state.Participants().Contains(metrics.Silo) && !state.FinalMetrics.ContainsKey(metrics.Silo);
        if (!expected)
        {
            return Ignore(state, "the figures belong to another round or came twice");
        }

        // Under a privacy claim a silo answers without figures; whatever it sends all the same is neither taken nor kept.
        bool admits = state.Config.AdmitsFigures;
        ImmutableArray<RunEffect> keep = admits ? [new KeepFigures(metrics.Silo, metrics.Round, metrics.Signed)] : [];

        // As in a round: once a quorum has answered, stragglers get their grace and no more.
        RunState next = state with { FinalMetrics = state.FinalMetrics.Add(metrics.Silo, admits ? metrics.Values : metrics.Values.Clear()) };
        DateTimeOffset grace = metrics.At + TimeSpan.FromSeconds(state.Config.Participation.StragglerGrace);
        return CompleteIfEvaluated(next.FinalMetrics.Count == state.Config.Participation.Quorum && grace < state.EvaluationDue ? next with { EvaluationDue = grace } : next, metrics.At, keep);
    }

    private static RunStep OnEvaluationDue(RunState state, DeadlineReached deadline) =>
        string.Equals(deadline.Key, EvaluationKey, StringComparison.Ordinal) && deadline.At >= state.EvaluationDue
            ? Complete(state, deadline.At, [])
            : Ignore(state, "the deadline belongs to another phase or has not passed");

    // Silos whose policy discloses nothing send empty figures, so the run need not wait for them.
    private static RunStep CompleteIfEvaluated(RunState state, DateTimeOffset at, ImmutableArray<RunEffect> before) =>
        state.Participants().All(state.FinalMetrics.ContainsKey) ? Complete(state, at, before) : new RunStep(state, before);

    private static RunStep Complete(RunState state, DateTimeOffset at, ImmutableArray<RunEffect> before)
    {
        RoundRecord evaluation = RoundRecord.OfEvaluation(state, at);
        RunState next = state with { Phase = RunPhase.Completed, EndedAt = at, EvaluationDue = null };
        return new RunStep(next, [.. before, new RecordRound(evaluation)]);
    }

    private static RunStep Fail(RunState state, DateTimeOffset at, string reason, ImmutableArray<RunEffect> before = default) =>
        End(state, RunPhase.Failed, at, reason, before);

    private static RunStep End(RunState state, RunPhase phase, DateTimeOffset at, string reason, ImmutableArray<RunEffect> before = default)
    {
        RunState next = state with { Phase = phase, EndedAt = at, Reason = reason, Round = null, AnswersDue = null };
        ImmutableArray<RunEffect> effects = before.IsDefault ? [] : before;
        ImmutableArray<SiloId> asked = [.. state.Silos.Keys.Where(state.Roster.Members.ContainsKey)];

        // Before version 0 exists nobody was asked, so nobody needs to be told.
        return next.Model is null
            ? new RunStep(next, effects)
            : new RunStep(next, [.. effects, new SendEnded(asked, Ended(next, phase == RunPhase.Cancelled ? "cancelled" : "failed", reason))]);
    }

    private static RunEndedBody Ended(RunState state, string outcome, string reason) => new()
    {
        Type = RunBody.Ended,
        Federation = state.Config.Federation,
        Job = state.Config.Job,
        Outcome = outcome,
        Reason = reason,
        EvaluationRound = state.LastRound + 1,
        ModelVersion = state.Model?.Version ?? throw new InvalidOperationException("a run that tells its silos has a model"),
        ModelSha256 = state.Model.Sha256,
    };
}
