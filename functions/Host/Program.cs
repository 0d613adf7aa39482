// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud;
using FedCloud.Functions;
using FedCloud.Protocol.Errors;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Extensions.Hosting;

try
{
    ContractCheck.Require(typeof(FunctionsApplication));
    CloudSettings settings = CloudSettings.Read(Environment.GetEnvironmentVariable);
    FunctionsApplicationBuilder builder = FunctionsApplication.CreateBuilder(args);
    builder.ConfigureFunctionsWebApplication();
    CloudServices.Add(builder.Services, settings);
    CloudTelemetry.Add(builder.Services, Environment.GetEnvironmentVariable);
    await builder.Build().RunAsync();
    return (int)ExitCode.Done;
}
catch (FedCloudException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    return (int)error.Code.Exit;
}
