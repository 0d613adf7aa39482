// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cloud.Mailboxes;

/// <summary>The mailboxes of a federation.</summary>
public interface IMailboxes
{
    /// <summary>A mailbox.</summary>
    /// <param name="name">Its name, see <see cref="MailboxNames"/>.</param>
    IMailbox Open(string name);
}
