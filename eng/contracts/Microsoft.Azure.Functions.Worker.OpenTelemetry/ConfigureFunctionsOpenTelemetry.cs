// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Contracts;
using OpenTelemetry;

namespace Microsoft.Azure.Functions.Worker.OpenTelemetry;

/// <summary>The worker's resource and traces in OpenTelemetry.</summary>
public static class ConfigureFunctionsOpenTelemetry
{
    public static IOpenTelemetryBuilder UseFunctionsWorkerDefaults(this IOpenTelemetryBuilder builder) =>
        throw new PackageNotRestoredException("Microsoft.Azure.Functions.Worker.OpenTelemetry", "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
