// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace FedCloud.Api.Events;

/// <summary>What the coordinator tells: bells ring, log lines appear.</summary>
/// <param name="ring">Rings a silo's bell.</param>
/// <param name="logger">The log.</param>
public sealed class LoggedEvents(Action<SiloId> ring, ILogger logger) : ICoordinatorEvents
{
    /// <inheritdoc/>
    public void RingSilo(SiloId silo) => ring(silo);

    /// <inheritdoc/>
    public void MessageRefused(MessageId id, FedCloudException reason) => Log.MessageRefused(logger, id.Value, reason.Message);

    /// <inheritdoc/>
    public void EventIgnored(RunId job, string name, string reason) => Log.EventIgnored(logger, job.Value, name, reason);

    /// <inheritdoc/>
    public void EpochEventIgnored(string name, string reason) => Log.EpochEventIgnored(logger, name, reason);

    /// <inheritdoc/>
    public void EpochEffectFailed(Exception reason) => Log.EpochEffectFailed(logger, reason.Message);

    /// <inheritdoc/>
    public void SweepFailed(FedCloudException reason) => Log.SweepFailed(logger, reason.Message);

    /// <inheritdoc/>
    public void KeyFailed(FedCloudException reason) => Log.KeyFailed(logger, reason.Message);

    /// <inheritdoc/>
    public void EntryRefused(LogEntry entry, ErrorCode reason) => Log.EntryRefused(logger, entry.Type, entry.Actor.Key.ToString(), entry.Seq, reason.Name);

    /// <inheritdoc/>
    public void LogGrew(long size) => Log.LogGrew(logger, size);

    /// <inheritdoc/>
    public void LogFailed(FedCloudException reason) => Log.LogFailed(logger, reason.Message);

    /// <inheritdoc/>
    public void EffectFailed(RunId job, Exception reason) => Log.EffectFailed(logger, job.Value, reason.Message);
}
