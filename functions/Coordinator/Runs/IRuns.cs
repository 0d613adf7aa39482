// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>The runs of a federation, wherever they are held: in this process, or in storage that several share.</summary>
public interface IRuns
{
    /// <summary>All runs.</summary>
    Task<IReadOnlyList<RunState>> ListAsync(CancellationToken cancellation);

    /// <summary>The runs that are not over.</summary>
    Task<IReadOnlyList<RunId>> ActiveAsync(CancellationToken cancellation);

    /// <summary>A run; null where there is none.</summary>
    Task<RunDocument?> FindAsync(RunId job, CancellationToken cancellation);

    /// <summary>Begins a run.</summary>
    /// <returns>The run under this id, which may be one that was begun before.</returns>
    Task<RunState> OpenAsync(RunDocument opened, CancellationToken cancellation);

    /// <summary>Takes an event; durable when this returns.</summary>
    /// <returns>Why it had no effect; null when it had one.</returns>
    /// <exception cref="FedCloudException"><c>run_missing</c>.</exception>
    Task<string?> ApplyAsync(RunId job, string? id, RunEvent @event, CancellationToken cancellation);
}
