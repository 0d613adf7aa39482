// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>The federation's epochs, wherever they are held: in this process, or in storage that several share.</summary>
public interface IEpochs
{
    /// <summary>The epochs as they stand.</summary>
    Task<EpochsState> ReadAsync(CancellationToken cancellation);

    /// <summary>Takes an event; durable when this returns.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    Task<string?> ApplyAsync(EpochEvent @event, CancellationToken cancellation);
}
