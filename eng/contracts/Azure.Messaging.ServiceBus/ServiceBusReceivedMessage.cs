// Copyright (c) FedCloud contributors. Licensed under the MIT License.

#nullable disable
namespace Azure.Messaging.ServiceBus;

/// <summary>A message as a receiver sees it; made by <see cref="ServiceBusModelFactory"/> in tests.</summary>
public class ServiceBusReceivedMessage
{
    internal ServiceBusReceivedMessage()
    {
    }

    public IReadOnlyDictionary<string, object> ApplicationProperties { get; internal init; }
    public BinaryData Body { get; internal init; }
    public string ContentType { get; internal init; }
    public string CorrelationId { get; internal init; }
    public string DeadLetterErrorDescription => ApplicationProperties.TryGetValue("DeadLetterErrorDescription", out object text) ? text as string : null;
    public string DeadLetterReason => ApplicationProperties.TryGetValue("DeadLetterReason", out object text) ? text as string : null;
    public string DeadLetterSource { get; internal init; }
    public int DeliveryCount { get; internal init; }
    public long EnqueuedSequenceNumber { get; internal init; }
    public DateTimeOffset EnqueuedTime { get; internal init; }
    public DateTimeOffset ExpiresAt => TimeToLive >= DateTimeOffset.MaxValue - EnqueuedTime ? DateTimeOffset.MaxValue : EnqueuedTime + TimeToLive;
    public DateTimeOffset LockedUntil { get; internal init; }
    public string LockToken { get; internal init; }
    public string MessageId { get; internal init; }
    public string PartitionKey { get; internal init; }
    public string ReplyTo { get; internal init; }
    public string ReplyToSessionId { get; internal init; }
    public DateTimeOffset ScheduledEnqueueTime { get; internal init; }
    public long SequenceNumber { get; internal init; }
    public string SessionId { get; internal init; }
    public ServiceBusMessageState State { get; internal init; }
    public string Subject { get; internal init; }
    public TimeSpan TimeToLive { get; internal init; }
    public string To { get; internal init; }
    public string TransactionPartitionKey { get; internal init; }

    public override string ToString() => $"{{MessageId:{MessageId}}}";
}
