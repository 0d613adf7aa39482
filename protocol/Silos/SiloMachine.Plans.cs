// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Silos;

/// <content>Plans: the offer, what the policy or the administrator decides, the answer.</content>
public static partial class SiloMachine
{
    private static SiloStep OnOffer(SiloState state, OfferReceived offer)
    {
        string? refusal = offer.Refusal ?? RepetitionRefusal(state, offer.Offer.InitialModelSha256, offer.IsSecure, offer.MayRepeat);
        SiloRun run = new()
        {
            ConfigSha256 = offer.Offer.ConfigSha256,
            Phase = SiloRunPhase.Asked,
            Idx = offer.Idx,
            InitialModelSha256 = offer.Offer.InitialModelSha256,
            IsSecure = offer.IsSecure,
            IsPrivate = offer.IsPrivate,
            Model = new ModelReference(0, offer.Offer.InitialModelSha256),
            AnswerBy = offer.Offer.AnswerBy,
        };
        return refusal is null && offer.Asks ? new SiloStep(With(state, offer.Offer.Job, run), []) : Answer(state, offer.Offer.Job, run, refusal);
    }

    private static SiloStep OnDecided(SiloState state, RunId job, SiloRun run, PlanDecided decided)
    {
        string? repetition = decided.Refusal is null ? RepetitionRefusal(state, run.InitialModelSha256, run.IsSecure, decided.MayRepeat) : null;

        // What the agent refuses although the administrator approved is the agent's entry.
        return Answer(state, job, run with { IsByAdministrator = decided.IsByAdministrator && repetition is null }, decided.Refusal ?? repetition);
    }

    // A plan is answered once, and the answer stays.
    private static SiloStep Answer(SiloState state, RunId job, SiloRun run, string? refusal)
    {
        SiloRun answered = run with { Phase = refusal is null ? SiloRunPhase.Approved : SiloRunPhase.Refused, Reason = refusal };
        ImmutableArray<SiloEffect> next = refusal is null ? [new FetchBaseModel(job)] : SettleOf(job, answered);
        return new SiloStep(With(state, job, answered), [new SendAnswer(AnswerOf(job, answered)), .. next]);
    }

    // Rule J10: of a model from which a sum may have been opened, no other sum is opened.
    private static string? RepetitionRefusal(SiloState state, Sha256Digest model, bool isSecure, bool mayRepeat) =>
        isSecure && !mayRepeat && HasOpenedFrom(state, model) ? ErrorCodes.BurnedTooFew.Name : null;

    private static SiloStep OnOfferAgain(SiloState state, SiloRun run, OfferReceived offer) =>
        IsSamePlan(run, offer) ? new SiloStep(state, [new SendAnswer(AnswerOf(offer.Offer.Job, run))]) : OtherPlan(state, run, offer);

    // It comes again under a newer roster.
    private static SiloStep OnOfferWhileAsked(SiloState state, SiloRun run, OfferReceived offer) =>
        IsSamePlan(run, offer)
            ? new SiloStep(With(state, offer.Offer.Job, run with { Idx = offer.Idx, AnswerBy = offer.Offer.AnswerBy }), [])
            : OtherPlan(state, run, offer);

    private static bool IsSamePlan(SiloRun run, OfferReceived offer) =>
        offer.Offer.ConfigSha256 == run.ConfigSha256 && offer.Offer.InitialModelSha256 == run.InitialModelSha256;

    private static SiloStep OtherPlan(SiloState state, SiloRun run, OfferReceived offer) =>
        new(state, [new RaiseAlarm(offer.Offer.Job, ErrorCodes.PlanNotApproved.Name, [run.ConfigSha256, offer.Offer.ConfigSha256])]);

    private static PlanAnswerBody AnswerOf(RunId job, SiloRun run) => new()
    {
        Type = RunBody.Answer,
        Job = job,
        ConfigSha256 = run.ConfigSha256,
        Idx = run.Idx,
        Approved = run.Reason is null,
        Reason = run.Reason ?? string.Empty,
    };
}
