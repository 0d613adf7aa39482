// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>Runs in storage that several processes share: each call reads the run's document, and an orchestration sets the run going.</summary>
/// <param name="store">The storage.</param>
/// <param name="time">The clock.</param>
/// <param name="wake">Wakes a run's orchestration, or starts it. Called after what it is to see is durable, and again where that is not certain.</param>
/// <param name="failed">Hears of effects that failed and will be tried again.</param>
public sealed class StoredRuns(IBlobStore store, TimeProvider time, Func<RunId, CancellationToken, Task> wake, Action<RunId, Exception> failed) : IRuns
{
    private const string ActivePrefix = "active/";

    private RunEffects? _effects;

    /// <summary>Says who carries out effects.</summary>
    public void Use(RunEffects effects) => _effects = effects;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<RunState>> ListAsync(CancellationToken cancellation)
    {
        List<RunState> runs = [];
        await foreach (RunId job in StorageNames.RunsAsync(store, cancellation))
        {
            if (await FindAsync(job, cancellation) is { } run)
            {
                runs.Add(run.State);
            }
        }

        return runs;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<RunId>> ActiveAsync(CancellationToken cancellation)
    {
        List<RunId> runs = [];
        await foreach (BlobItem item in store.ListAsync(StorageNames.State, ActivePrefix, cancellation))
        {
            runs.Add(RunId.Parse(item.Path[ActivePrefix.Length..]));
        }

        return runs;
    }

    /// <inheritdoc/>
    public Task<RunDocument?> FindAsync(RunId job, CancellationToken cancellation) => Stored(job).LoadAsync(cancellation);

    /// <inheritdoc/>
    public async Task<RunState> OpenAsync(RunDocument opened, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(opened);
        RunId job = opened.State.Config.Job;

        // The note first: a run without one would be forgotten after a crash. A note without a run is removed, perhaps just now.
        await store.PutIfAbsentAsync(Note(job), BlobContent.Of([]), cancellation);
        using HeldDocument<RunDocument> run = await Stored(job).HoldAsync(() => opened, cancellation);
        await store.PutIfAbsentAsync(Note(job), BlobContent.Of([]), cancellation);
        await wake(job, cancellation);
        return run.Current.State;
    }

    /// <inheritdoc/>
    public async Task<string?> ApplyAsync(RunId job, string? id, RunEvent @event, CancellationToken cancellation)
    {
        await using RunActor run = await OpenAsync(job, cancellation);
        string? ignored = await run.ApplyAsync(id, @event, cancellation);

        // Also when nothing changed: the message may have come again since its first delivery ended before this.
        await wake(job, cancellation);
        return ignored;
    }

    /// <summary>Takes a deadline that has passed, and says what is next.</summary>
    /// <returns>What is next; a run that is not there is over.</returns>
    /// <exception cref="FedCloudException"><c>storage_*</c>.</exception>
    public async Task<Outlook> LookAsync(RunId job, CancellationToken cancellation)
    {
        Outlook outlook = new() { IsOver = true };
        if (await FindAsync(job, cancellation) is not null)
        {
            await using RunActor run = await OpenAsync(job, cancellation);
            outlook = await run.LookAsync(cancellation);
        }

        if (outlook.IsOver)
        {
            await store.DeleteAsync(Note(job), lease: null, cancellation);
        }

        return outlook;
    }

    /// <summary>Carries out an effect, if it is still pending.</summary>
    public async Task CarryOutAsync(RunId job, long effect, CancellationToken cancellation)
    {
        await using RunActor run = await OpenAsync(job, cancellation);
        await run.CarryOutAsync(effect, cancellation);
    }

    /// <summary>Computes a part of an effect beforehand, if it is still pending.</summary>
    public async Task CarryOutPartAsync(RunId job, long effect, int part, CancellationToken cancellation)
    {
        await using RunActor run = await OpenAsync(job, cancellation);
        await run.CarryOutPartAsync(effect, part, cancellation);
    }

    private static BlobName Note(RunId job) => new(StorageNames.State, ActivePrefix + job.Value);

    private StoredDocument<RunDocument> Stored(RunId job) => new(store, StorageNames.Run(job), DocumentJson.Default.RunDocument);

    private Task<RunActor> OpenAsync(RunId job, CancellationToken cancellation) =>
        RunActor.StartAsync(store, job, opened: null, _effects ?? throw new InvalidOperationException("nobody carries out effects"), time, failed, cancellation);
}
