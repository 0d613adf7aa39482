// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Messaging.ServiceBus;
using Microsoft.Azure.Functions.Worker;

namespace FedCloud.Functions.Tests.Messages;

/// <summary>The queue and the platform between it and the functions: a message whose function fails comes again, and after a hundred times goes where dead letters lie.</summary>
internal sealed class Broker : ServiceBusMessageActions
{
    /// <summary>As the deployment sets the queues up.</summary>
    public const int MaxDeliveries = 100;

    private readonly List<Letter> _queue = [];
    private readonly List<(Letter Letter, string Reason)> _dead = [];
    private readonly Dictionary<string, Letter> _locked = new(StringComparer.Ordinal);

    /// <summary>Messages that wait.</summary>
    public int Waiting => _queue.Count;

    /// <summary>Why messages lie among the dead letters.</summary>
    public IEnumerable<string> Reasons => _dead.Select(dead => dead.Reason);

    /// <summary>Ends every lock before its message is settled, as a function does that took too long.</summary>
    public bool LosesLocks { get; set; }

    public void Send(string id, byte[] body) => _queue.Add(new Letter(id, BinaryData.FromBytes(body)));

    /// <summary>Calls the function with the oldest message, or the newest one.</summary>
    /// <returns>What the function threw; null for nothing.</returns>
    public async Task<Exception?> DeliverAsync(Func<ServiceBusReceivedMessage, Task> function, bool newest = false)
    {
        Letter letter = newest ? _queue[^1] : _queue[0];
        letter.Deliveries++;
        ServiceBusReceivedMessage message = Lock(letter, reason: null);
        Exception? failed = await Record(() => function(message));
        _locked.Clear();
        if (failed is not null && letter.Deliveries >= MaxDeliveries && _queue.Remove(letter))
        {
            _dead.Add((letter, "MaxDeliveryCountExceeded"));
        }

        return failed;
    }

    /// <summary>Calls the function with all dead letters at once.</summary>
    public async Task<Exception?> DrainAsync(Func<ServiceBusReceivedMessage[], Task> function)
    {
        ServiceBusReceivedMessage[] messages = [.. _dead.Select(dead => Lock(dead.Letter, dead.Reason))];
        Exception? failed = await Record(() => function(messages));
        _locked.Clear();
        return failed;
    }

    public override Task CompleteMessageAsync(ServiceBusReceivedMessage message, CancellationToken cancellationToken = default) => Settle(message, letter =>
    {
        _queue.Remove(letter);
        _dead.RemoveAll(dead => dead.Letter == letter);
    });

    public override Task DeadLetterMessageAsync(
        ServiceBusReceivedMessage message,
        Dictionary<string, object>? propertiesToModify = null,
        string? deadLetterReason = null,
        string? deadLetterErrorDescription = null,
        CancellationToken cancellationToken = default) => Settle(message, letter =>
        {
            _queue.Remove(letter);
            _dead.Add((letter, deadLetterReason ?? string.Empty));
        });

    private static async Task<Exception?> Record(Func<Task> function) => await Xunit.Record.ExceptionAsync(function);

    private ServiceBusReceivedMessage Lock(Letter letter, string? reason)
    {
        Guid token = Guid.NewGuid();
        _locked[token.ToString()] = letter;
        Dictionary<string, object> properties = new(StringComparer.Ordinal);
        if (reason is not null)
        {
            properties["DeadLetterReason"] = reason;
        }

        return ServiceBusModelFactory.ServiceBusReceivedMessage(letter.Body, letter.Id, lockTokenGuid: token, deliveryCount: letter.Deliveries, properties: properties);
    }

    private Task Settle(ServiceBusReceivedMessage message, Action<Letter> act)
    {
        if (LosesLocks || !_locked.Remove(message.LockToken, out Letter? letter))
        {
            throw new ServiceBusException("the broker's words", ServiceBusFailureReason.MessageLockLost);
        }

        act(letter);
        return Task.CompletedTask;
    }

    private sealed class Letter(string id, BinaryData body)
    {
        public string Id { get; } = id;

        public BinaryData Body { get; } = body;

        public int Deliveries { get; set; }
    }
}
