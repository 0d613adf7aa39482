// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Reflection;
using System.Reflection.Emit;
using Azure.Core;
using Azure.Messaging.ServiceBus;
using Azure.Security.KeyVault.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Cloud.Tests.Credentials;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests;

/// <summary>That a build without the real packages says so before it is used.</summary>
public sealed class ContractCheckTests
{
    [Fact]
    public void Require_Contract_SaysWhichPackage()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => ContractCheck.Require(ContractType()));

        Assert.Equal(ErrorCodes.PackageNotRestored, error.Code);
        Assert.Equal(3, (int)error.Code.Exit);
        Assert.Contains("the package Some.Package", error.Message, StringComparison.Ordinal);
        Assert.Contains("AzurePackages=nuget", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Require_RealPackage_SaysNothing()
    {
        ContractCheck.Require(typeof(TokenCredential));
        ContractCheck.Require(typeof(string));
    }

    [Fact]
    public void IsContract_BothPackages_AreOfOneBuild()
    {
        bool[] contracts = [.. ((Type[])[typeof(ServiceBusClient), typeof(KeyClient)]).Select(ContractCheck.IsContract)];

        Assert.Single(contracts.Distinct());
    }

    [Fact]
    public async Task OpenClient_ContractBuild_SaysSoAtOnce()
    {
        ServiceBusOptions options = new() { Namespace = "fedcloud.servicebus.windows.net" };
        FedCloudException? error = null;
        try
        {
            await using ServiceBusClient client = options.OpenClient(new FakeTokenCredential(TimeProvider.System, TimeSpan.FromHours(1)));
        }
        catch (FedCloudException refused)
        {
            error = refused;
        }

        Assert.Equal(ContractCheck.IsContract(typeof(ServiceBusClient)) ? ErrorCodes.PackageNotRestored : null, error?.Code);
    }

    private static Type ContractType()
    {
        CustomAttributeBuilder metadata = new(
            typeof(AssemblyMetadataAttribute).GetConstructor([typeof(string), typeof(string)]) ?? throw new InvalidOperationException("the base library has it"), ["FedCloudContract", "Some.Package"]);
        return AssemblyBuilder.DefineDynamicAssembly(new AssemblyName("contract"), AssemblyBuilderAccess.Run, [metadata]).DefineDynamicModule("contract").DefineType("Client").CreateType();
    }
}
