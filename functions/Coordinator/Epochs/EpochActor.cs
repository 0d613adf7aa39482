// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>The federation's epochs on a host.</summary>
public sealed class EpochActor : Actor<EpochDocument, EpochEvent, EpochEffect>, IEpochs
{
    private readonly EpochEffects _effects;

    private EpochActor(HeldDocument<EpochDocument> document, EpochEffects effects, TimeProvider time, Action<Exception> failed)
        : base(document, time, (_, error) => failed(error)) => _effects = effects;

    /// <summary>The epochs as they stand.</summary>
    public EpochsState State => Document.State;

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

    /// <inheritdoc/>
    public Task<EpochsState> ReadAsync(CancellationToken cancellation) => Task.FromResult(State);

    /// <inheritdoc/>
    public Task<string?> ApplyAsync(EpochEvent @event, CancellationToken cancellation) => ApplyAsync(id: null, @event, cancellation);

    /// <inheritdoc/>
    protected override Task<EpochEvent?> PerformAsync(EpochDocument document, Pending<EpochEffect> pending, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(pending);
        return _effects.CarryOutAsync(document.State, pending.Id, pending.Effect, cancellation);
    }
}
