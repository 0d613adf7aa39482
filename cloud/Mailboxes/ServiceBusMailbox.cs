// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using Azure.Messaging.ServiceBus;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>A mailbox in a queue of Azure Service Bus, received in peek-lock mode.</summary>
/// <remarks>
/// The deployment makes the queue: duplicate detection on, at most ten deliveries, a lock of a minute. The broker drops a
/// duplicate within the window after it was sent and does not say so; <see cref="SendAsync"/> says true then, too. A lock belongs
/// to the mailbox object that received the message. Bodies are frames of at most <see cref="Frame.MaxBytes"/>, which a message of
/// the standard tier (256 KiB with its properties) holds. Messages that no sender of ours makes become dead letters unread.
/// </remarks>
public sealed class ServiceBusMailbox : IMailbox, IAsyncDisposable
{
    private const string ContentType = "application/json";
    private const string BrokerDeliveryLimit = "MaxDeliveryCountExceeded";
    private const int PageOfDeadLetters = 100;

    // The broker's longest lock: what was not renewed for so long is lost.
    private static readonly TimeSpan LongestLock = TimeSpan.FromMinutes(5);

    private readonly ServiceBusClient _client;
    private readonly string _queue;
    private readonly ServiceBusOptions _options;
    private readonly TimeProvider _time;
    private readonly Lazy<ServiceBusSender> _sender;
    private readonly Lazy<ServiceBusReceiver> _receiver;
    private readonly ConcurrentDictionary<string, Held> _held = new(StringComparer.Ordinal);

    /// <summary>Uses a queue.</summary>
    /// <param name="client">The namespace's client, which others share; it stays open.</param>
    /// <param name="queue">The queue's name.</param>
    /// <param name="options">How long receiving waits.</param>
    /// <param name="time">The clock by which forgotten locks are dropped.</param>
    public ServiceBusMailbox(ServiceBusClient client, string queue, ServiceBusOptions options, TimeProvider? time = null)
    {
        _client = client;
        _queue = queue;
        _options = options;
        _time = time ?? TimeProvider.System;
        _sender = new(() => client.CreateSender(queue));
        _receiver = new(() => client.CreateReceiver(queue, new ServiceBusReceiverOptions { ReceiveMode = ServiceBusReceiveMode.PeekLock, PrefetchCount = 0 }));
    }

    /// <inheritdoc/>
    public async Task<bool> SendAsync(MessageId id, byte[] body, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(body);
        if (body.Length > Frame.MaxBytes)
        {
            throw new FedCloudException(ErrorCodes.MessageTooLarge, $"expected at most {Frame.MaxBytes} bytes, found {body.Length}");
        }

        ServiceBusMessage message = new(body) { MessageId = id.Value, ContentType = ContentType };
        await CallAsync(() => _sender.Value.SendMessageAsync(message, cancellation), cancellation);
        return true;
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<ReceivedMessage>> ReceiveAsync(int max, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(max, 1);
        ForgetLostLocks();
        IReadOnlyList<ServiceBusReceivedMessage> messages = [];
        await CallAsync(async () => messages = await _receiver.Value.ReceiveMessagesAsync(max, _options.ReceiveWait, cancellation), cancellation);
        List<ReceivedMessage> received = [];
        foreach (ServiceBusReceivedMessage message in messages)
        {
            Hold(message);
            (byte[]? body, ErrorCode flaw) = Read(message);
            if (body is not null)
            {
                received.Add(new ReceivedMessage(new MessageId(message.MessageId), body, message.DeliveryCount, message.LockToken, message.EnqueuedTime));
            }
            else
            {
                await PutAsideAsync(message, flaw, cancellation);
            }
        }

        return received;
    }

    /// <inheritdoc/>
    public async Task<bool> RenewAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (!await IsDoneAsync(message.Lock, held => _receiver.Value.RenewMessageLockAsync(held, cancellation), cancellation))
        {
            return false;
        }

        if (_held.TryGetValue(message.Lock, out Held? known))
        {
            Hold(known.Message);
        }

        return true;
    }

