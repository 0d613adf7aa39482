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
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Coordinator.Tests.Messaging;

public sealed class SiloIntakeTests
{
    private static readonly ECDsa Identity = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly FederationState Federation = new()
    {
        Federation = new FederationId("test-federation"),
        CoordinatorSpkiSha256 = Sha256Digest.Zero,
        LogVkey = "log",
        Joined = ImmutableSortedDictionary<SiloId, JoinedSilo>.Empty.Add(
            new SiloId("silo-1"),
            new JoinedSilo(
                new JoinBody { Type = "join", Federation = new FederationId("test-federation"), SiloId = new SiloId("silo-1"), IkSpki = VerificationKey.Of(Identity).ToBase64(), WitnessVkey = "w", AdminSpki = "a", DataCardSha256 = Sha256Digest.Zero },
                Sha256Digest.Zero)),
    };

    [Fact]
    public void Verify_Update_BecomesAnEventOfItsSigner()
    {
        SiloMessage.ForRun message = Assert.IsType<SiloMessage.ForRun>(Assert.Single(SiloIntake.Verify(Frame(Identity), Federation, DateTimeOffset.UnixEpoch)));

        UpdateAnnounced announced = Assert.IsType<UpdateAnnounced>(message.Event);
        Assert.Equal(new SiloId("silo-1"), announced.Silo);
        Assert.Equal(2, announced.Update.Attempt);
    }

    [Fact]
    public void T05_Verify_UnknownKey_IsRefused()
    {
        using ECDsa stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Assert.Equal(ErrorCodes.SignatureInvalid, Refusal(Frame(stranger)).Code);
    }

    [Theory]
    [InlineData("up-silo-2", "run-1/r000003/a2")]
    [InlineData("up-silo-1", "run-1/r000004/a2")]
    [InlineData("up-silo-1", "run-1/r000003/a9")]
    [InlineData("models", "run-1/r000003/a2")]
    public void T20_Verify_BlobOutsideTheOfferedNames_IsRefused(string container, string name)
    {
        Frame frame = Frame(Identity);

        Assert.Equal(ErrorCodes.UploadNameRefused, Refusal(frame with { Blobs = [frame.Blobs[0] with { Container = container, Name = name }] }).Code);
    }

    [Fact]
    public void T35_Verify_ForgedFrameMembers_ChangeNothing()
    {
        Frame frame = Frame(Identity);
        SiloMessage genuine = SiloIntake.Verify(frame, Federation, DateTimeOffset.UnixEpoch)[0];

        Frame forged = frame with { Id = MessageId.Of(9, new byte[MessageId.RandomBytes]), To = "silo-2", Run = new RunId("other-run"), Round = 77, Type = "plain_decline", Trace = "x" };

        Assert.Equal(genuine, SiloIntake.Verify(forged, Federation, DateTimeOffset.UnixEpoch)[0]);
    }

    [Fact]
    public void Verify_BodyOfAnotherType_IsRefused()
    {
        DsseEnvelope wrong = DsseEnvelope.Sign(PlainBody.PayloadType, "{\"type\":\"plain_start\"}"u8.ToArray(), Identity);

        Assert.Equal(ErrorCodes.BodyMalformed, Refusal(Frame(Identity) with { Envelopes = [wrong] }).Code);
    }

    private static FedCloudException Refusal(Frame frame) => Assert.Throws<FedCloudException>(() => SiloIntake.Verify(frame, Federation, DateTimeOffset.UnixEpoch));

    private static Frame Frame(ECDsa key)
    {
        PlainUpdateBody body = new() { Type = PlainBody.Update, Rid = Sha256Digest.Zero, Idx = 1, Job = new RunId("run-1"), Round = 3, UpdateSha256 = Sha256Digest.Zero, UpdateLen = 10, Weight = 1 };
        return new Frame
        {
            V = 1,
            Id = MessageId.Of(0, new byte[MessageId.RandomBytes]),
            To = "coordinator",
            Run = body.Job,
            Round = body.Round,
            Type = body.Type,
            Trace = null,
            Envelopes = [DsseEnvelope.Sign(PlainBody.PayloadType, Jcs.Serialize(body, PlainBodyJson.Default.PlainUpdateBody), key)],
            Blobs = [new FrameBlob { Role = "update", Container = "up-silo-1", Name = "run-1/r000003/a2", Length = 10, Sha256 = Sha256Digest.Zero }],
        };
    }
}
