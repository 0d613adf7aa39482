// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;

namespace FedCloud.SiloAgent.Messaging;

/// <summary>What a frame from the coordinator came to after its signatures were verified.</summary>
public abstract record CoordinatorMessage
{
    /// <summary>A plan is offered.</summary>
    public sealed record Offer(PlanOfferBody Body) : CoordinatorMessage;

    /// <summary>A round begins.</summary>
    public sealed record Start(PlainStartBody Body, Sha256Digest Rid, PlainResultBody? Previous) : CoordinatorMessage;

    /// <summary>A round is committed.</summary>
    public sealed record Result(PlainResultBody Body) : CoordinatorMessage;

    /// <summary>A round is given up.</summary>
    public sealed record Abandoned(PlainAbandonedBody Body) : CoordinatorMessage;

    /// <summary>A run is over.</summary>
    public sealed record Ended(RunEndedBody Body) : CoordinatorMessage;

    /// <summary>An upload is to be encrypted again.</summary>
    public sealed record UploadAgain(UploadAgainBody Body) : CoordinatorMessage;

    /// <summary>A version of the wrapping key.</summary>
    public sealed record WrappingKey(KekCurrentBody Body, DsseEnvelope Envelope) : CoordinatorMessage;

    /// <summary>A roster waits for signatures; it lies in storage.</summary>
    public sealed record Proposal(RosterProposalBody Body) : CoordinatorMessage;

    /// <summary>This version of the roster may be in force. A hint: storage has the roster, and its signatures say so.</summary>
    public sealed record NewRoster(int Version) : CoordinatorMessage;
}

/// <summary>Turns frames into verified facts: signature of the coordinator's key first, then canonical form, then members.</summary>
public static class CoordinatorIntake
{
    /// <summary>Verifies a frame's envelopes.</summary>
    /// <exception cref="FedCloudException"><c>signature_invalid</c>, <c>json_not_canonical</c>, <c>body_malformed</c>, <c>message_malformed</c>.</exception>
    public static ImmutableArray<CoordinatorMessage> Verify(Frame frame, VerificationKey coordinator)
    {
        ArgumentNullException.ThrowIfNull(frame);
        List<CoordinatorMessage> messages = [];
        PlainResultBody? previous = null;
        (PlainStartBody Body, Sha256Digest Rid)? start = null;
        foreach (DsseEnvelope envelope in frame.Envelopes)
        {
            envelope.RequireSignedBy(coordinator, envelope.PayloadType, frame.Type);
            switch (envelope.BodyType)
            {
                case RunBody.Offer:
                    messages.Add(new CoordinatorMessage.Offer(Parse(envelope, RunBodyJson.Default.PlanOfferBody, RunBody.PayloadType)));
                    break;
                case RunBody.Ended:
                    messages.Add(new CoordinatorMessage.Ended(Parse(envelope, RunBodyJson.Default.RunEndedBody, RunBody.PayloadType)));
                    break;
                case PlainBody.Start:
                    start = (Parse(envelope, PlainBodyJson.Default.PlainStartBody, PlainBody.PayloadType), envelope.Identity);
                    break;
                case PlainBody.Result:
                    previous = Parse(envelope, PlainBodyJson.Default.PlainResultBody, PlainBody.PayloadType);
                    break;
                case PlainBody.Abandoned:
                    messages.Add(new CoordinatorMessage.Abandoned(Parse(envelope, PlainBodyJson.Default.PlainAbandonedBody, PlainBody.PayloadType)));
                    break;
                case RunBody.UploadAgain:
                    messages.Add(new CoordinatorMessage.UploadAgain(Parse(envelope, RunBodyJson.Default.UploadAgainBody, RunBody.PayloadType)));
                    break;
                case EnrolmentBody.KekCurrent:
                    // First, since a start in the same frame needs it.
                    messages.Insert(0, new CoordinatorMessage.WrappingKey(Parse(envelope, EnrolmentJson.Default.KekCurrentBody, EnrolmentBody.KeysPayloadType), envelope));
                    break;
                case EnrolmentBody.Proposal:
                    messages.Add(new CoordinatorMessage.Proposal(Parse(envelope, EnrolmentJson.Default.RosterProposalBody, EnrolmentBody.PayloadType)));
                    break;
                default:
                    throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a body that coordinators send, found another type");
            }
        }

        if (start is { } opened)
        {
            messages.Add(new CoordinatorMessage.Start(opened.Body, opened.Rid, previous));
        }
        else if (previous is not null)
        {
            messages.Add(new CoordinatorMessage.Result(previous));
        }

        if (frame.Envelopes.IsEmpty)
        {
            messages.Add(new CoordinatorMessage.NewRoster(VersionIn(frame)));
        }

        return [.. messages];
    }

    private static T Parse<T>(DsseEnvelope envelope, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type, string payloadType) =>
        string.Equals(envelope.PayloadType, payloadType, StringComparison.Ordinal)
            ? Jcs.Parse(envelope.Payload, type, "coordinator's body")
            : throw new FedCloudException(ErrorCodes.BodyMalformed, "a body's type does not belong to its payload type");

    private static int VersionIn(Frame frame) =>
        frame.Blobs.Where(blob => string.Equals(blob.Role, EnrolmentBody.Roster, StringComparison.Ordinal)).Select(blob => RosterBundle.VersionIn(blob.Name)).FirstOrDefault()
        ?? throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a signed body or the name of a roster, found neither");
}
