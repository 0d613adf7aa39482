// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Messaging.ServiceBus;
using FedCloud.Coordinator;
using FedCloud.Functions.Orchestrations;
using FedCloud.Protocol.Errors;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Messages;

/// <summary>What the platform reports: new versions of keys, and what administrators did to the deployment.</summary>
/// <param name="coordinator">The coordinator.</param>
/// <param name="orchestrations">Hears of the client.</param>
public sealed class PlatformFunctions(SharedCoordinator coordinator, DurableOrchestrations orchestrations)
{
    private const string VaultQueue = "vault-events";
    private const string AdministrationQueue = "admin-events";
    private const string Connection = "ServiceBus";

    /// <summary>Something happened to a key. What it was the vault says, and not the event: it is only a reason to look.</summary>
    [Function("TakeVaultEvent")]
    public async Task TakeVaultEventAsync(
        [ServiceBusTrigger(VaultQueue, Connection = Connection, AutoCompleteMessages = false)] ServiceBusReceivedMessage message,
        ServiceBusMessageActions actions,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(actions);
        orchestrations.Use(client);
        await coordinator.CheckKeysAsync(cancellation);
        await actions.CompleteMessageAsync(message, cancellation);
    }

    /// <summary>Records what somebody with rights over vault, roles, storage or code did.</summary>
    [Function("RecordAdministration")]
    public async Task RecordAdministrationAsync(
        [ServiceBusTrigger(AdministrationQueue, Connection = Connection, AutoCompleteMessages = false)] ServiceBusReceivedMessage message,
        ServiceBusMessageActions actions,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(actions);
        orchestrations.Use(client);
        try
        {
            if (CloudEvent.Parse(message.Body.ToMemory()).Action() is { } action)
            {
                await coordinator.RecordAccessAsync(action, cancellation);
            }
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.MessageMalformed)
        {
            await actions.DeadLetterMessageAsync(message, deadLetterReason: error.Code.Name, deadLetterErrorDescription: error.Code.Meaning, cancellationToken: cancellation);
            return;
        }

        await actions.CompleteMessageAsync(message, cancellation);
    }
}
