// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Audit;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.Plans;

/// <summary>The administrator's answers to plans, signed with the administrator's key as entries of the log. The agent takes them up while it runs, or when it starts.</summary>
/// <param name="home">The home, with the administrator's key.</param>
/// <param name="time">The clock.</param>
public sealed class PlanDesk(SiloHome home, TimeProvider time)
{
    private readonly PlanShelf _shelf = new(home);

    /// <summary>Approves or refuses a plan.</summary>
    /// <param name="job">The run.</param>
    /// <param name="config">The plan that the administrator has read, by its hash; null takes the one that was offered.</param>
    /// <param name="isApproved">Whether the silo takes part.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The plan as it was offered.</returns>
    /// <exception cref="FedCloudException"><c>run_missing</c>, <c>plan_answered</c>, <c>run_over</c>, <c>plan_not_approved</c> for another hash, <c>silo_revoked</c>, <c>journal_locked</c>, <c>disk_full</c>: nothing is signed.</exception>
    public async Task<PlanStanding> AnswerAsync(RunId job, Sha256Digest? config, bool isApproved, CancellationToken cancellation)
    {
        PlanStanding standing = _shelf.Get(job);
        RequireAsked(standing);
        if (config is { } read && read != standing.ConfigSha256)
        {
            throw new FedCloudException(ErrorCodes.PlanNotApproved, $"{job} was offered with the plan {standing.ConfigSha256}, not {read}", $"read it with 'fedcloud-silo plan show {job}' before you answer");
        }

        _shelf.Plan(standing);
        RequireMember();
        EntryDraft answer = SiloEntries.Decided(job, standing.ConfigSha256, standing.InitialModelSha256, isApproved ? null : ErrorCodes.AdministratorRefused.Name);
        await AdministratorEntries.SignAnswerAsync(home, answer, time.GetUtcNow(), cancellation);
        return standing;
    }

    private static void RequireAsked(PlanStanding standing)
    {
        if (standing.Phase == SiloRunPhase.Ended)
        {
            throw new FedCloudException(ErrorCodes.RunOver, $"{standing.Job} has ended");
        }

        if (!standing.IsAsked)
        {
            string who = standing.IsByAdministrator ? "the administrator" : "the policy";
            throw new FedCloudException(ErrorCodes.PlanAnswered, standing.Reason is { } reason ? $"{standing.Job} was refused by {who}: {reason}" : $"{standing.Job} was approved by {who}");
        }
    }

    // Whoever was removed answers for nobody; the coordinator and the log would refuse it too.
    private void RequireMember()
    {
        SiloId self = home.Invitation.SiloId;
        if (home.NewestRoster()?.Find(self) is null)
        {
            throw new FedCloudException(ErrorCodes.SiloRevoked, $"{self} is not in the newest roster that this silo has verified");
        }
    }
}
