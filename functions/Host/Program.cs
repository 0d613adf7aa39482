// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Api;
using FedCloud.Api.Events;
using FedCloud.Cloud;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Storage;
using FedCloud.Functions;
using FedCloud.Functions.Http;
using FedCloud.Functions.Orchestrations;
using FedCloud.Protocol.Errors;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

try
{
    ContractCheck.Require(typeof(FunctionsApplication));
    CloudSettings settings = CloudSettings.Read(Environment.GetEnvironmentVariable);
    FunctionsApplicationBuilder builder = FunctionsApplication.CreateBuilder(args);
    builder.ConfigureFunctionsWebApplication();
    CloudServices.Add(builder.Services, settings);
    await builder.Build().RunAsync();
    return (int)ExitCode.Done;
}
catch (FedCloudException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return (int)error.Code.Exit;
}
