// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Reports.Html;

/// <summary>The first page: what it is evidence for, whether the evidence verifies, what the run came to.</summary>
/// <param name="html">Where to.</param>
/// <param name="tables">Writes fields.</param>
internal sealed class FirstPage(HtmlWriter html, FieldTables tables)
{
    private const int MostFindings = 20;

    /// <summary>Writes it.</summary>
    public void Write(Report report)
    {
        html.Open("header").Element("h1", $"Evidence for {report.Title}").Element("p", $"Run {report.Job} of the federation {report.Federation}", ("class", "subtitle")).Close("header");
        Verdict(report);
        State(report);
        Figures(report);
        foreach (ReportGroup group in report.Front)
        {
            tables.Write(group);
        }
    }

    private void Verdict(Report report)
    {
        VerificationReport verdict = report.Verification;
        if (verdict.Failures == 0)
        {
            html.Open("div", ("class", "verdict good"), ("role", "status")).Element("p", "The evidence verifies");
            html.Element("p", string.Create(CultureInfo.InvariantCulture, $"All checks passed that the evidence allows: {verdict.Entries} entries, {verdict.Checkpoints} checkpoints. Exit code 0, no findings of failure."));
            if (verdict.Findings.Any(finding => finding.Code == ErrorCodes.NotPinned))
            {
                html.Element("p", "No policy pinned the first log key and the first roster: they are those of the evidence itself, so whoever made the evidence chose them.", ("class", "label"));
            }

            html.Close("div");
            return;
        }

        html.Open("div", ("class", "verdict bad"), ("role", "alert")).Element("p", "THE EVIDENCE DOES NOT VERIFY");
        html.Element("p", string.Create(CultureInfo.InvariantCulture, $"{verdict.Failures} {(verdict.Failures == 1 ? "check" : "checks")} failed, exit code 6. Nothing in this report is proved: it shows what the files say, and some of them are not what was signed or logged.")).Open("ul");
        Finding[] failures = [.. verdict.Findings.Where(finding => finding.IsFailure)];
        foreach (Finding finding in failures.Take(MostFindings))
        {
            string place = finding.Entry is { } entry ? $"entry {entry}: " : finding.Path is { } path ? $"{path}: " : string.Empty;
            html.Element("li", $"{finding.Check} {finding.Code.Name}: {place}{finding.Found}");
        }

        if (verdict.Failures > MostFindings)
        {
            html.Element("li", string.Create(CultureInfo.InvariantCulture, $"{verdict.Failures - Math.Min(failures.Length, MostFindings)} more: see {ReportPaths.Transcript}"));
        }

        html.Close("ul").Close("div");
    }

    private void State(Report report)
    {
        bool isVerified = report.Verification.Failures == 0;
        string heading = (isVerified, report.IsFinished) switch
        {
            (false, _) => "What the files say, unproved, about the run's end",
            (_, true) => "The run ended",
            _ => "The log does not show the run's end",
        };
        html.Open("div", ("class", isVerified && report.IsFinished ? "verdict good" : "verdict warn")).Element("p", heading).Element("p", report.State).Close("div");
    }

    private void Figures(Report report)
    {
        ReportField[] asked = [.. report.Articles.SelectMany(group => group.Fields)];
        int missing = asked.Count(field => field.Content.Values.IsEmpty);
        int said = asked.Count(field => !field.Content.Values.IsEmpty && field.Content.Values.All(value => value.Source == ValueSource.Operator));
        html.Open("ul", ("class", "figures"));
        Figure(asked.Length, "fields that the framework asks for");
        Figure(asked.Length - missing - said, report.Verification.Failures == 0 ? "with evidence, or computed from it, or stated by the product" : "as the files say, unproved, or stated by the product");
        Figure(said, "supplied by the operator only");
        Figure(missing, FieldContent.NotAvailable);
        html.Close("ul");
    }

    private void Figure(int number, string what) => html.Open("li").Element("b", number.ToString(CultureInfo.InvariantCulture)).Element("span", what).Close("li");
}
