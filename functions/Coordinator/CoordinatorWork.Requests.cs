// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Api;
using FedCloud.Coordinator.Runs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator;

/// <content>What an operator asks for.</content>
public sealed partial class CoordinatorWork
{
    /// <summary>Begins a run; submitting the same plan under the same id again is the same run.</summary>
    /// <exception cref="FedCloudException"><c>roster_missing</c>, <c>run_exists</c>, or the code of the rule by which the roster's size refuses the plan.</exception>
    public async Task<RunState> SubmitAsync(RunConfig config, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(config);
        if (config.Federation != _options.Federation)
        {
            throw new FedCloudException(ErrorCodes.PlanInvalidValue, $"federation: expected {_options.Federation}, found {config.Federation}");
        }

        await FederationAsync(cancellation);
        RosterView roster = Members.Roster ?? throw new FedCloudException(ErrorCodes.RosterMissing, "the federation has no roster yet");
        RunState? run = (await _runs.FindAsync(config.Job, cancellation))?.State;
        if (run is null)
        {
            if (CompatibilityMatrix.RefusalsFor(config, roster.Members.Count).FirstOrDefault() is { } refusal)
            {
                throw new FedCloudException(refusal.Code, refusal.Reason);
            }

            run = await _runs.OpenAsync(RunDocument.Open(RunMachine.Submit(config, roster, _time.GetUtcNow())), cancellation);
        }

        return run.ConfigSha256 == config.Digest
            ? run
            : throw new FedCloudException(ErrorCodes.RunExists, $"run {config.Job} has another plan");
    }

    /// <summary>All runs, the oldest first.</summary>
    public async Task<IReadOnlyList<RunState>> RunsAsync(CancellationToken cancellation) =>
        [.. (await _runs.ListAsync(cancellation)).OrderBy(run => run.SubmittedAt)];

    /// <summary>A run as it stands.</summary>
    /// <exception cref="FedCloudException"><c>run_missing</c>.</exception>
    public async Task<RunState> RunAsync(RunId job, CancellationToken cancellation) => (await FindAsync(job, cancellation)).State;

    /// <summary>Ends a run.</summary>
    /// <returns>Why nothing changed; null when the run ends.</returns>
    /// <exception cref="FedCloudException"><c>run_missing</c>.</exception>
    public Task<string?> CancelAsync(RunId job, CancellationToken cancellation) =>
        _runs.ApplyAsync(job, id: null, new CancelRequested(_time.GetUtcNow()), cancellation);

    /// <summary>A run with the records of its finished rounds.</summary>
    /// <exception cref="FedCloudException"><c>run_missing</c> or <c>storage_*</c>.</exception>
    public async Task<RunDetail> DetailAsync(RunId job, CancellationToken cancellation)
    {
        // The state first: what is settled in it is among the records that are read after.
        RunDocument run = await FindAsync(job, cancellation);
        return new RunDetail(run.State, run.Pending.IsEmpty, await _records.AllAsync(job, cancellation));
    }

    /// <summary>Records that a row of the compromise playbook was rehearsed.</summary>
    /// <param name="name">The row, see <see cref="CompromiseDrill.All"/>.</param>
    /// <param name="report">The SHA-256 of the report.</param>
    /// <param name="isPassed">Whether it went as the playbook says.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>request_malformed</c>: there is no such row.</exception>
    public async Task RecordDrillAsync(string name, Sha256Digest report, bool isPassed, CancellationToken cancellation)
    {
        CompromiseDrill drill = CompromiseDrill.Find(name)
            ?? throw new FedCloudException(ErrorCodes.RequestMalformed, "expected the name of a row of the compromise playbook, found another text", "list them with 'fedcloud keys drill'");
        await Log.Desk.TakeAsync(source: null, 0, [FederationEntries.Rehearsed(drill, report, isPassed)], cancellation);
    }

    private async Task<RunDocument> FindAsync(RunId job, CancellationToken cancellation) =>
        await _runs.FindAsync(job, cancellation) ?? throw new FedCloudException(ErrorCodes.RunMissing, $"there is no run {job}");
}
