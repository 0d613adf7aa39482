// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Telemetry;

namespace FedCloud.SiloAgent.Messaging;

/// <summary>Puts frames into the coordinator's mailbox and rings its bell.</summary>
/// <param name="mailbox">The coordinator's mailbox.</param>
/// <param name="time">The clock.</param>
/// <param name="bell">The doorbell; null when there is none.</param>
public sealed class CoordinatorPost(IMailbox mailbox, TimeProvider time, BellClient? bell)
{
    private readonly MessageIds _ids = new(time);

    /// <summary>Sends a frame.</summary>
    public async Task SendAsync(string type, RunId? run, int? round, ImmutableArray<DsseEnvelope> envelopes, ImmutableArray<FrameBlob> blobs, CancellationToken cancellation)
    {
        Frame frame = new()
        {
            V = Frame.CurrentVersion,
            Id = _ids.Next(),
            To = "coordinator",
            Run = run,
            Round = round,
            Type = type,
            Trace = AgentTraces.Outgoing,
            Envelopes = envelopes,
            Blobs = blobs,
        };

        // A fresh id that is taken is our own, sent before by a try whose answer was lost.
        await mailbox.SendAsync(frame.Id, frame.ToJson(), cancellation);
        if (bell is not null)
        {
            await bell.RingAsync(cancellation);
        }
    }
}
