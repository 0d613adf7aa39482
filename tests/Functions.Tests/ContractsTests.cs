// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Reflection;
using Azure.Messaging.ServiceBus;
using Microsoft.Azure.Functions.Worker;
using Microsoft.Azure.Functions.Worker.Builder;
using Microsoft.Azure.Functions.Worker.Extensions.Abstractions;
using Microsoft.DurableTask;
using Xunit;

namespace FedCloud.Functions.Tests;

/// <summary>What the code may believe of the packages, be they contracts or real.</summary>
public sealed class ContractsTests
{
    [Fact]
    public void Contract_MemberThatNeedsThePackage_NamesIt()
    {
        AssemblyMetadataAttribute? contract = typeof(FunctionsApplication).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().SingleOrDefault(item => item.Key == "FedCloudContract");
        if (contract is null)
        {
            Assert.NotNull(FunctionsApplication.CreateBuilder([])); // built with the real package
            return;
        }

        NotSupportedException error = Assert.ThrowsAny<NotSupportedException>(() => FunctionsApplication.CreateBuilder([]));

        Assert.Equal("Microsoft.Azure.Functions.Worker", contract.Value);
        Assert.Contains("Microsoft.Azure.Functions.Worker", error.Message, StringComparison.Ordinal);
        Assert.Contains("AzurePackages=nuget", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Triggers_Defaults_AreThePackages()
    {
        Assert.Equal(AuthorizationLevel.Function, new HttpTriggerAttribute().AuthLevel);
        Assert.Equal(AuthorizationLevel.Anonymous, new HttpTriggerAttribute("get").AuthLevel);
        Assert.Equal(["get", "post"], new HttpTriggerAttribute(AuthorizationLevel.Admin, "get", "post").Methods!);
        Assert.True(new TimerTriggerAttribute("0 */5 * * * *").UseMonitor);
        Assert.False(new ServiceBusTriggerAttribute("queue").AutoCompleteMessages);
        Assert.Equal(Cardinality.One, ((ISupportCardinality)new ServiceBusTriggerAttribute("queue")).Cardinality);
        Assert.Equal(Cardinality.Many, ((ISupportCardinality)new ServiceBusTriggerAttribute("queue") { IsBatched = true }).Cardinality);
    }

    [Fact]
    public void ReceivedMessage_FromTheFactory_HoldsItsValues()
    {
        Guid token = Guid.NewGuid();

        ServiceBusReceivedMessage message = ServiceBusModelFactory.ServiceBusReceivedMessage(
            BinaryData.FromString("body"), messageId: "id", lockTokenGuid: token, deliveryCount: 3, enqueuedTime: DateTimeOffset.UnixEpoch, timeToLive: TimeSpan.FromHours(1),
            properties: new Dictionary<string, object> { ["DeadLetterReason"] = "signature_invalid" });

        Assert.Equal(("body", "id", 3, "signature_invalid"), (message.Body.ToString(), message.MessageId, message.DeliveryCount, message.DeadLetterReason));
        Assert.Equal(token.ToString(), message.LockToken);
    }

    [Fact]
    public void RetryPolicy_Bounds_AreKept()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryPolicy(0, TimeSpan.FromSeconds(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryPolicy(1, TimeSpan.Zero));
        Assert.Throws<ArgumentOutOfRangeException>(() => new RetryPolicy(1, TimeSpan.FromSeconds(2), maxRetryInterval: TimeSpan.FromSeconds(1)));
        Assert.Equal(TimeSpan.FromHours(1), new RetryPolicy(1, TimeSpan.FromSeconds(1)).MaxRetryInterval);
        Assert.Equal(Timeout.InfiniteTimeSpan, new RetryPolicy(1, TimeSpan.FromSeconds(1)).RetryTimeout);
    }

    [Theory]
    [InlineData("1.10", "1.9", 1)]
    [InlineData("", "1.0", -1)]
    [InlineData("1.0", "", 1)]
    [InlineData(" ", "", 0)]
    [InlineData("b", "A", 1)]
    public void Versions_Order_IsThePackages(string one, string other, int order)
    {
        Assert.Equal(order, Math.Sign(Microsoft.DurableTask.Abstractions.TaskOrchestrationVersioningUtils.CompareVersions(one, other)));
    }
}
