// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Api;
using FedCloud.Coordinator.Runs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator;

/// <content>What an operator does with runs.</content>
public sealed partial class CoordinatorService
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

        RosterView roster = Members.Roster ?? throw new FedCloudException(ErrorCodes.RosterMissing, "the federation has no roster yet");
        await _submitting.WaitAsync(cancellation);
        try
        {
            if (!_runs.TryGetValue(config.Job, out RunActor? actor))
            {
                if (CompatibilityMatrix.RefusalsFor(config, roster.Members.Count).FirstOrDefault() is { } refusal)
                {
                    throw new FedCloudException(refusal.Code, refusal.Reason);
                }

                RunDocument opened = RunDocument.Open(RunMachine.Submit(config, roster, _time.GetUtcNow()));
                actor = await RunActor.StartAsync(_store, config.Job, opened, _effects, _time, _events.EffectFailed, _options.InBackground, cancellation);
                _runs[config.Job] = actor;
            }

            return actor.State.ConfigSha256 == config.Digest
                ? actor.State
                : throw new FedCloudException(ErrorCodes.RunExists, $"run {config.Job} has another plan");
        }
        finally
        {
            _submitting.Release();
        }
    }

    /// <summary>A run as it stands.</summary>
    /// <exception cref="FedCloudException"><c>run_missing</c>.</exception>
    public RunState Run(RunId job) => Find(job).State;

    /// <summary>Ends a run.</summary>
    /// <returns>Why nothing changed; null when the run ends.</returns>
    /// <exception cref="FedCloudException"><c>run_missing</c>.</exception>
    public Task<string?> CancelAsync(RunId job, CancellationToken cancellation) =>
        Find(job).ApplyAsync(id: null, new CancelRequested(_time.GetUtcNow()), cancellation);

    /// <summary>A run with the records of its finished rounds.</summary>
    /// <exception cref="FedCloudException"><c>run_missing</c> or <c>storage_*</c>.</exception>
    public async Task<RunDetail> DetailAsync(RunId job, CancellationToken cancellation)
    {
        // The state first: what is settled in it is among the records that are read after.
        (RunState state, bool settled) = Find(job).Standing;
        return new RunDetail(state, settled, await _records.AllAsync(job, cancellation));
    }
}
