// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Contracts;

namespace Microsoft.Azure.Functions.Worker.Builder;

/// <summary>Requests and results of ASP.NET Core in HTTP functions.</summary>
public static class FunctionsApplicationBuilderAspNetCoreExtensions
{
    public static FunctionsApplicationBuilder ConfigureFunctionsWebApplication(this FunctionsApplicationBuilder builder) =>
        throw new PackageNotRestoredException("Microsoft.Azure.Functions.Worker.Extensions.Http.AspNetCore", "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
