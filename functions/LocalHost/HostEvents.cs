// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;

namespace FedCloud.LocalHost;

/// <summary>What the coordinator tells: bells ring, log lines appear.</summary>
/// <param name="bell">The bells.</param>
/// <param name="logger">The log.</param>
internal sealed class HostEvents(Doorbell bell, ILogger logger) : ICoordinatorEvents
{
    public void RingSilo(SiloId silo) => bell.Ring(silo);

    public void MessageRefused(MessageId id, FedCloudException reason) => Log.MessageRefused(logger, id.Value, reason.Message);

    public void EventIgnored(RunId job, string name, string reason) => Log.EventIgnored(logger, job.Value, name, reason);

    public void EpochEventIgnored(string name, string reason) => Log.EpochEventIgnored(logger, name, reason);

    public void EpochEffectFailed(Exception reason) => Log.EpochEffectFailed(logger, reason.Message);

    public void SweepFailed(FedCloudException reason) => Log.SweepFailed(logger, reason.Message);

    public void EntryRefused(LogEntry entry, ErrorCode reason) => Log.EntryRefused(logger, entry.Type, entry.Actor.Key.ToString(), entry.Seq, reason.Name);

    public void LogGrew(long size) => Log.LogGrew(logger, size);

    public void LogFailed(FedCloudException reason) => Log.LogFailed(logger, reason.Message);

    public void EffectFailed(RunId job, Exception reason) => Log.EffectFailed(logger, job.Value, reason.Message);
}
