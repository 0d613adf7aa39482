// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cloud.Mailboxes;

/// <summary>The mailboxes of a federation.</summary>
public interface IMailboxes
{
    /// <summary>A mailbox to send to.</summary>
    /// <param name="name">Its name, see <see cref="MailboxNames"/>.</param>
    IMailbox Open(string name);

    /// <summary>A mailbox to receive from, perhaps under another identity.</summary>
    /// <param name="name">Its name, see <see cref="MailboxNames"/>.</param>
    IMailbox OpenOwn(string name);
}
