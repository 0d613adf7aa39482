// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>The federation's epochs on a host: their document, their pending effects one after the other, their next deadline. Decides nothing.</summary>
public sealed class EpochActor : IAsyncDisposable
{
    private readonly HeldDocument<EpochDocument> _document;
    private readonly EpochEffects _effects;
    private readonly TimeProvider _time;
    private readonly ActorLoop _loop;

    private EpochActor(HeldDocument<EpochDocument> document, EpochEffects effects, TimeProvider time, Action<Exception> failed)
    {
        _document = document;
        _effects = effects;
        _time = time;
        _loop = new ActorLoop(TurnAsync, () => EpochMachine.NextDeadline(State)?.At, time, failed);
    }

    /// <summary>The epochs as they stand.</summary>
    public EpochsState State => _document.Current.State;

    /// <summary>Takes up the stored epochs, or begins without any.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="opening">The state of a federation without epochs; its slots and its time for a step count from the next epoch on.</param>
    /// <param name="effects">Carries out effects.</param>
    /// <param name="time">The clock.</param>
    /// <param name="failed">Hears of effects that failed and will be tried again.</param>
    /// <param name="cancellation">Stops it.</param>
    public static async Task<EpochActor> StartAsync(
        IBlobStore store, EpochsState opening, EpochEffects effects, TimeProvider time, Action<Exception> failed, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(opening);
        StoredDocument<EpochDocument> stored = new(store, StorageNames.Epochs, DocumentJson.Default.EpochDocument);
        HeldDocument<EpochDocument> document = await stored.HoldAsync(() => new EpochDocument { State = opening }, cancellation);
        await document.ReplaceAsync(found => found.With(opening.Slots, opening.StepTimeout), cancellation);
        return new EpochActor(document, effects, time, failed);
    }

    /// <summary>Lets the epochs go on by themselves; else their owner calls <see cref="TurnAsync"/>.</summary>
    public void Begin() => _loop.Begin();

    /// <summary>Takes an event from outside; durable when this returns.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    public async Task<string?> ApplyAsync(EpochEvent @event, CancellationToken cancellation)
    {
        string? ignored = null;
        if (await _document.ReplaceAsync(document => document.Apply(@event, out ignored), cancellation))
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
            EpochEvent? result = await _effects.CarryOutAsync(State, pending.Id, pending.Effect, cancellation);
            await _document.ReplaceAsync(document => document.Complete(pending.Id, result), cancellation);
            return true;
        }

        if (EpochMachine.NextDeadline(State) is { } deadline && _time.GetUtcNow() is var now && now >= deadline.At)
        {
            await ApplyAsync(new EpochDeadlineReached(now, deadline.Sid), cancellation);
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
