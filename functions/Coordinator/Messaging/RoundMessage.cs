// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Messaging;

/// <summary>What a silo says about a round under secure aggregation. Whether it fits the round, <see cref="Runs.RoundDesk"/> says.</summary>
/// <param name="Silo">Who signed; of <see cref="Unmask"/>, whose container it names.</param>
/// <param name="Run">The run that the unsigned frame names: a hint, and where it is all there is, a claim to be checked.</param>
public abstract record RoundMessage(SiloId Silo, RunId? Run) : SiloMessage
{
    /// <summary>R2.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Run">The frame's run.</param>
    /// <param name="Id">The message's identity with its signer.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    /// <param name="Upload">Where the vector lies; from the unsigned frame.</param>
    public sealed record Masked(SiloId Silo, RunId? Run, string Id, DsseEnvelope Envelope, MaskedBody Body, FrameBlob Upload) : RoundMessage(Silo, Run);

    /// <summary>R4.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Run">The frame's run.</param>
    /// <param name="Id">The message's identity with its signer.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    public sealed record Consistency(SiloId Silo, RunId? Run, string Id, DsseEnvelope Envelope, ConsistencyBody Body) : RoundMessage(Silo, Run);

    /// <summary>R6: where the silo's encrypted and signed shares lie. The frame is not signed: whether somebody lied is seen when they are read.</summary>
    /// <param name="Silo">Whose container it is.</param>
    /// <param name="Run">The frame's run.</param>
    /// <param name="Upload">The blob.</param>
    public sealed record Unmask(SiloId Silo, RunId? Run, FrameBlob Upload) : RoundMessage(Silo, Run);

    /// <summary>A slot is burned.</summary>
    /// <param name="Silo">Who signed.</param>
    /// <param name="Run">The frame's run.</param>
    /// <param name="Id">The message's identity with its signer.</param>
    /// <param name="Envelope">What was signed.</param>
    /// <param name="Body">The body.</param>
    public sealed record Burned(SiloId Silo, RunId? Run, string Id, DsseEnvelope Envelope, BurnedBody Body) : RoundMessage(Silo, Run);
}
