// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.Extensions.DependencyInjection;

namespace OpenTelemetry;

/// <summary>What the host's services say of telemetry. Version 1.20.1.</summary>
public sealed class OpenTelemetryBuilder : IOpenTelemetryBuilder
{
    internal OpenTelemetryBuilder(IServiceCollection services) => Services = services;

    public IServiceCollection Services { get; }
}
