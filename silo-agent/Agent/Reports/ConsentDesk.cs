// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Reports;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Plans;

namespace FedCloud.SiloAgent.Reports;

/// <summary>The administrator's consents that values of this silo appear in reports. Nothing is sent: whoever writes a report gets the file.</summary>
/// <param name="home">The home, with the administrator's key.</param>
public sealed class ConsentDesk(SiloHome home)
{
    /// <summary>Signs a consent to one report.</summary>
    /// <param name="job">The run; this silo was offered its plan.</param>
    /// <param name="framework">The framework, one of <see cref="ReportFramework.All"/>.</param>
    /// <param name="root">The root of the checkpoint at which the evidence ends; null consents at every checkpoint of the run, under its present plan.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The file: a DSSE envelope as JSON.</returns>
    /// <exception cref="FedCloudException"><c>run_missing</c>, <c>request_malformed</c> for another framework.</exception>
    public async Task<byte[]> SignAsync(RunId job, string framework, Sha256Digest? root, CancellationToken cancellation)
    {
        Sha256Digest config = new PlanShelf(home).Get(job).ConfigSha256;
        ReportConsent consent = new()
        {
            V = ReportConsent.CurrentVersion,
            Federation = home.Invitation.Federation,
            SiloId = home.Invitation.SiloId,
            Job = job,
            Framework = ReportFramework.Parse(framework),
            ConfigSha256 = root is null ? config : null,
            EvidenceRoot = root,
        };
        DsseEnvelope signed = await home.SignAsync(SiloHome.AdministratorKey, ReportConsent.PayloadType, consent.ToJcs(), cancellation);
        return JsonSerializer.SerializeToUtf8Bytes(signed, ReportConsentJson.Default.DsseEnvelope);
    }
}
