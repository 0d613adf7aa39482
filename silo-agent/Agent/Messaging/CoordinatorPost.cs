// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;

namespace FedCloud.SiloAgent.Messaging;

/// <summary>Puts frames into the coordinator's mailbox and rings its bell.</summary>
/// <param name="store">The storage.</param>
/// <param name="time">The clock.</param>
/// <param name="bell">The doorbell; null when there is none.</param>
public sealed class CoordinatorPost(IBlobStore store, TimeProvider time, BellClient? bell)
{
    private readonly BlobMailbox _mailbox = new(store, "mail-coordinator", time);

    /// <summary>Sends a frame.</summary>
    public async Task SendAsync(string type, RunId? run, int? round, ImmutableArray<DsseEnvelope> envelopes, ImmutableArray<FrameBlob> blobs, CancellationToken cancellation)
    {
        Frame frame = new()
        {
            V = Frame.CurrentVersion,
            Id = MessageId.From(RandomNumberGenerator.GetBytes(16)),
            To = "coordinator",
            Run = run,
            Round = round,
            Type = type,
            Trace = null,
            Envelopes = envelopes,
            Blobs = blobs,
        };
        await _mailbox.SendAsync(frame.Id, frame.ToJson(), cancellation);
        if (bell is not null)
        {
            await bell.RingAsync(cancellation);
        }
    }
}
