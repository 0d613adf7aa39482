// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Messaging;

/// <summary>A silo's signed body about an epoch. Whether it fits the epoch, <see cref="Epochs.EpochDesk"/> says.</summary>
/// <param name="Silo">Who signed.</param>
/// <param name="Envelope">What was signed.</param>
public abstract record EpochMessage(SiloId Silo, DsseEnvelope Envelope) : SiloMessage
{
    /// <summary>E1.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    public sealed record Advertise(SiloId Silo, DsseEnvelope Envelope, AdvertiseBody Body) : EpochMessage(Silo, Envelope);

    /// <summary>E3.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    /// <param name="Upload">Where ciphertexts and slices lie; from the unsigned frame.</param>
    public sealed record Shares(SiloId Silo, DsseEnvelope Envelope, SharesBody Body, FrameBlob Upload) : EpochMessage(Silo, Envelope);

    /// <summary>E5.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    public sealed record Ack(SiloId Silo, DsseEnvelope Envelope, ShareAckBody Body) : EpochMessage(Silo, Envelope);

    /// <summary>Instead of E5.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    public sealed record Complaint(SiloId Silo, DsseEnvelope Envelope, ComplaintBody Body) : EpochMessage(Silo, Envelope);

    /// <summary>Which epochs a silo holds.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    public sealed record Report(SiloId Silo, DsseEnvelope Envelope, EpochReportBody Body) : EpochMessage(Silo, Envelope);
}
