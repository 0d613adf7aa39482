// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>One run on a host: its document, its pending effects one after the other, its next deadline. Decides nothing.</summary>
public sealed class RunActor : IAsyncDisposable
{
    private readonly HeldDocument<RunDocument> _document;
    private readonly RunEffects _effects;
    private readonly TimeProvider _time;
    private readonly ActorLoop _loop;

    private RunActor(HeldDocument<RunDocument> document, RunEffects effects, TimeProvider time, Action<RunId, Exception> failed)
    {
        _document = document;
        _effects = effects;
        _time = time;
        _loop = new ActorLoop(TurnAsync, () => RunMachine.NextDeadline(State)?.At, time, error => failed(State.Config.Job, error));
    }

    /// <summary>The run as it stands.</summary>
    public RunState State => _document.Current.State;

    /// <summary>The run as it stands, and whether all that follows from that is done.</summary>
    public (RunState State, bool Settled) Standing
    {
        get
        {
            RunDocument document = _document.Current;
            return (document.State, document.Pending.IsEmpty);
        }
    }

    /// <summary>Takes up a run: one that is stored, or else a new one.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="job">The run.</param>
    /// <param name="opened">The document of a new run; null where the run must be stored already.</param>
    /// <param name="effects">Carries out effects.</param>
    /// <param name="time">The clock.</param>
    /// <param name="failed">Hears of effects that failed and will be tried again.</param>
    /// <param name="inBackground">Whether the run goes on by itself; else its owner calls <see cref="TurnAsync"/>.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>run_missing</c> or <c>storage_*</c>.</exception>
    public static async Task<RunActor> StartAsync(
        IBlobStore store, RunId job, RunDocument? opened, RunEffects effects, TimeProvider time, Action<RunId, Exception> failed, bool inBackground, CancellationToken cancellation)
    {
        RunDocument First() => opened ?? throw new FedCloudException(ErrorCodes.RunMissing, $"there is no run {job}");
        StoredDocument<RunDocument> stored = new(store, StorageNames.Run(job), DocumentJson.Default.RunDocument);
        RunActor actor = new(await stored.HoldAsync(First, cancellation), effects, time, failed);
        if (inBackground)
        {
            actor._loop.Begin();
        }

        return actor;
    }

    /// <summary>Takes an event from outside; durable when this returns.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    public async Task<string?> ApplyAsync(string? id, RunEvent @event, CancellationToken cancellation)
    {
        string? ignored = null;
        if (await _document.ReplaceAsync(document => document.Apply(id, @event, out ignored), cancellation))
        {
            _loop.Wake();
        }

        return ignored;
    }

    /// <summary>Does one thing that is due: carries out the oldest pending effect, or takes a deadline that has passed. Not for two callers at once.</summary>
    /// <returns>False when nothing is due.</returns>
    public async Task<bool> TurnAsync(CancellationToken cancellation)
    {
        if (_document.Current.Pending is [{ } pending, ..])
        {
            RunEvent? result = await _effects.CarryOutAsync(State, pending.Id, pending.Effect, cancellation);
            await _document.ReplaceAsync(document => document.Complete(pending.Id, result), cancellation);
            return true;
        }

        if (RunMachine.NextDeadline(State) is { } deadline && _time.GetUtcNow() is var now && now >= deadline.At)
        {
            await ApplyAsync(id: null, new DeadlineReached(now, deadline.Key), cancellation);
            return true;
        }

        return false;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _loop.DisposeAsync();
        _document.Dispose();
    }
}