    /// <inheritdoc/>
    public async Task<bool> CompleteAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        return await SettleAsync(message.Lock, held => _receiver.Value.CompleteMessageAsync(held, cancellation), cancellation);
    }

    /// <inheritdoc/>
    public async Task AbandonAsync(ReceivedMessage message, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        await SettleAsync(message.Lock, held => _receiver.Value.AbandonMessageAsync(held, cancellationToken: cancellation), cancellation);
    }

    /// <inheritdoc/>
    public async Task<bool> DeadLetterAsync(ReceivedMessage message, string reason, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(message);
        return await SettleAsync(message.Lock, held => _receiver.Value.DeadLetterMessageAsync(held, reason, cancellationToken: cancellation), cancellation);
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<DeadLetter>> ListDeadLettersAsync(CancellationToken cancellation)
    {
        await using ServiceBusReceiver dead = _client.CreateReceiver(_queue, new ServiceBusReceiverOptions { SubQueue = SubQueue.DeadLetter });
        List<DeadLetter> letters = [];
        IReadOnlyList<ServiceBusReceivedMessage> page = [];
        long next = 0;
        do
        {
            await CallAsync(async () => page = await dead.PeekMessagesAsync(PageOfDeadLetters, next, cancellation), cancellation);
            letters.AddRange(page.Where(message => MessageId.IsValid(message.MessageId)).Select(message => new DeadLetter(new MessageId(message.MessageId), ReasonOf(message))));
            next = page.Count == 0 ? next : page[^1].SequenceNumber + 1;
        }
        while (page.Count > 0);

        return letters;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_sender.IsValueCreated)
        {
            await _sender.Value.DisposeAsync();
        }

        if (_receiver.IsValueCreated)
        {
            await _receiver.Value.DisposeAsync();
        }
    }

    private static string ReasonOf(ServiceBusReceivedMessage message) => message.DeadLetterReason switch
    {
        BrokerDeliveryLimit => ErrorCodes.DeliveryLimit.Name,
        { } reason => reason,
        null => string.Empty,
    };

    // Whoever may send here may send anything; the flaw counts where there is no body.
    private static (byte[]? Body, ErrorCode Flaw) Read(ServiceBusReceivedMessage message)
    {
        if (!MessageId.IsValid(message.MessageId))
        {
            return (null, ErrorCodes.IdMalformed);
        }

        try
        {
            BinaryData body = message.Body;
            return body.ToMemory().Length > Frame.MaxBytes ? (null, ErrorCodes.MessageTooLarge) : (body.ToArray(), ErrorCodes.MessageMalformed);
        }
        catch (NotSupportedException)
        {
            // A body that is no bytes but a value of the broker's protocol.
            return (null, ErrorCodes.MessageMalformed);
        }
    }

    private void Hold(ServiceBusReceivedMessage message) => _held[message.LockToken] = new Held(message, _time.GetUtcNow() + LongestLock);

    private void ForgetLostLocks()
    {
        DateTimeOffset now = _time.GetUtcNow();
        foreach ((string token, Held held) in _held)
        {
            if (held.LostAt < now)
            {
                _held.TryRemove(token, out _);
            }
        }
    }

    // Trouble on the way leaves the message to its next delivery; the others of this call are not lost for it.
    private async Task PutAsideAsync(ServiceBusReceivedMessage message, ErrorCode flaw, CancellationToken cancellation)
    {
        try
        {
            await SettleAsync(message.LockToken, held => _receiver.Value.DeadLetterMessageAsync(held, flaw.Name, cancellationToken: cancellation), cancellation);
        }
        catch (FedCloudException error) when (ErrorCodes.IsOperational(error.Code))
        {
            _held.TryRemove(message.LockToken, out _);
        }
    }

    private async Task<bool> SettleAsync(string token, Func<ServiceBusReceivedMessage, Task> settle, CancellationToken cancellation)
    {
        bool done = await IsDoneAsync(token, settle, cancellation);
        _held.TryRemove(token, out _);
        return done;
    }

    private async Task<bool> IsDoneAsync(string token, Func<ServiceBusReceivedMessage, Task> act, CancellationToken cancellation)
    {
        if (!_held.TryGetValue(token, out Held? held))
        {
            return false;
        }

        try
        {
            await act(held.Message);
            return true;
        }
        catch (ServiceBusException error) when (ServiceBusErrors.IsLockLost(error))
        {
            _held.TryRemove(token, out _);
            return false;
        }
        catch (Exception error) when (ServiceBusErrors.IsTrouble(error, cancellation))
        {
            throw ServiceBusErrors.Of(error, _queue);
        }
    }

    private async Task CallAsync(Func<Task> call, CancellationToken cancellation)
    {
        try
        {
            await call();
        }
        catch (Exception error) when (ServiceBusErrors.IsTrouble(error, cancellation))
        {
            throw ServiceBusErrors.Of(error, _queue);
        }
    }

    private sealed record Held(ServiceBusReceivedMessage Message, DateTimeOffset LostAt);
}
