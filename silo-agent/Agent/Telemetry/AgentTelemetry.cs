// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Identity;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace FedCloud.SiloAgent.Telemetry;

/// <summary>Sends the agent's spans and log records to the collector that the administrator names with OpenTelemetry's own variables; without them nothing is collected and nothing leaves.</summary>
internal sealed class AgentTelemetry : IDisposable
{
    private const string Service = "fedcloud-silo";
    private const string Category = "FedCloud.SiloAgent";
    private const int LastFlushMilliseconds = 3_000;

    private readonly TracerProvider _traces;
    private readonly ILoggerFactory _logs;
    private readonly ILogger _logger;

    /// <summary>Begins, with the variables that <see cref="OtlpSettings"/> has found usable.</summary>
    /// <param name="silo">The silo.</param>
    public AgentTelemetry(SiloId silo)
    {
        ResourceBuilder resource = ResourceBuilder.CreateEmpty().AddTelemetrySdk().AddService(Service, serviceInstanceId: silo.Value).AddEnvironmentVariableDetector();
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(TelemetryNames.SiloAgent).AddOtlpExporter().Build();
        _logs = LoggerFactory.Create(logging => logging.AddOpenTelemetry(options => options.SetResourceBuilder(resource).AddOtlpExporter()));
        _logger = _logs.CreateLogger(Category);
    }

    /// <summary>Takes a line for the terminal, and sends what of it may leave.</summary>
    public void Report(string line)
    {
        using JsonDocument json = JsonDocument.Parse(line);
        if (ReportedLine.Of(json.RootElement) is { } reported)
        {
            Log.Reported(_logger, reported.Phase, reported.Job, reported.Round, reported.Code);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A collector that does not answer must not keep the agent.
        _traces.Shutdown(LastFlushMilliseconds);
        _traces.Dispose();
        _logs.Dispose();
    }
}
