// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Coordinator.Messaging;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Coordinator.Tests.Messaging;

/// <summary>Joins, and the data cards that they name.</summary>
public sealed class JoinIntakeTests
{
    private static readonly ECDsa Identity = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly ECDsa Witness = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly ECDsa Administrator = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public void Join_WithoutACard_HasNone() => Assert.Null(Take(Sha256Digest.Zero).DataCard);

    [Fact]
    public void Join_WithItsCard_TakesTheCardsBytes()
    {
        byte[] card = Card("silo-1").ToJcs();

        Assert.Equal(card, Take(Sha256Digest.Of(card), Sealed(card)).DataCard!.Value);
        Assert.Equal(card, Take(Sha256Digest.Of(card), Sealed(Card("silo-2").ToJcs()), Sealed(card)).DataCard!.Value);
    }

    [Fact]
    public void Join_CardMissingOtherForeignOrTooLong_IsRefused()
    {
        byte[] card = Card("silo-1").ToJcs();
        byte[] foreign = Card("silo-2").ToJcs();
        byte[] huge = Card("silo-1", new string('x', DataCard.MaxBytes)).ToJcs();

        Assert.Equal(ErrorCodes.JoinRefused, Refusal(Sha256Digest.Of(card)));
        Assert.Equal(ErrorCodes.JoinRefused, Refusal(Sha256Digest.Of(card), Sealed(foreign)));
        Assert.Equal(ErrorCodes.JoinRefused, Refusal(Sha256Digest.Of(foreign), Sealed(foreign)));
        Assert.Equal(ErrorCodes.JoinRefused, Refusal(Sha256Digest.Of(huge), Sealed(huge)));
        byte[] odd = [.. card, (byte)' '];
        Assert.Equal(ErrorCodes.JsonNotCanonical, Refusal(Sha256Digest.Of(odd), Sealed(odd)));
    }

    [Fact]
    public void Card_WithoutAJoin_IsNoMessage() =>
        Assert.Equal(ErrorCodes.MessageMalformed, Assert.Throws<FedCloudException>(() => SiloIntake.Verify(Frame([Sealed(Card("silo-1").ToJcs())]), Nobody(), DateTimeOffset.UnixEpoch)).Code);

    private static SiloMessage.Joining Take(Sha256Digest named, params DsseEnvelope[] cards) =>
        Assert.IsType<SiloMessage.Joining>(Assert.Single(SiloIntake.Verify(Frame([Join(named), .. cards]), Nobody(), DateTimeOffset.UnixEpoch)));

    private static ErrorCode Refusal(Sha256Digest named, params DsseEnvelope[] cards) =>
        Assert.Throws<FedCloudException>(() => SiloIntake.Verify(Frame([Join(named), .. cards]), Nobody(), DateTimeOffset.UnixEpoch)).Code;

    private static DsseEnvelope Sealed(byte[] card) => DsseEnvelope.Sign(DataCard.PayloadType, card, Administrator);

    private static DsseEnvelope Join(Sha256Digest card)
    {
        JoinBody join = new()
        {
            Type = EnrolmentBody.Join,
            Federation = new FederationId("test-federation"),
            SiloId = new SiloId("silo-1"),
            IkSpki = VerificationKey.Of(Identity).ToBase64(),
            WitnessVkey = VerificationKey.Of(Witness).VKey("silo-1"),
            AdminSpki = VerificationKey.Of(Administrator).ToBase64(),
            DataCardSha256 = card,
        };
        byte[] body = Jcs.Serialize(join, EnrolmentJson.Default.JoinBody);
        return DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, Identity).With(DsseEnvelope.Sign(EnrolmentBody.PayloadType, body, Administrator));
    }

    private static DataCard Card(string silo, string contact = "data office") => new()
    {
        V = 1,
        Federation = new FederationId("test-federation"),
        SiloId = new SiloId(silo),
        Description = "Discharge letters",
        Purpose = "coding of diagnoses",
        LegalBasis = "GDPR 9(2)(j)",
        SchemaSha256 = Sha256Digest.Of("schema"u8),
        Records = new CountRange(1_000, 10_000),
        CollectedFrom = "2019-01",
        CollectedUntil = "2024-06",
        Contact = contact,
    };

    private static Frame Frame(ImmutableArray<DsseEnvelope> envelopes) => new()
    {
        V = Protocol.Messages.Frame.CurrentVersion,
        Id = MessageId.Of(1, new byte[MessageId.RandomBytes]),
        To = "coordinator",
        Run = null,
        Round = null,
        Type = EnrolmentBody.Join,
        Trace = null,
        Envelopes = envelopes,
        Blobs = [new FrameBlob { Role = "code_proof", Container = "invitations", Name = "silo-1", Length = 32, Sha256 = Sha256Digest.Zero }],
    };

    private static FederationState Nobody() => new() { Federation = new FederationId("test-federation"), CoordinatorSpkiSha256 = Sha256Digest.Zero, LogVkey = "log" };
}
