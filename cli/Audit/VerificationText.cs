// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Verification;

namespace FedCloud.Cli.Audit;

/// <summary>A verification's report for a terminal: what failed first, then what was not checked, then the verdict.</summary>
internal static class VerificationText
{
    public static IEnumerable<string> Lines(VerificationReport report)
    {
        foreach (Finding finding in report.Findings.OrderByDescending(finding => finding.IsFailure))
        {
            string place = finding.Entry is { } entry ? $"entry {entry}: " : finding.Path is { } path ? $"{path}: " : string.Empty;
            string expected = finding.Expected is null ? string.Empty : $" (expected {finding.Expected})";
            yield return $"{(finding.IsFailure ? "FAILED" : "note"),-6}  {finding.Check,-6}  {place}{finding.Code.Name}: {finding.Found}{expected}";
        }

        if (report.Checkpoint is { } checkpoint)
        {
            yield return $"Log {string.Concat(checkpoint.Origin.Select(c => c is > ' ' and <= '~' ? c : '?'))}: {checkpoint.Size} entries, {report.Checkpoints} checkpoints, root {checkpoint.Root.ToBase64()}";
        }

        if (report.Results > 0)
        {
            yield return $"Recomputed: {report.Sums} of {report.Results} results from the silos' masked vectors, {report.Models} of their new models.";
        }

        yield return report.Failures == 0 ? "Verified." : $"Not verified: {report.Failures} {(report.Failures == 1 ? "check" : "checks")} failed.";
    }
}
