// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using OpenTelemetry;
using OpenTelemetry.Logs;

namespace FedCloud.Api.Events;

/// <summary>Cuts a log record to what may leave the host, before any exporter sees it: lines of frameworks keep their template, and nothing of what was put into it.</summary>
public sealed class ExportedLog : BaseProcessor<LogRecord>
{
    /// <inheritdoc/>
    public override void OnEnd(LogRecord data)
    {
        ArgumentNullException.ThrowIfNull(data);
        data.Attributes = LogFields.Allowed(data.Attributes);
        data.FormattedMessage = null;
        data.Exception = null;
    }
}
