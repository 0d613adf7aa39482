// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent;

/// <content>Plans: what the policy decides at once, and what the administrator decides later.</content>
public sealed partial class SiloAgentService
{
    private async Task OfferAsync(PlanOfferBody offer, DateTimeOffset now, CancellationToken cancellation)
    {
        int idx = IndexIn(offer.RosterSha256);
        string? refusal;
        (bool isSecure, bool mayRepeat, bool isPrivate, bool asks) = (false, false, false, false);
        try
        {
            RunConfig plan = await _models.FetchPlanAsync(offer.Job, offer.ConfigSha256, cancellation);
            (isSecure, mayRepeat, asks) = (plan.Aggregation.IsSecure, _policy.MayRepeat(plan), _policy.Asks(plan));
            refusal = (_policy.Refusal(plan, _member.Roster?.N ?? 0) ?? (asks ? null : await ReserveAsync(plan, cancellation)))?.Name;
            isPrivate = plan.Privacy.IsClaimed;
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            refusal = error.Code.Name;
            Report("refused", offer.Job, null, error.Message);
        }

        Append(new OfferReceived(now, offer, idx, refusal, isSecure, mayRepeat, isPrivate, asks));
        ReportStanding(offer.Job);
    }

    // A plan is answered once; its answer comes again whatever is left of the budget by then.
    private async Task<ErrorCode?> ReserveAsync(RunConfig plan, CancellationToken cancellation) =>
        _journal.State.Runs.ContainsKey(plan.Job) ? null : await _budget.ReserveAsync(plan, cancellation);

    // What the administrator has signed meanwhile, and what a policy that came into force leaves to nobody.
    private async Task TakeDecisionsAsync(CancellationToken cancellation)
    {
        foreach ((RunId job, SiloRun run) in _journal.State.Runs.Where(run => run.Value.Phase == SiloRunPhase.Asked).ToList())
        {
            _entries.Administrator.Refresh();
            (VerificationKey administrator, _) = await _home.KeyAsync(SiloHome.AdministratorKey, cancellation);
            LogEntry? answer = _entries.Administrator.AnswerTo(job, run.ConfigSha256, run.InitialModelSha256, administrator);
            RunConfig plan = _models.Plan(job);
            if (answer is not null || !_policy.Asks(plan))
            {
                await DecideAsync(job, plan, answer, cancellation);
            }
        }
    }

    private async Task DecideAsync(RunId job, RunConfig plan, LogEntry? answer, CancellationToken cancellation)
    {
        string? refusal = answer is { Type: EntryTypes.PlanRefused } ? answer.Fields["reason"].Text : null;
        bool isByAdministrator = answer is not null;
        if (refusal is null)
        {
            try
            {
                refusal = (_policy.Refusal(plan, _member.Roster?.N ?? 0) ?? await _budget.ReserveAsync(plan, cancellation))?.Name;
            }
            catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
            {
                refusal = error.Code.Name;
                Report("refused", job, null, error.Message);
            }

            isByAdministrator &= refusal is null;
        }

        Append(new PlanDecided(_time.GetUtcNow(), job, refusal, _policy.MayRepeat(plan), isByAdministrator));
        ReportStanding(job);
    }

    private void ReportStanding(RunId job)
    {
        if (_journal.State.Runs.GetValueOrDefault(job) is not { Phase: not SiloRunPhase.Ended } run)
        {
            return;
        }

        (string phase, string detail) = run switch
        {
            { Phase: SiloRunPhase.Asked } => ("asked", $"the administrator decides until {DateTimeOffset.FromUnixTimeSeconds(run.AnswerBy):yyyy-MM-dd HH:mm:ss} UTC: fedcloud-silo plan show {job}"),
            { Reason: { } reason } => ("refused_plan", reason),
            _ => ("approved", string.Empty),
        };
        Report(phase, job, null, detail);
    }
}
