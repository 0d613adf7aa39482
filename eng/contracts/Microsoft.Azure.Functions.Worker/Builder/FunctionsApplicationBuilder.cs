// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Contracts;
using Microsoft.Azure.Functions.Worker.Middleware;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace Microsoft.Azure.Functions.Worker.Builder;

/// <summary>The builder of an isolated app.</summary>
public class FunctionsApplicationBuilder : IHostApplicationBuilder, IFunctionsWorkerApplicationBuilder
{
    internal FunctionsApplicationBuilder()
    {
    }

    public IDictionary<object, object> Properties => throw Missing();
    public ConfigurationManager Configuration => throw Missing();
    public IHostEnvironment Environment => throw Missing();
    public ILoggingBuilder Logging => throw Missing();
    public IMetricsBuilder Metrics => throw Missing();
    public IServiceCollection Services => throw Missing();

    IConfigurationManager IHostApplicationBuilder.Configuration => throw Missing();

    public IHost Build() => throw Missing();

    public void ConfigureContainer<TContainerBuilder>(IServiceProviderFactory<TContainerBuilder> factory, Action<TContainerBuilder>? configure = null)
        where TContainerBuilder : notnull =>
        throw Missing();

    public IFunctionsWorkerApplicationBuilder Use(Func<FunctionExecutionDelegate, FunctionExecutionDelegate> middleware) => throw Missing();

    private static PackageNotRestoredException Missing() =>
        new("Microsoft.Azure.Functions.Worker", "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
