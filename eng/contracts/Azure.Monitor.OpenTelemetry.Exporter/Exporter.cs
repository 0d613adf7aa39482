// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Core;
using FedCloud.Contracts;
using OpenTelemetry;

// Listing: sdk/monitor/Azure.Monitor.OpenTelemetry.Exporter/api, version 1.9.0.
namespace Azure.Monitor.OpenTelemetry.Exporter;

public class AzureMonitorExporterOptions : ClientOptions
{
    public string ConnectionString { get; set; }

    public TokenCredential Credential { get; set; }

    public bool EnableLiveMetrics { get; set; } = true;
}

public static class OpenTelemetryBuilderExtensions
{
    public static IOpenTelemetryBuilder UseAzureMonitorExporter(this IOpenTelemetryBuilder builder, Action<AzureMonitorExporterOptions> configureAzureMonitor) =>
        throw new PackageNotRestoredException("Azure.Monitor.OpenTelemetry.Exporter", "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
