// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>Epochs in storage that several processes share: each call reads their document, and an orchestration sets them going.</summary>
/// <param name="store">The storage.</param>
/// <param name="time">The clock.</param>
/// <param name="wake">Wakes their orchestration, or starts it. Called after what it is to see is durable, and again where that is not certain.</param>
/// <param name="failed">Hears of effects that failed and will be tried again.</param>
public sealed class StoredEpochs(IBlobStore store, TimeProvider time, Func<CancellationToken, Task> wake, Action<Exception> failed) : IEpochs
{
    private EpochEffects? _effects;
    private EpochsState? _opening;

    /// <summary>Says who carries out effects, and how a federation without epochs begins.</summary>
    public void Use(EpochEffects effects, EpochsState opening)
    {
        _effects = effects;
        _opening = opening;
    }

    /// <inheritdoc/>
    public async Task<EpochsState> ReadAsync(CancellationToken cancellation)
    {
        await using EpochActor epochs = await OpenAsync(cancellation);
        return epochs.State;
    }

    /// <inheritdoc/>
    public async Task<string?> ApplyAsync(EpochEvent @event, CancellationToken cancellation)
    {
        await using EpochActor epochs = await OpenAsync(cancellation);
        string? ignored = await epochs.ApplyAsync(@event, cancellation);

        // Also when nothing changed: the message may have come again since its first delivery ended before this.
        await wake(cancellation);
        return ignored;
    }

    /// <summary>Takes a deadline that has passed, and says what is next.</summary>
    public async Task<Outlook> LookAsync(CancellationToken cancellation)
    {
        await using EpochActor epochs = await OpenAsync(cancellation);
        return await epochs.LookAsync(cancellation);
    }

    /// <summary>Carries out an effect, if it is still pending.</summary>
    public async Task CarryOutAsync(long effect, CancellationToken cancellation)
    {
        await using EpochActor epochs = await OpenAsync(cancellation);
        await epochs.CarryOutAsync(effect, cancellation);
    }

    private Task<EpochActor> OpenAsync(CancellationToken cancellation) => EpochActor.StartAsync(
        store,
        _opening ?? throw new InvalidOperationException("the epochs are not taken up"),
        _effects ?? throw new InvalidOperationException("nobody carries out effects"),
        time,
        failed,
        cancellation);
}
