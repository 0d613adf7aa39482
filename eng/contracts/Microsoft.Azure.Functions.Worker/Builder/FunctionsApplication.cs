// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Contracts;

namespace Microsoft.Azure.Functions.Worker.Builder;

/// <summary>Where an isolated app begins.</summary>
public class FunctionsApplication
{
    public static FunctionsApplicationBuilder CreateBuilder(string[] args) =>
        throw new PackageNotRestoredException("Microsoft.Azure.Functions.Worker", "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
