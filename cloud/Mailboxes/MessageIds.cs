// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Messages;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>The ids of one sender's messages, rising: storage tells the times of writes to the second only, and a mailbox hands messages out in order of time, then id.</summary>
/// <param name="time">The sender's clock. Where it stands still or goes back, the ids go on by one.</param>
public sealed class MessageIds(TimeProvider time)
{
    private readonly Lock _gate = new();
    private long _last;

    /// <summary>The next id. Safe for several threads.</summary>
    public MessageId Next()
    {
        lock (_gate)
        {
            _last = Math.Max(_last + 1, (time.GetUtcNow() - DateTimeOffset.UnixEpoch).Ticks);
            return MessageId.Of(_last, RandomNumberGenerator.GetBytes(MessageId.RandomBytes));
        }
    }
}
