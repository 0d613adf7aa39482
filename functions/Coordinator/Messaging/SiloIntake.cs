// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Messaging;

/// <summary>What a frame from a silo came to after its signatures were verified.</summary>
public abstract record SiloMessage
{
    /// <summary>An event of a run.</summary>
    /// <param name="Job">The run.</param>
    /// <param name="Id">The message's identity with its signer, by which a redelivery is known.</param>
    /// <param name="Event">The event.</param>
    public sealed record ForRun(RunId Job, string Id, RunEvent Event) : SiloMessage;

    /// <summary>A request to join.</summary>
    /// <param name="Join">The verified body.</param>
    /// <param name="Envelope">Its envelope, which members will want to see.</param>
    /// <param name="CodeProof">The proof of the invitation's code.</param>
    /// <param name="DataCard">The canonical bytes of the silo's data card; null where the join names none.</param>
    public sealed record Joining(JoinBody Join, DsseEnvelope Envelope, Sha256Digest CodeProof, ImmutableArray<byte>? DataCard) : SiloMessage;

    /// <summary>An entry for the log.</summary>
    /// <param name="Logged">The entry, whose signature the log's writer checks.</param>
    public sealed record Entry(LogEntry Logged) : SiloMessage;

    /// <summary>A witness's line under a checkpoint.</summary>
    /// <param name="Body">The verified body.</param>
    /// <param name="Witness">The silo's witness key.</param>
    public sealed record Line(WitnessLineBody Body, NoteKey Witness) : SiloMessage;

    /// <summary>A signature over a roster.</summary>
    /// <param name="RosterSha256">The roster.</param>
    /// <param name="Signer">The identity key.</param>
    /// <param name="Envelope">The envelope with the signature.</param>
    public sealed record Signature(Sha256Digest RosterSha256, Sha256Digest Signer, DsseEnvelope Envelope) : SiloMessage;
}

/// <summary>Turns frames into verified facts: signature first, then canonical form, then members, then the signer's index.</summary>
public static class SiloIntake
{
    // A join's key is read once, not with every message.
    private static readonly ConditionalWeakTable<JoinBody, VerificationKey> Identities = [];

    /// <summary>Verifies a frame's envelopes.</summary>
    /// <param name="frame">The frame, which has no authority of its own.</param>
    /// <param name="federation">Who is who.</param>
    /// <param name="at">The coordinator's time.</param>
    /// <exception cref="FedCloudException"><c>signature_invalid</c>, <c>json_not_canonical</c>, <c>body_malformed</c>, <c>join_refused</c>, <c>upload_name_refused</c>, <c>message_malformed</c>.</exception>
    public static ImmutableArray<SiloMessage> Verify(Frame frame, FederationState federation, DateTimeOffset at)
    {
        ArgumentNullException.ThrowIfNull(frame);
        if (frame.Envelopes.IsEmpty && string.Equals(frame.Type, SecureFrame.Unmask, StringComparison.Ordinal))
        {
            return [SecureIntake.Unmask(frame, federation)];
        }

        // A card has no authority of its own: it travels beside the join that names it, and is read with that.
        bool hasJoin = frame.Envelopes.Any(envelope => string.Equals(envelope.PayloadType, EnrolmentBody.PayloadType, StringComparison.Ordinal));
        return [.. frame.Envelopes.Where(envelope => !hasJoin || !IsDataCard(envelope)).Select(envelope => Verify(envelope, frame, federation, at))];
    }

    private static SiloMessage Verify(DsseEnvelope envelope, Frame frame, FederationState federation, DateTimeOffset at) => envelope.PayloadType switch
    {
        EnrolmentBody.PayloadType => Joining(envelope, frame),
        Roster.PayloadType => RosterSignature(envelope, federation),
        PlainBody.PayloadType => Plain(envelope, frame, federation, at),
        RunBody.PayloadType => Answer(envelope, federation, at),
        RunBody.MetricsPayloadType => Metrics(envelope, federation, at),
        Fcsa1.PayloadType => SecureIntake.Verify(envelope, frame, federation),
        EpochBody.PayloadType => SecureIntake.Report(envelope, federation),
        LogEntry.PayloadType => Logged(envelope, federation),
        WitnessLineBody.PayloadType => Line(envelope, federation),
        _ => throw new FedCloudException(ErrorCodes.MessageMalformed, "expected a body that silos send, found another payload type"),
    };

