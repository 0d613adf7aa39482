// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.Extensions.Logging;

namespace FedCloud.Api.Events;

/// <summary>The log lines of the coordinator on any host. Ids are never reused; 1 and 5 are the local host's.</summary>
internal static partial class Log
{
    [LoggerMessage(2, LogLevel.Warning, "Message {Id} is put aside: {Reason}")]
    public static partial void MessageRefused(ILogger logger, string id, string reason);

    [LoggerMessage(3, LogLevel.Debug, "Run {Job}: {Event} had no effect: {Reason}")]
    public static partial void EventIgnored(ILogger logger, string job, string @event, string reason);

    [LoggerMessage(4, LogLevel.Warning, "Run {Job}: an effect failed and will be tried again: {Reason}")]
    public static partial void EffectFailed(ILogger logger, string job, string reason);

    [LoggerMessage(6, LogLevel.Warning, "The log does not take entry {Seq} of {Actor}, {Type}: {Reason}")]
    public static partial void EntryRefused(ILogger logger, string type, string actor, long seq, string reason);

    [LoggerMessage(7, LogLevel.Debug, "The log has {Size} entries")]
    public static partial void LogGrew(ILogger logger, long size);

    [LoggerMessage(8, LogLevel.Warning, "The log is not written: {Reason}")]
    public static partial void LogFailed(ILogger logger, string reason);

    [LoggerMessage(9, LogLevel.Debug, "An epoch: {Event} had no effect: {Reason}")]
    public static partial void EpochEventIgnored(ILogger logger, string @event, string reason);

    [LoggerMessage(10, LogLevel.Warning, "An epoch: an effect failed and will be tried again: {Reason}")]
    public static partial void EpochEffectFailed(ILogger logger, string reason);

    [LoggerMessage(11, LogLevel.Warning, "What has outlived the audit window could not be deleted, and will be tried again: {Reason}")]
    public static partial void SweepFailed(ILogger logger, string reason);

    [LoggerMessage(12, LogLevel.Warning, "A key needs its administrator: {Reason}")]
    public static partial void KeyFailed(ILogger logger, string reason);
}
