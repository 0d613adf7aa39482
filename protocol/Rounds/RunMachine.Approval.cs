// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Rounds;

/// <content>Version 0, the offer to the silos and their answers.</content>
public static partial class RunMachine
{
    private static RunStep OnInitialModelReady(RunState state, InitialModelReady ready)
    {
        ParticipationPlan participation = state.Config.Participation;
        DateTimeOffset due = ready.At + TimeSpan.FromSeconds(participation.AnswerTimeout ?? participation.StepTimeout);
        RunState next = state with
        {
            Phase = RunPhase.AwaitingAnswers,
            Model = new ModelReference(0, ready.ModelSha256),
            UpdateLengths = ready.UpdateLengths,
            UpdateCoordinates = ready.UpdateCoordinates,
            AnswersDue = due,
        };
        return new RunStep(next, [OfferOf(next)]);
    }

    // To the silos that have not answered.
    private static SendOffer OfferOf(RunState state)
    {
        PlanOfferBody offer = new()
        {
            Type = RunBody.Offer,
            Federation = state.Config.Federation,
            RosterSha256 = state.Roster.Sha256,
            Job = state.Config.Job,
            ConfigSha256 = state.ConfigSha256,
            InitialModelSha256 = state.Model?.Sha256 ?? throw new InvalidOperationException("a run that is offered has a model"),
            AnswerBy = state.AnswersDue?.ToUnixTimeSeconds() ?? throw new InvalidOperationException("an offer has a deadline"),
        };
        return new SendOffer([.. state.Silos.Where(silo => silo.Value.Approval == Approval.Pending).Select(silo => silo.Key)], offer);
    }

    private static RunStep OnAnswered(RunState state, PlanAnswered answered)
    {
        RunStep step = Answer(state, answered);
        if (step.Ignored is not null || step.State.Silos.Values.Any(silo => silo.Approval == Approval.Pending))
        {
            return step;
        }

        return Begin(step.State, answered.At);
    }

    private static RunStep OnLateAnswer(RunState state, PlanAnswered answered) => Answer(state, answered);

    private static RunStep Answer(RunState state, PlanAnswered answered)
    {
        if (!state.Silos.TryGetValue(answered.Silo, out SiloStanding? standing))
        {
            return Ignore(state, "the silo was not asked");
        }

        if (standing.Approval != Approval.Pending)
        {
            return Ignore(state, "the silo has already answered the plan");
        }

        SiloStanding answer = new(answered.Approved ? Approval.Approved : Approval.Refused, answered.Reason);
        return new RunStep(state with { Silos = state.Silos.SetItem(answered.Silo, answer) }, []);
    }

    private static RunStep OnAnswersDue(RunState state, DeadlineReached deadline) =>
        string.Equals(deadline.Key, AnswersKey, StringComparison.Ordinal) && deadline.At >= state.AnswersDue
            ? Begin(state, deadline.At)
            : Ignore(state, "the deadline belongs to another phase or has not passed");

    private static RunStep Begin(RunState state, DateTimeOffset at)
    {
        int approved = state.Participants().Count();
        return approved < Math.Max(state.Config.Participation.MinSilos, QuorumOf(state))
            ? Fail(state, at, ErrorCodes.QuorumNotMet.Name)
            : StartRound(state with { Phase = RunPhase.Running, AnswersDue = null }, at, []);
    }
}