    private static SiloMessage.Joining Joining(DsseEnvelope envelope, Frame frame)
    {
        JoinBody join = JoinBody.Verify(envelope);
        FrameBlob proof = frame.Blobs.FirstOrDefault(blob => string.Equals(blob.Role, "code_proof", StringComparison.Ordinal))
            ?? throw new FedCloudException(ErrorCodes.JoinRefused, "expected a proof of the invitation's code, found none");
        return new SiloMessage.Joining(join, envelope, proof.Sha256, DataCardOf(join, frame));
    }

    private static bool IsDataCard(DsseEnvelope envelope) => string.Equals(envelope.PayloadType, DataCard.PayloadType, StringComparison.Ordinal);

    // Both keys of the silo have signed the card's hash in the join.
    private static ImmutableArray<byte>? DataCardOf(JoinBody join, Frame frame)
    {
        if (join.DataCardSha256 == Sha256Digest.Zero)
        {
            return null;
        }

        byte[] bytes = frame.Envelopes.FirstOrDefault(envelope => IsDataCard(envelope) && Sha256Digest.Of(envelope.Payload) == join.DataCardSha256)?.Payload
            ?? throw new FedCloudException(ErrorCodes.JoinRefused, "expected the data card that the join names, found none or another");
        DataCard card = bytes.Length <= DataCard.MaxBytes ? DataCard.Parse(bytes) : throw new FedCloudException(ErrorCodes.JoinRefused, $"expected a data card of at most {DataCard.MaxBytes} bytes, found {bytes.Length}");
        return card.SiloId == join.SiloId && card.Federation == join.Federation
            ? [.. bytes]
            : throw new FedCloudException(ErrorCodes.JoinRefused, "expected a data card of the silo that joins, found another's");
    }

    private static SiloMessage.Signature RosterSignature(DsseEnvelope envelope, FederationState federation)
    {
        VerificationKey signer = SignerOf(envelope, federation).Key;
        return new SiloMessage.Signature(Sha256Digest.Of(envelope.Payload), signer.Fingerprint, envelope);
    }

    // Its signer is a silo or its administrator; whether the log takes it under the roster in force is the writer's to say.
    private static SiloMessage.Entry Logged(DsseEnvelope envelope, FederationState federation)
    {
        LogEntry entry = EntryEnvelope.Read(envelope);
        bool known = entry.Federation == federation.Federation && entry.Actor.Kind is EntryActor.Silo or EntryActor.Admin
            && federation.Joined.TryGetValue(SiloId.Parse(entry.Actor.Id), out JoinedSilo? joined)
            && entry.IsSignedBy(entry.Actor.Kind is EntryActor.Silo ? Identities.GetValue(joined.Join, Identity) : VerificationKey.FromBase64(joined.Join.AdminSpki));
        return known
            ? new SiloMessage.Entry(entry)
            : throw new FedCloudException(ErrorCodes.SignatureInvalid, "expected an entry signed by its silo or the silo's administrator, found another");
    }

    private static SiloMessage.Line Line(DsseEnvelope envelope, FederationState federation)
    {
        (SiloId silo, _) = SignerOf(envelope, federation);
        WitnessLineBody line = Jcs.Parse(envelope.Payload, WitnessLineJson.Default.WitnessLineBody, WitnessLineBody.WitnessLine);
        RequireType(line.Type, WitnessLineBody.WitnessLine);
        return line.Federation == federation.Federation && line.SiloId == silo
            ? new SiloMessage.Line(line, NoteKey.Parse(federation.Joined[silo].Join.WitnessVkey))
            : throw new FedCloudException(ErrorCodes.SignatureInvalid, "expected a line of the silo that signed it, found another's");
    }

