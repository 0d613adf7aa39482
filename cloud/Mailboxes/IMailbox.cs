// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>A mailbox: at-least-once delivery with locks, dead letters and duplicate detection. Order is not promised.</summary>
/// <remarks>Every member may fail with the codes of <see cref="Blobs.IBlobStore"/>, or with <c>mailbox_unreachable</c>, <c>mailbox_denied</c>, <c>mailbox_missing</c>, <c>mailbox_failed</c> or <c>sign_in_failed</c>.</remarks>
public interface IMailbox
{
    /// <summary>Sends a message. One whose id was sent before is not delivered again while it is known.</summary>
    /// <returns>
    /// False when the mailbox says that a message with this id was sent before. Not every mailbox says so: a <see cref="BlobMailbox"/> does,
    /// while the message waits and for the duplicate window after it was done; a <see cref="ServiceBusMailbox"/> drops the duplicate, for
    /// the queue's window after it was sent, and answers true.
    /// </returns>
    /// <exception cref="FedCloudException"><c>message_too_large</c>.</exception>
    Task<bool> SendAsync(MessageId id, byte[] body, CancellationToken cancellation);

    /// <summary>Takes messages that nobody holds and locks them. Does not wait for messages to come, beyond what a mailbox needs to know that there are none.</summary>
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
/// <param name="Sent">When it was sent, or last delivered in vain, by the mailbox's clock; null where it does not say.</param>
public sealed record ReceivedMessage(MessageId Id, byte[] Body, int Delivery, string Lock, DateTimeOffset? Sent = null);

/// <summary>A message that was put aside.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Reason">Why: a code, or the broker's own word where the broker put it aside.</param>
public sealed record DeadLetter(MessageId Id, string Reason);
