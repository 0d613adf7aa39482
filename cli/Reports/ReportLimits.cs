// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Frameworks;
using FedCloud.Cli.Reports.Risks;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports;

/// <summary>What a report does not show, said in the report itself.</summary>
internal static class ReportLimits
{
    /// <summary>The title of what is said about figures of evaluations.</summary>
    public const string Evaluation = "Evaluation";

    /// <summary>The limits: of this report first, then of the product.</summary>
    public static IEnumerable<ReportLimit> Of(ReportContext report, Framework framework, RunEnd end) => OfReport(report, framework, end).Concat(ThreatRegister.Limits);

    private static IEnumerable<ReportLimit> OfReport(ReportContext report, Framework framework, RunEnd end)
    {
        yield return new("Judgement", $"This report is evidence for {framework.Title}. Whether an obligation is met, it does not say: a person has to judge that, with what the report does not hold.");
        yield return new("What nobody logged", "An entry proves that its actor said so, at this place of the log, and that nobody changed it since. It does not prove that the actor told the truth, or told everything. Times are those of the actors' clocks.");
        if (!report.Evidence.IsVerified)
        {
            yield return new("Verification failed", "No value of this report is proved. What it shows is what the files say.");
        }

        if (!end.IsShown)
        {
            yield return new("Unfinished", end.Sentence);
        }

        if (report.Run.Plan.Missing is { } missing)
        {
            yield return new("Plan", $"Fields of the plan are not available: {missing}.");
        }

        yield return new("Values of single silos", report.Consents.Silos.Count == 0
            ? "Entries that are about one silo are cited by index and leaf hash, and their content is not shown: no administrator's consent to this report was given. They are in the evidence."
            : string.Create(CultureInfo.InvariantCulture, $"Entries that are about one silo are shown for {string.Join(", ", report.Consents.Silos)}, whose administrators consented; of all others only index and leaf hash are."));
        yield return new("Privacy amounts", "The log has the hashes of the entries of privacy ledgers, and no amounts. Each silo's own administrator sees what is spent and left.");
        yield return new(Evaluation, EvaluationFields.Limit(report));
        if (report.Evidence.Verification.Findings.Count(finding => !finding.IsFailure) is > 0 and var notes)
        {
            yield return new("Not checked", string.Create(CultureInfo.InvariantCulture, $"The evidence does not allow {notes} checks; the first page lists them."));
        }
    }
}
