// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Coordinator;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;

namespace FedCloud.Simulation.Tests.Whole;

/// <content>What the coordinator says.</content>
internal sealed partial class WholeFederation
{
    void ICoordinatorEvents.RingSilo(SiloId silo)
    {
    }

    void ICoordinatorEvents.MessageRefused(MessageId id, FedCloudException reason) => _refused.Add(reason.Message);

    void ICoordinatorEvents.EventIgnored(RunId job, string name, string reason)
    {
    }

    void ICoordinatorEvents.EntryRefused(LogEntry entry, ErrorCode reason) => _refused.Add($"{entry.Type} {entry.Seq} of {entry.Actor.Key}: {reason}");

    void ICoordinatorEvents.LogGrew(long size)
    {
        if (_backend is { } backend)
        {
            backend.Worked = true;
        }
    }

    void ICoordinatorEvents.LogFailed(FedCloudException reason) => _refused.Add(reason.Message);

    void ICoordinatorEvents.EpochEventIgnored(string name, string reason)
    {
    }

    void ICoordinatorEvents.EpochEffectFailed(Exception reason)
    {
    }

    void ICoordinatorEvents.KeyFailed(FedCloudException reason) => _refused.Add(reason.Message);

    void ICoordinatorEvents.SweepFailed(FedCloudException reason) => _refused.Add(reason.Message);

    void ICoordinatorEvents.EffectFailed(RunId job, Exception reason)
    {
    }
}
