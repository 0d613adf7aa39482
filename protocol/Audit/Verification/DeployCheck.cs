// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether only images that the policy expects were deployed.</summary>
internal sealed class DeployCheck(AuditPolicy? policy, Findings findings) : IEntryCheck
{
    private bool _deployed;

    public void Take(LoggedEntry logged)
    {
        if (!string.Equals(logged.Type, EntryTypes.Deploy, StringComparison.Ordinal))
        {
            return;
        }

        _deployed = true;
        if (policy?.Images is { } images && !images.Contains(logged.Subject("image")))
        {
            findings.AtEntry("policy", ErrorCodes.ImageUnexpected, logged.Index, $"image {logged.Subject("image").Hex[..16]}…");
        }
    }

    public void Finish()
    {
        if (_deployed && policy?.Images is null)
        {
            findings.NotRecomputed("policy", "whether the deployed images are the expected ones: no policy names any");
        }
    }
}
