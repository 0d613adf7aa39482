// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Messaging.ServiceBus;
using FedCloud.Coordinator;
using FedCloud.Functions.Orchestrations;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using Microsoft.Azure.Functions.Worker;
using Microsoft.DurableTask.Client;

namespace FedCloud.Functions.Messages;

/// <summary>What silos send, and what of it was put aside.</summary>
/// <param name="coordinator">The coordinator.</param>
/// <param name="orchestrations">Hears of the client.</param>
public sealed class MailFunctions(SharedCoordinator coordinator, DurableOrchestrations orchestrations)
{
    private const string Queue = "coordinator";
    private const string Connection = "ServiceBus";

    /// <summary>Takes a message: done with, or put aside with its reason. Where neither can be said the platform gives it back, and it is delivered again.</summary>
    [Function("TakeMessage")]
    public async Task TakeAsync(
        [ServiceBusTrigger(Queue, Connection = Connection, AutoCompleteMessages = false)] ServiceBusReceivedMessage message,
        ServiceBusMessageActions actions,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        ArgumentNullException.ThrowIfNull(actions);
        orchestrations.Use(client);
        ErrorCode? refused = MessageId.IsValid(message.MessageId)
            ? await coordinator.TakeAsync(new MessageId(message.MessageId), message.Body.ToArray(), message.EnqueuedTime, cancellation)
            : ErrorCodes.MessageMalformed;
        await (refused is null
            ? actions.CompleteMessageAsync(message, cancellation)
            : actions.DeadLetterMessageAsync(message, deadLetterReason: refused.Name, deadLetterErrorDescription: refused.Meaning, cancellationToken: cancellation));
    }

    /// <summary>Records in the log what was put aside.</summary>
    [Function("RecordDeadLetters")]
    public async Task RecordAsync(
        [ServiceBusTrigger(Queue + "/$deadletterqueue", Connection = Connection, IsBatched = true, AutoCompleteMessages = false)] ServiceBusReceivedMessage[] messages,
        ServiceBusMessageActions actions,
        [DurableClient] DurableTaskClient client,
        CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(messages);
        ArgumentNullException.ThrowIfNull(actions);
        orchestrations.Use(client);
        await coordinator.RecordDeadLettersAsync(messages.Select(message => (message.Body.ToArray(), (string?)message.DeadLetterReason)), cancellation);
        await Task.WhenAll(messages.Select(message => actions.CompleteMessageAsync(message, cancellation)));
    }
}
