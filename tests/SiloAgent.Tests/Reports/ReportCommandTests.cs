// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Reports;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Silos;
using FedCloud.SiloAgent.Plans;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Reports;

/// <summary>Transcripts of <c>fedcloud-silo report</c>, run as a process.</summary>
public sealed class ReportCommandTests : IDisposable
{
    private static readonly RunId Job = new("run-1");
    private static readonly Sha256Digest Config = Sha256Digest.Of("plan"u8);
    private static readonly Sha256Digest Root = Sha256Digest.Of("root"u8);

    private readonly AuditedSilo _silo = new();

    private string HomeFolder => Path.GetDirectoryName(_silo.Home.PolicyPath)!;

    private string ConsentFile => Path.Combine(HomeFolder, "consent.json");

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task Consent_OfTheRun_IsWhatAReportTakes()
    {
        Offer();

        (int code, string output, string error) = await AgentProcess.RunAsync("report", "consent", "run-1", "--framework", "hipaa", "--out", ConsentFile, "--home", HomeFolder);

        Assert.Equal((0, $"silo-1 consents to the report hipaa of run-1: {ConsentFile}. The report takes it with 'fedcloud audit report --consent {ConsentFile}'.\n", string.Empty), (code, output, error));
        ReportConsent consent = Open();
        Assert.Equal(("silo-1", Config, null), (consent.SiloId.Value, consent.ConfigSha256, consent.EvidenceRoot));
        consent.RequireFor(_silo.Home.Invitation.Federation, Job, ReportFramework.Hipaa, Config, MerkleHash.FromBytes(new byte[MerkleHash.Length]));
        FedCloudException refused = Assert.Throws<FedCloudException>(() => consent.RequireFor(_silo.Home.Invitation.Federation, Job, ReportFramework.Dora, Config, MerkleHash.FromBytes(new byte[MerkleHash.Length])));
        Assert.Equal(ErrorCodes.ReportConsentInvalid, refused.Code);
    }

    [Fact]
    public async Task Consent_OfOneCheckpoint_NamesItsRootOnly()
    {
        Offer();

        (int code, string output, _) = await AgentProcess.RunAsync("report", "consent", "run-1", "--framework", "ppfl", "--root", Root.Hex, "--out", ConsentFile, "--home", HomeFolder);

        Assert.Equal(0, code);
        Assert.Contains($" of run-1 at root {Root}: ", output, StringComparison.Ordinal);
        ReportConsent consent = Open();
        Assert.Equal((null, Root), (consent.ConfigSha256, consent.EvidenceRoot));
    }

    [Fact]
    public async Task Consent_BadInput_IsOneLineAndWritesNothing()
    {
        await RequireRefusedAsync(2, "run_missing: no plan of run-1 was offered to this silo; ", "run-1", "--framework", "hipaa", "--out", ConsentFile);
        Offer();
        await RequireRefusedAsync(2, "id_malformed: ", "../x", "--framework", "hipaa", "--out", ConsentFile);
        await RequireRefusedAsync(2, "digest_malformed: ", "run-1", "--framework", "hipaa", "--root", "abc", "--out", ConsentFile);
        await RequireRefusedAsync(2, "request_malformed: --framework: expected a framework's name, found another text. Next: give one of gdpr-30, ", "run-1", "--framework", "soc-2", "--out", ConsentFile);
        await RequireRefusedAsync(1, "disk_full: ", "run-1", "--framework", "hipaa", "--out", Path.Combine(HomeFolder, "none", "consent.json"));

        Assert.False(File.Exists(ConsentFile));
    }

    private Task RequireRefusedAsync(int exit, string start, params string[] arguments) =>
        AgentProcess.RequireRefusedAsync(exit, start, ["report", "consent", .. arguments, "--home", HomeFolder]);

    private ReportConsent Open() => ReportConsent.Open(File.ReadAllBytes(ConsentFile), _ => VerificationKey.Of(_silo.Federation.Members[0].Admin));

    private void Offer()
    {
        SiloRun run = new() { ConfigSha256 = Config, InitialModelSha256 = Sha256Digest.Of("v0"u8), Phase = SiloRunPhase.Ended, Idx = 1, Model = new(0, Sha256Digest.Of("v0"u8)) };
        File.WriteAllText(_silo.Home.PlanPath(Job), "{}");
        new PlanShelf(_silo.Home).Show(new SiloState { Runs = new SiloState().Runs.Add(Job, run) });
    }
}
