// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Messaging;

/// <summary>The part of <see cref="SiloIntake"/> for the bodies of secure aggregation: signature first, then canonical form, then members.</summary>
internal static class SecureIntake
{
    private const string SharesRole = "shares";
    private const string MaskedRole = "masked";
    private const string UnmaskRole = "unmask";

    // More epochs than two are never open; a silo may still hold a few that ended.
    private const int MaxReported = 64;

    /// <summary>Verifies a body of FCSA-1.</summary>
    public static SiloMessage Verify(DsseEnvelope envelope, Frame frame, FederationState federation)
    {
        (SiloId silo, VerificationKey key) = SiloIntake.SignerOf(envelope, federation);
        string id = SiloIntake.IdOf(envelope, key);
        return envelope.BodyType switch
        {
            SecureFrame.Advertise => new EpochMessage.Advertise(silo, envelope, Parse<AdvertiseBody>(envelope)),
            SecureFrame.Shares => new EpochMessage.Shares(silo, envelope, Parse<SharesBody>(envelope), ClaimOf(frame, SharesRole)),
            SecureFrame.ShareAck => new EpochMessage.Ack(silo, envelope, Parse<ShareAckBody>(envelope)),
            SecureFrame.Complaint => new EpochMessage.Complaint(silo, envelope, Parse<ComplaintBody>(envelope)),
            SecureFrame.Masked => new RoundMessage.Masked(silo, frame.Run, id, envelope, Parse<MaskedBody>(envelope), ClaimOf(frame, MaskedRole)),
            SecureFrame.Consistency => new RoundMessage.Consistency(silo, frame.Run, id, envelope, Parse<ConsistencyBody>(envelope)),
            SecureFrame.Burned => new RoundMessage.Burned(silo, frame.Run, id, envelope, Parse<BurnedBody>(envelope)),
            _ => throw new FedCloudException(ErrorCodes.BodyMalformed, "expected a body that silos send, found another type"),
        };
    }

    /// <summary>Verifies a report of epochs.</summary>
    public static EpochMessage Report(DsseEnvelope envelope, FederationState federation)
    {
        (SiloId silo, _) = SiloIntake.SignerOf(envelope, federation);
        SiloIntake.RequireType(envelope.BodyType, EpochBody.Report);
        EpochReportBody report = Jcs.Parse(envelope.Payload, EpochBodyJson.Default.EpochReportBody, EpochBody.Report);
        return report.Federation == federation.Federation && report.Sids is { IsDefault: false, Length: <= MaxReported }
            ? new EpochMessage.Report(silo, envelope, report)
            : throw new FedCloudException(ErrorCodes.BodyMalformed, $"{EpochBody.Report}: expected at most {MaxReported} epochs of this federation, found others");
    }

    /// <summary>Reads a frame of R6, which says by itself only where to look.</summary>
    public static RoundMessage Unmask(Frame frame, FederationState federation)
    {
        FrameBlob upload = ClaimOf(frame, UnmaskRole);
        SiloId[] owners = [.. federation.Joined.Keys.Where(silo => string.Equals(UploadName.Container(silo), upload.Container, StringComparison.Ordinal))];
        return owners is [{ } owner]
            ? new RoundMessage.Unmask(owner, frame.Run, upload)
            : throw new FedCloudException(ErrorCodes.UploadNameRefused, "expected a blob of a silo's own container, found another");
    }

    private static T Parse<T>(DsseEnvelope envelope)
        where T : class, ISecureAggregationBody<T> => SecureAggregationBody.Parse<T>(envelope.Payload);

    private static FrameBlob ClaimOf(Frame frame, string role) => frame.Blobs.FirstOrDefault(blob => string.Equals(blob.Role, role, StringComparison.Ordinal))
        ?? throw new FedCloudException(ErrorCodes.UploadNameRefused, "expected the name of the uploaded blob, found none");
}
