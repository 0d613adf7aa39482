// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Core;
using Azure.Monitor.OpenTelemetry.Exporter;
using FedCloud.Api.Events;
using FedCloud.Cloud.Credentials;
using FedCloud.Cloud.Telemetry;
using FedCloud.Protocol.Errors;
using Microsoft.Azure.Functions.Worker.OpenTelemetry;
using Microsoft.Extensions.DependencyInjection;
using OpenTelemetry;
using OpenTelemetry.Logs;

namespace FedCloud.Functions;

/// <summary>Sends the coordinator's traces, metrics and log records to Application Insights, under an identity: the component takes no key.</summary>
public static class CloudTelemetry
{
    private const string Connection = "APPLICATIONINSIGHTS_CONNECTION_STRING";
    private const string Authentication = "APPLICATIONINSIGHTS_AUTHENTICATION_STRING";

    /// <summary>Adds what a deployment asks for; nothing where it names no component.</summary>
    /// <param name="services">The host's services.</param>
    /// <param name="variable">The app settings.</param>
    /// <exception cref="FedCloudException"><c>setting_missing</c>.</exception>
    public static void Add(IServiceCollection services, Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(variable);
        if (variable(Connection) is { Length: > 0 } connection)
        {
            TokenCredential credential = AzureCredentials.Make(new AzureIdentitySettings(IdentityKind.Managed, ClientOf(variable(Authentication))));
            IOpenTelemetryBuilder telemetry = services.AddOpenTelemetry();
            Listen(telemetry).UseFunctionsWorkerDefaults().UseAzureMonitorExporter(options =>
            {
                options.ConnectionString = connection;
                options.Credential = credential;

                // A live stream shows samples as they are, past every processor.
                options.EnableLiveMetrics = false;
            });
        }
    }

    /// <summary>What is listened to; log records are cut to what may leave before an exporter that is added later sees them.</summary>
    public static IOpenTelemetryBuilder Listen(IOpenTelemetryBuilder telemetry) => telemetry
        .WithTracing(traces => traces.AddSource(TelemetryNames.Coordinator))
        .WithMetrics(metrics => metrics.AddMeter(TelemetryNames.Coordinator))
        .WithLogging(logs => logs.AddProcessor(new ExportedLog()));

    /// <summary>The identity that telemetry is sent under, as the platform's own setting names it: <c>ClientId=…;Authorization=AAD</c>.</summary>
    /// <exception cref="FedCloudException"><c>setting_missing</c>.</exception>
    public static string ClientOf(string? authentication)
    {
        string? client = (authentication ?? string.Empty).Split(';').Select(part => part.Split('=', 2)).FirstOrDefault(part => string.Equals(part[0], "ClientId", StringComparison.OrdinalIgnoreCase))?.ElementAtOrDefault(1);
        return Guid.TryParse(client, out Guid id)
            ? id.ToString()
            : throw new FedCloudException(ErrorCodes.SettingMissing, $"expected {Authentication} to name the client id of a managed identity, found something else");
    }
}
