// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Reports;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.Reports;

public sealed class ReportConsentTests
{
    private static readonly ECDsa Admin = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly MerkleHash Root = MerkleTree.HashLeaf("root"u8);

    private static readonly ReportConsent Consent = new()
    {
        V = 1,
        Federation = new FederationId("test-federation"),
        SiloId = new SiloId("silo-1"),
        Job = new RunId("run-one"),
        Framework = ReportFramework.Hipaa,
        ConfigSha256 = Sha256Digest.Of("plan"u8),
        EvidenceRoot = null,
    };

    [Fact]
    public void Open_SignedByTheAdministrator_IsWhatWasSigned()
    {
        Assert.Equal(Consent, Open(File(Consent)));
        Consent.RequireFor(Consent.Federation, Consent.Job, "hipaa", Consent.ConfigSha256, Root);
        (Consent with { ConfigSha256 = null, EvidenceRoot = Root.ToDigest() }).RequireFor(Consent.Federation, Consent.Job, "hipaa", null, Root);
    }

    [Fact]
    public void ToJcs_Consent_HasTheSpecifiedMembers() => Assert.Equal(
        $$"""{"config_sha256":"{{Consent.ConfigSha256}}","evidence_root":null,"federation":"test-federation","framework":"hipaa","job":"run-one","silo_id":"silo-1","v":1}""",
        Encoding.UTF8.GetString(Consent.ToJcs()));

    [Fact]
    public void Open_AnotherSigner_IsRefused()
    {
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);

        Refused(() => Open(File(Consent, other)));
        Refused(() => ReportConsent.Open(File(Consent), _ => null));
    }

    [Fact]
    public void Open_AnotherPayloadType_IsRefused() =>
        Refused(() => Open(JsonSerializer.SerializeToUtf8Bytes(DsseEnvelope.Sign("application/vnd.fedcloud.roster+json", Consent.ToJcs(), Admin), ReportConsentJson.Default.DsseEnvelope)));

    [Theory]
    [InlineData("\"v\":1", "\"v\":2")]
    [InlineData("\"framework\":\"hipaa\"", "\"framework\":\"iso-9001\"")]
    [InlineData("\"evidence_root\":null,", "")]
    [InlineData("\"config_sha256\":\"", "\"config_sha256\":\"0")]
    [InlineData("\"silo_id\":\"silo-1\"", "\"silo_id\":\"<silo>\"")]
    [InlineData("\"v\":1}", "\"v\":1,\"w\":1}")]
    [InlineData("{\"config", "{ \"config")]
    public void Open_MalformedBody_IsRefusedAlthoughItIsSigned(string found, string replaced)
    {
        string body = Encoding.UTF8.GetString(Consent.ToJcs());
        Assert.Contains(found, body, StringComparison.Ordinal);
        byte[] changed = Encoding.UTF8.GetBytes(body.Replace(found, replaced, StringComparison.Ordinal));

        Refused(() => Open(JsonSerializer.SerializeToUtf8Bytes(DsseEnvelope.Sign(ReportConsent.PayloadType, changed, Admin), ReportConsentJson.Default.DsseEnvelope)));
    }

    [Fact]
    public void Open_BothOrNeitherOfPlanAndRoot_IsRefused()
    {
        Refused(() => Open(File(Consent with { EvidenceRoot = Root.ToDigest() })));
        Refused(() => Open(File(Consent with { ConfigSha256 = null })));
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("[]")]
    [InlineData("""{"payloadType":"application/vnd.fedcloud.report-consent+json","payload":"e30=","signatures":[]}""")]
    [InlineData("""{"payloadType":"application/vnd.fedcloud.report-consent+json","payload":"e30=","signatures":[null]}""")]
    [InlineData("""{"payloadType":"application/vnd.fedcloud.report-consent+json","payload":"e30=","signatures":[{"keyid":"a","sig":"AA=="}],"more":1}""")]
    public void Open_NoEnvelope_IsRefused(string json) => Refused(() => Open(Encoding.UTF8.GetBytes(json)));

    [Fact]
    public void Open_ChangedBody_IsRefused()
    {
        DsseEnvelope envelope = DsseEnvelope.Sign(ReportConsent.PayloadType, Consent.ToJcs(), Admin) with { Payload = (Consent with { Job = new RunId("run-two") }).ToJcs() };

        Refused(() => Open(JsonSerializer.SerializeToUtf8Bytes(envelope, ReportConsentJson.Default.DsseEnvelope)));
    }

    [Fact]
    public void RequireFor_AnotherReport_IsRefused()
    {
        Refused(() => Consent.RequireFor(new FederationId("another"), Consent.Job, "hipaa", Consent.ConfigSha256, Root));
        Refused(() => Consent.RequireFor(Consent.Federation, new RunId("run-two"), "hipaa", Consent.ConfigSha256, Root));
        Refused(() => Consent.RequireFor(Consent.Federation, Consent.Job, "dora", Consent.ConfigSha256, Root));
        Refused(() => Consent.RequireFor(Consent.Federation, Consent.Job, "hipaa", Sha256Digest.Of("another"u8), Root));
        Refused(() => Consent.RequireFor(Consent.Federation, Consent.Job, "hipaa", null, Root));
        Refused(() => (Consent with { ConfigSha256 = null, EvidenceRoot = Sha256Digest.Of("another"u8) }).RequireFor(Consent.Federation, Consent.Job, "hipaa", Consent.ConfigSha256, Root));
    }

    private static ReportConsent Open(byte[] file) => ReportConsent.Open(file, silo => silo == Consent.SiloId ? VerificationKey.Of(Admin) : null);

    private static byte[] File(ReportConsent consent, ECDsa? key = null) =>
        JsonSerializer.SerializeToUtf8Bytes(DsseEnvelope.Sign(ReportConsent.PayloadType, consent.ToJcs(), key ?? Admin), ReportConsentJson.Default.DsseEnvelope);

    private static void Refused(Action open)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(open);
        Assert.Equal("report_consent_invalid", error.Code.Name);
    }
}
