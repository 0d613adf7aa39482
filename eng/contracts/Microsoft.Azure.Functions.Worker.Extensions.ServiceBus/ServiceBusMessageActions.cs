// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Messaging.ServiceBus;
using FedCloud.Contracts;

namespace Microsoft.Azure.Functions.Worker;

/// <summary>Settles the message that started a function; tests derive from it.</summary>
public class ServiceBusMessageActions
{
    protected ServiceBusMessageActions()
    {
    }

    public virtual Task CompleteMessageAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => throw Missing();

    public virtual Task AbandonMessageAsync(ServiceBusReceivedMessage message, IDictionary<string, object>? propertiesToModify = default, CancellationToken cancellationToken = default) => throw Missing();

    public virtual Task DeadLetterMessageAsync(ServiceBusReceivedMessage message, Dictionary<string, object>? propertiesToModify = default, string? deadLetterReason = default, string? deadLetterErrorDescription = default, CancellationToken cancellationToken = default) => throw Missing();

    public virtual Task DeferMessageAsync(ServiceBusReceivedMessage message, IDictionary<string, object>? propertiesToModify = default, CancellationToken cancellationToken = default) => throw Missing();

    public virtual Task RenewMessageLockAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => throw Missing();

    private static PackageNotRestoredException Missing() =>
        new("Microsoft.Azure.Functions.Worker.Extensions.ServiceBus", "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
