// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Coordinator.Telemetry;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>One run on a host.</summary>
public sealed class RunActor : Actor<RunDocument, RunEvent, RunEffect>
{
    private readonly RunEffects _effects;

    private RunActor(HeldDocument<RunDocument> document, RunEffects effects, TimeProvider time, Action<RunId, Exception> failed)
        : base(document, time, (run, error) => failed(run.State.Config.Job, error)) => _effects = effects;

    /// <summary>The run as it stands.</summary>
    public RunState State => Document.State;

    /// <summary>Takes up a run: one that is stored, or else a new one.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="job">The run.</param>
    /// <param name="opened">The document of a new run; null where the run must be stored already.</param>
    /// <param name="effects">Carries out effects.</param>
    /// <param name="time">The clock.</param>
    /// <param name="failed">Hears of effects that failed and will be tried again.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>run_missing</c> or <c>storage_*</c>.</exception>
    public static async Task<RunActor> StartAsync(
        IBlobStore store, RunId job, RunDocument? opened, RunEffects effects, TimeProvider time, Action<RunId, Exception> failed, CancellationToken cancellation)
    {
        RunDocument First() => opened ?? throw new FedCloudException(ErrorCodes.RunMissing, $"there is no run {job}");
        StoredDocument<RunDocument> stored = new(store, StorageNames.Run(job), DocumentJson.Default.RunDocument);
        return new RunActor(await stored.HoldAsync(First, cancellation), effects, time, failed);
    }

    /// <inheritdoc/>
    protected override Task<RunEvent?> PerformAsync(RunDocument document, Pending<RunEffect> pending, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(pending);
        return _effects.CarryOutAsync(document.State, pending.Id, pending.Effect, cancellation);
    }

    /// <inheritdoc/>
    protected override int PartsOf(RunDocument document, Pending<RunEffect> pending)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(pending);
        return RunEffects.PartsOf(document.State, pending.Effect);
    }

    /// <inheritdoc/>
    protected override Task PerformPartAsync(RunDocument document, Pending<RunEffect> pending, int part, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(document);
        ArgumentNullException.ThrowIfNull(pending);
        return _effects.CarryOutPartAsync(document.State, pending.Id, pending.Effect, part, cancellation);
    }

    /// <inheritdoc/>
    protected override bool IsIndependent(RunEffect effect) => RunEffects.IsIndependent(effect);

    /// <inheritdoc/>
    protected override bool IsBeginning(RunEffect effect) => effect is PrepareInitialModel or SendOffer or SendStart or SendSecureStart;

    /// <inheritdoc/>
    protected override void Describe(RunDocument document, Activity? span)
    {
        ArgumentNullException.ThrowIfNull(document);
        CoordinatorTraces.Name(span, document.State.Config.Job, document.State.LastRound);
    }

    /// <inheritdoc/>
    protected override void Changed(RunDocument before, RunDocument after) => CoordinatorMetrics.Changed(before, after);
}
