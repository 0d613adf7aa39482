// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Contracts;
using OpenTelemetry;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Telemetry that starts and ends with the host. Version 1.20.1.</summary>
public static class OpenTelemetryServicesExtensions
{
    public static OpenTelemetryBuilder AddOpenTelemetry(this IServiceCollection services) =>
        throw new PackageNotRestoredException("OpenTelemetry.Extensions.Hosting", "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
