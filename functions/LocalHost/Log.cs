// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.LocalHost;

/// <summary>The log lines of the local coordinator beside those of all hosts. Ids are never reused.</summary>
internal static partial class Log
{
    [LoggerMessage(5, LogLevel.Warning, "The mailbox could not be read and will be tried again: {Reason}")]
    public static partial void MailboxFailed(ILogger logger, string reason);
}
