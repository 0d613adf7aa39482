// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Messaging.ServiceBus;

namespace FedCloud.Cloud.Tests.Mailboxes;

/// <summary>A queue of Service Bus in memory: locks, delivery counts, duplicate detection from the time of sending, dead letters.</summary>
internal sealed class FakeQueue(TimeProvider time, int maxDeliveries = 10)
{
    /// <summary>The largest message of the standard tier, with what the protocol adds.</summary>
    private const int MaxMessageBytes = 256 * 1024;
    private const int ProtocolBytes = 1024;

    private static readonly TimeSpan LockTime = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly List<Message> _messages = [];
    private readonly List<(Message Message, string Reason)> _dead = [];
    private readonly Dictionary<string, DateTimeOffset> _known = new(StringComparer.Ordinal);
    private long _sequence;

    /// <summary>Throws before the broker sees the operation; gets its name.</summary>
    public Action<string> Before { get; set; } = _ => { };

    public TimeSpan? LastWait { get; private set; }

    public void Send(ServiceBusMessage message)
    {
        lock (_gate)
        {
            Before("send");
            if (message.Body.ToMemory().Length + ProtocolBytes > MaxMessageBytes)
            {
                throw Failure(ServiceBusFailureReason.MessageSizeExceeded);
            }

            DateTimeOffset now = time.GetUtcNow();
            if (!_known.TryGetValue(message.MessageId, out DateTimeOffset until) || until < now)
            {
                _known[message.MessageId] = now + TimeSpan.FromMinutes(10);
                _messages.Add(new Message(message.MessageId, message.Body, ++_sequence));
            }
        }
    }

    public IReadOnlyList<ServiceBusReceivedMessage> Receive(int max, TimeSpan? wait)
    {
        lock (_gate)
        {
            Before("receive");
            LastWait = wait;
            DateTimeOffset now = time.GetUtcNow();
            List<ServiceBusReceivedMessage> received = [];
            foreach (Message message in _messages.ToArray())
            {
                if (message.LockedUntil > now || received.Count >= max)
                {
                    continue;
                }

                if (message.Deliveries >= maxDeliveries)
                {
                    PutAside(message, "MaxDeliveryCountExceeded");
                    continue;
                }

                message.Deliveries++;
                message.Token = Guid.NewGuid();
                message.LockedUntil = now + LockTime;
                received.Add(ServiceBusModelFactory.ServiceBusReceivedMessage(
                    message.Body, message.Id, lockTokenGuid: message.Token, deliveryCount: message.Deliveries, lockedUntil: message.LockedUntil, sequenceNumber: message.Sequence));
            }

            return received;
        }
    }

    public void Settle(string operation, ServiceBusReceivedMessage received, Action<Message> act)
    {
        lock (_gate)
        {
            Before(operation);
            Message? message = _messages.Find(message => string.Equals(message.Token.ToString(), received.LockToken, StringComparison.Ordinal));
            act(message is not null && message.LockedUntil > time.GetUtcNow() ? message : throw Failure(ServiceBusFailureReason.MessageLockLost));
        }
    }

    public void Renew(ServiceBusReceivedMessage received) => Settle("renew", received, message => message.LockedUntil = time.GetUtcNow() + LockTime);

    public void Complete(ServiceBusReceivedMessage received) => Settle("complete", received, message => _messages.Remove(message));

    public void Abandon(ServiceBusReceivedMessage received) => Settle("abandon", received, message => message.LockedUntil = default);

    public void DeadLetter(ServiceBusReceivedMessage received, string reason) => Settle("dead letter", received, message => PutAside(message, reason));

    public IReadOnlyList<ServiceBusReceivedMessage> PeekDead(int max, long from)
    {
        lock (_gate)
        {
            Before("peek");
            return
            [
                .. _dead.Where(dead => dead.Message.Sequence >= from).OrderBy(dead => dead.Message.Sequence).Take(Math.Min(max, 2)).Select(dead => ServiceBusModelFactory.ServiceBusReceivedMessage(
                    dead.Message.Body,
                    dead.Message.Id,
                    properties: new Dictionary<string, object>(StringComparer.Ordinal) { ["DeadLetterReason"] = dead.Reason },
                    sequenceNumber: dead.Message.Sequence)),
            ];
        }
    }

    /// <summary>Ends a lock as if its time had run out.</summary>
    public void EndLock(string token)
    {
        lock (_gate)
        {
            if (_messages.Find(message => string.Equals(message.Token.ToString(), token, StringComparison.Ordinal)) is { } message)
            {
                message.LockedUntil = default;
            }
        }
    }

    public static ServiceBusException Failure(ServiceBusFailureReason reason) => new("the broker's words", reason);

    private void PutAside(Message message, string reason)
    {
        _messages.Remove(message);
        _dead.Add((message, reason));
    }

    internal sealed class Message(string id, BinaryData body, long sequence)
    {
        public string Id { get; } = id;

        public BinaryData Body { get; } = body;

        public long Sequence { get; } = sequence;

        public int Deliveries { get; set; }

        public Guid Token { get; set; }

        public DateTimeOffset LockedUntil { get; set; }
    }
}

/// <summary>The namespace of the fake, with one queue.</summary>
internal sealed class FakeServiceBus(FakeQueue queue) : ServiceBusClient
{
    public override ServiceBusSender CreateSender(string queueOrTopicName) => new FakeSender(queue);

    public override ServiceBusReceiver CreateReceiver(string queueName, ServiceBusReceiverOptions options) => new FakeReceiver(queue, options.SubQueue == SubQueue.DeadLetter);

    private static Task Run(Action act)
    {
        try
        {
            act();
            return Task.CompletedTask;
        }
        catch (Exception error)
        {
            return Task.FromException(error);
        }
    }

    private sealed class FakeSender(FakeQueue queue) : ServiceBusSender
    {
        public override Task SendMessageAsync(ServiceBusMessage message, CancellationToken cancellationToken = default) => Run(() => queue.Send(message));

#pragma warning disable CA2215 // The client's own way to close needs a connection, which a stand-in does not have.
        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
#pragma warning restore CA2215
    }

    private sealed class FakeReceiver(FakeQueue queue, bool dead) : ServiceBusReceiver
    {
        public override async Task<IReadOnlyList<ServiceBusReceivedMessage>> ReceiveMessagesAsync(int maxMessages, TimeSpan? maxWaitTime = null, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            return queue.Receive(maxMessages, maxWaitTime);
        }

        public override async Task<IReadOnlyList<ServiceBusReceivedMessage>> PeekMessagesAsync(int maxMessages, long? fromSequenceNumber = null, CancellationToken cancellationToken = default)
        {
            await Task.Yield();
            return dead ? queue.PeekDead(maxMessages, fromSequenceNumber ?? 0) : [];
        }

        public override Task RenewMessageLockAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => Run(() => queue.Renew(message));

        public override Task CompleteMessageAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => Run(() => queue.Complete(message));

        public override Task AbandonMessageAsync(ServiceBusReceivedMessage message, IDictionary<string, object>? propertiesToModify = null, CancellationToken cancellationToken = default) => Run(() => queue.Abandon(message));

        public override Task DeadLetterMessageAsync(ServiceBusReceivedMessage message, string deadLetterReason, string? deadLetterErrorDescription = null, CancellationToken cancellationToken = default) =>
            Run(() => queue.DeadLetter(message, deadLetterReason));

#pragma warning disable CA2215 // The client's own way to close needs a connection, which a stand-in does not have.
        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;
#pragma warning restore CA2215
    }
}
