// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>Mailboxes in blob containers of their names.</summary>
/// <param name="store">The storage.</param>
/// <param name="time">The clock.</param>
public sealed class BlobMailboxes(IBlobStore store, TimeProvider time) : IMailboxes
{
    /// <inheritdoc/>
    public IMailbox Open(string name) => new BlobMailbox(store, name, time);

    /// <inheritdoc/>
    public IMailbox OpenOwn(string name) => Open(name);
}
