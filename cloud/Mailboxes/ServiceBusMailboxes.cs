// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using Azure.Messaging.ServiceBus;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>Mailboxes in queues, see <see cref="MailboxNames.Queue"/>.</summary>
/// <param name="sender">The client under the identity that may send.</param>
/// <param name="receiverOf">The client under the identity that may receive from a mailbox.</param>
/// <param name="options">How long receiving waits.</param>
/// <param name="time">The clock.</param>
public sealed class ServiceBusMailboxes(ServiceBusClient sender, Func<string, ServiceBusClient> receiverOf, ServiceBusOptions options, TimeProvider time) : IMailboxes
{
    // A mailbox holds a link to its queue, and locks are its own.
    private readonly ConcurrentDictionary<string, ServiceBusMailbox> _senders = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, ServiceBusMailbox> _receivers = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public IMailbox Open(string name) => _senders.GetOrAdd(name, _ => new ServiceBusMailbox(sender, MailboxNames.Queue(name), options, time));

    /// <inheritdoc/>
    public IMailbox OpenOwn(string name) => _receivers.GetOrAdd(name, _ => new ServiceBusMailbox(receiverOf(name), MailboxNames.Queue(name), options, time));
}
