// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>Epochs in this process, which are there once they are taken up.</summary>
public sealed class LocalEpochs : IEpochs, IAsyncDisposable
{
    private EpochActor? _actor;

    /// <summary>The epochs.</summary>
    public EpochActor Actor => _actor ?? throw new InvalidOperationException("the epochs are not taken up");

    /// <summary>Takes them up.</summary>
    public void TakeUp(EpochActor actor) => _actor = actor;

    /// <inheritdoc/>
    public Task<EpochsState> ReadAsync(CancellationToken cancellation) => Actor.ReadAsync(cancellation);

    /// <inheritdoc/>
    public Task<string?> ApplyAsync(EpochEvent @event, CancellationToken cancellation) => Actor.ApplyAsync(@event, cancellation);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _actor?.DisposeAsync() ?? ValueTask.CompletedTask;
}
