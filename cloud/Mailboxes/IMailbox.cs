// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>A mailbox: at-least-once delivery with locks, dead letters and duplicate detection. Order is not promised.</summary>
public interface IMailbox
{
    /// <summary>Sends a message.</summary>
    /// <returns>False when a message with this id was sent before and is still known: while it waits, and for the duplicate window after it was done.</returns>
    /// <exception cref="FedCloudException"><c>message_too_large</c>.</exception>
    Task<bool> SendAsync(MessageId id, byte[] body, CancellationToken cancellation);

    /// <summary>Takes messages that nobody holds and locks them. Does not wait.</summary>
    /// <param name="max">The most messages.</param>
    /// <param name="cancellation">Stops it.</param>
    Task<IReadOnlyList<ReceivedMessage>> ReceiveAsync(int max, CancellationToken cancellation);

    /// <summary>Prolongs the lock; false when it is lost.</summary>
    Task<bool> RenewAsync(ReceivedMessage message, CancellationToken cancellation);

    /// <summary>Says that the message is done; false when its lock is lost, and then it is delivered again.</summary>
    Task<bool> CompleteAsync(ReceivedMessage message, CancellationToken cancellation);

    /// <summary>Gives the message back for another delivery.</summary>
    Task AbandonAsync(ReceivedMessage message, CancellationToken cancellation);

    /// <summary>Puts the message aside for good, with the reason.</summary>
    /// <param name="message">The message.</param>
    /// <param name="reason">A code of the error vocabulary.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>False when the lock is lost, and then the message is delivered again.</returns>
    Task<bool> DeadLetterAsync(ReceivedMessage message, string reason, CancellationToken cancellation);

    /// <summary>The messages that were put aside.</summary>
    Task<IReadOnlyList<DeadLetter>> ListDeadLettersAsync(CancellationToken cancellation);
}

/// <summary>A locked message.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Body">Its bytes.</param>
/// <param name="Delivery">How often it was delivered, this time included.</param>
/// <param name="Lock">What proves that we hold it.</param>
public sealed record ReceivedMessage(MessageId Id, byte[] Body, int Delivery, string Lock);

/// <summary>A message that was put aside.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Reason">Why; a code.</param>
public sealed record DeadLetter(MessageId Id, string Reason);
