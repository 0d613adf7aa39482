// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.Extensions.Logging;

namespace FedCloud.SiloAgent.Telemetry;

/// <summary>The log records of an agent that exports. Ids are never reused.</summary>
internal static partial class Log
{
    [LoggerMessage(101, LogLevel.Information, "{Phase} {Job} {Round} {Code}")]
    public static partial void Reported(ILogger logger, string phase, string? job, int? round, string? code);
}
