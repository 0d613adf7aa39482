// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>Runs in this process, all of them, each an actor.</summary>
/// <param name="store">The storage.</param>
/// <param name="time">The clock.</param>
/// <param name="inBackground">Whether runs go on by themselves; else their owner calls <see cref="TurnAsync"/>.</param>
/// <param name="failed">Hears of effects that failed and will be tried again.</param>
public sealed class LocalRuns(IBlobStore store, TimeProvider time, bool inBackground, Action<RunId, Exception> failed) : IRuns, IAsyncDisposable
{
    private readonly ConcurrentDictionary<RunId, RunActor> _runs = [];
    private readonly SemaphoreSlim _opening = new(1, 1);
    private RunEffects? _effects;

    /// <summary>The runs as they stand.</summary>
    public IEnumerable<RunState> All => _runs.Values.Select(run => run.State).OrderBy(run => run.SubmittedAt);

    /// <summary>Takes up all runs that are stored.</summary>
    /// <param name="effects">Carries out effects.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task StartAsync(RunEffects effects, CancellationToken cancellation)
    {
        _effects = effects;
        await foreach (RunId job in StorageNames.RunsAsync(store, cancellation))
        {
            await TakeUpAsync(job, opened: null, cancellation);
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<RunState>> ListAsync(CancellationToken cancellation) => Task.FromResult<IReadOnlyList<RunState>>([.. All]);

    /// <inheritdoc/>
    public Task<IReadOnlyList<RunId>> ActiveAsync(CancellationToken cancellation) =>
        Task.FromResult<IReadOnlyList<RunId>>([.. All.Where(run => !run.IsFinal()).Select(run => run.Config.Job)]);

    /// <inheritdoc/>
    public Task<RunDocument?> FindAsync(RunId job, CancellationToken cancellation) => Task.FromResult(_runs.GetValueOrDefault(job)?.Document);

    /// <inheritdoc/>
    public async Task<RunState> OpenAsync(RunDocument opened, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(opened);
        RunId job = opened.State.Config.Job;
        await _opening.WaitAsync(cancellation);
        try
        {
            return (_runs.GetValueOrDefault(job) ?? await TakeUpAsync(job, opened, cancellation)).State;
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <inheritdoc/>
    public Task<string?> ApplyAsync(RunId job, string? id, RunEvent @event, CancellationToken cancellation) =>
        _runs.TryGetValue(job, out RunActor? run) ? run.ApplyAsync(id, @event, cancellation) : throw new FedCloudException(ErrorCodes.RunMissing, $"there is no run {job}");

    /// <summary>Does one due thing of each run.</summary>
    /// <returns>False when nothing was due.</returns>
    public async Task<bool> TurnAsync(CancellationToken cancellation)
    {
        bool worked = false;
        foreach (RunActor run in _runs.Values.OrderBy(run => run.State.Config.Job.Value, StringComparer.Ordinal))
        {
            worked |= await run.TurnAsync(cancellation);
        }

        return worked;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (RunActor run in _runs.Values)
        {
            await run.DisposeAsync();
        }

        _opening.Dispose();
    }

    private async Task<RunActor> TakeUpAsync(RunId job, RunDocument? opened, CancellationToken cancellation)
    {
        RunEffects effects = _effects ?? throw new InvalidOperationException("the runs are not taken up");
        RunActor run = await RunActor.StartAsync(store, job, opened, effects, time, failed, cancellation);
        _runs[job] = run;
        if (inBackground)
        {
            run.Begin();
        }

        return run;
    }
}
