// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;

namespace FedCloud.Coordinator;

/// <summary>What a coordinator tells its host: the boundary to its logs and its doorbell.</summary>
public interface ICoordinatorEvents
{
    /// <summary>A silo's mailbox may hold something.</summary>
    void RingSilo(SiloId silo);

    /// <summary>A message was put aside.</summary>
    void MessageRefused(MessageId id, FedCloudException reason);

    /// <summary>A verified message had no effect.</summary>
    void EventIgnored(RunId job, string name, string reason);

    /// <summary>An effect failed and will be tried again.</summary>
    void EffectFailed(RunId job, Exception reason);

    /// <summary>A verified message about an epoch had no effect.</summary>
    void EpochEventIgnored(string name, string reason);

    /// <summary>An effect of the epochs failed and will be tried again.</summary>
    void EpochEffectFailed(Exception reason);

    /// <summary>What has outlived the audit window could not be deleted, and will be tried again.</summary>
    void SweepFailed(FedCloudException reason);

    /// <summary>A key could not be rotated, taken into use or disabled: its administrator is needed.</summary>
    void KeyFailed(FedCloudException reason);

    /// <summary>An entry was offered that the log does not take.</summary>
    void EntryRefused(LogEntry entry, ErrorCode reason);

    /// <summary>A checkpoint of the log was signed.</summary>
    void LogGrew(long size);

    /// <summary>The log is not written: for now, or for good where its files contradict each other.</summary>
    void LogFailed(FedCloudException reason);
}