    private static SiloMessage.ForRun Plain(DsseEnvelope envelope, Frame frame, FederationState federation, DateTimeOffset at)
    {
        (SiloId silo, VerificationKey key) = SignerOf(envelope, federation);
        string? type = envelope.BodyType;
        if (string.Equals(type, PlainBody.Decline, StringComparison.Ordinal))
        {
            PlainDeclineBody decline = Jcs.Parse(envelope.Payload, PlainBodyJson.Default.PlainDeclineBody, PlainBody.Decline);
            return new(decline.Job, IdOf(envelope, key), new RoundDeclined(at, silo, decline.Rid, CodeOrUnknown(decline.Reason)));
        }

        RequireType(type, PlainBody.Update);
        PlainUpdateBody update = Jcs.Parse(envelope.Payload, PlainBodyJson.Default.PlainUpdateBody, PlainBody.Update);
        FrameBlob blob = frame.Blobs.FirstOrDefault(blob => string.Equals(blob.Role, "update", StringComparison.Ordinal))
            ?? throw new FedCloudException(ErrorCodes.UploadNameRefused, "expected the name of the uploaded blob, found none");
        bool own = string.Equals(blob.Container, UploadName.Container(silo), StringComparison.Ordinal);
        int attempt = own && UploadName.Attempt(update.Job, update.Round, blob.Name) is { } offered
            ? offered
            : throw new FedCloudException(ErrorCodes.UploadNameRefused, "expected one of the names that the round offers to this silo, found another");
        UpdateReference reference = new()
        {
            Sha256 = update.UpdateSha256,
            Length = update.UpdateLen,
            Weight = update.Weight,
            Attempt = attempt,
            EnvelopeLength = blob.Length,
        };

        // The blob's name is not signed: the same body with another name is another event, see RoundMachine.
        return new(update.Job, $"{IdOf(envelope, key)}/{attempt}", new UpdateAnnounced(at, silo, update.Rid, reference));
    }

    private static SiloMessage.ForRun Answer(DsseEnvelope envelope, FederationState federation, DateTimeOffset at)
    {
        (SiloId silo, VerificationKey key) = SignerOf(envelope, federation);
        RequireType(envelope.BodyType, RunBody.Answer);
        PlanAnswerBody answer = Jcs.Parse(envelope.Payload, RunBodyJson.Default.PlanAnswerBody, RunBody.Answer);
        return new(answer.Job, IdOf(envelope, key), new PlanAnswered(at, silo, answer.Approved, answer.Approved ? string.Empty : CodeOrUnknown(answer.Reason)));
    }

    private static SiloMessage.ForRun Metrics(DsseEnvelope envelope, FederationState federation, DateTimeOffset at)
    {
        (SiloId silo, VerificationKey key) = SignerOf(envelope, federation);
        RequireType(envelope.BodyType, RunBody.Metrics);
        MetricsBody metrics = MetricsBody.Parse(envelope.Payload);
        return new(metrics.Job, IdOf(envelope, key), new MetricsReported(at, silo, metrics.Round, metrics.Values, envelope.OnlyBy(key)));
    }

    internal static (SiloId Silo, VerificationKey Key) SignerOf(DsseEnvelope envelope, FederationState federation)
    {
        foreach ((SiloId silo, JoinedSilo joined) in federation.Joined)
        {
            VerificationKey key = Identities.GetValue(joined.Join, Identity);
            if (envelope.IsSignedBy(key))
            {
                return (silo, key);
            }
        }

        throw new FedCloudException(ErrorCodes.SignatureInvalid, "no signature of a member's identity key verifies");
    }

    private static VerificationKey Identity(JoinBody join) => VerificationKey.FromBase64(join.IkSpki);

    internal static void RequireType(string? found, string expected)
    {
        if (!string.Equals(found, expected, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.BodyMalformed, $"expected a body of type {expected}, found another type");
        }
    }

    internal static string IdOf(DsseEnvelope envelope, VerificationKey signer) => $"{envelope.Identity.Hex}/{signer.Fingerprint.Hex}";

    // A reason is shown to people and stored: only words of the one vocabulary get in.
    private static string CodeOrUnknown(string reason) => ErrorCodes.All.ContainsKey(reason) ? reason : ErrorCodes.TrainerFailed.Name;
}
