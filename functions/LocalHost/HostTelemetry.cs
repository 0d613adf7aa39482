// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Api.Events;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace FedCloud.LocalHost;

/// <summary>Sends traces, metrics and log records to the collector that OpenTelemetry's own variables name; without them nothing is collected.</summary>
internal sealed class HostTelemetry : IDisposable
{
    private const string Service = "fedcloud-coordinator";
    private const int LastFlushMilliseconds = 3_000;

    private readonly TracerProvider _traces;
    private readonly MeterProvider _metrics;

    private HostTelemetry(ResourceBuilder resource)
    {
        _traces = Sdk.CreateTracerProviderBuilder().SetResourceBuilder(resource).AddSource(TelemetryNames.Coordinator).AddOtlpExporter().Build();
        _metrics = Sdk.CreateMeterProviderBuilder().SetResourceBuilder(resource).AddMeter(TelemetryNames.Coordinator).AddOtlpExporter().Build();
    }

    /// <summary>Begins; null where no collector is named.</summary>
    /// <param name="federation">The federation.</param>
    /// <param name="logging">Gets another listener.</param>
    /// <param name="variable">The environment.</param>
    /// <exception cref="FedCloudException"><c>setting_missing</c>: a variable is set and unusable.</exception>
    public static HostTelemetry? Start(FederationId federation, ILoggingBuilder logging, Func<string, string?> variable)
    {
        if (!OtlpSettings.IsOn(variable))
        {
            return null;
        }

        ResourceBuilder resource = ResourceBuilder.CreateEmpty().AddTelemetrySdk().AddService(Service, serviceInstanceId: federation.Value).AddEnvironmentVariableDetector();
        logging.AddFilter<OpenTelemetryLoggerProvider>(category: null, LogLevel.None);
        logging.AddFilter<OpenTelemetryLoggerProvider>(LogFields.Category, LogLevel.Information);
        logging.AddOpenTelemetry(options => options.SetResourceBuilder(resource).AddProcessor(new ExportedLog()).AddOtlpExporter());
        return new HostTelemetry(resource);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // A collector that does not answer must not keep the host.
        _traces.Shutdown(LastFlushMilliseconds);
        _metrics.Shutdown(LastFlushMilliseconds);
        _traces.Dispose();
        _metrics.Dispose();
    }
}
