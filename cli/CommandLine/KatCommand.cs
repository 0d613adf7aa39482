// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.CommandLine;
using System.Text.Json;
using FedCloud.Cli.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.CommandLine;

/// <summary><c>fedcloud audit kat</c>: recomputes transcripts of secure aggregation.</summary>
internal static class KatCommand
{
    private const int MaxBytes = 64 << 20;

    public static Command Create()
    {
        Argument<string> file = new("FILE") { Description = "Transcripts in the form of tests/vectors/secagg_fcsa1_kat.json. They hold secrets: test keys only." };
        Option<bool> json = new("--json") { Description = "Print one JSON line for each check, and one for the verdict." };
        Command command = new("kat", "Recomputes transcripts of secure aggregation (known-answer tests), of this or another implementation, and says what matches.") { file, json };
        command.SetAction(parsed => (int)Run(parsed.GetRequiredValue(file), parsed.GetValue(json)));
        return command;
    }

    private static ExitCode Run(string path, bool json)
    {
        ImmutableArray<TranscriptReport> reports = TranscriptCheck.Run(EvidenceFiles.Read(path, MaxBytes));
        foreach (TranscriptReport report in reports)
        {
            if (!json)
            {
                Console.WriteLine($"transcript {report.Index}: {report.Description}");
            }

            foreach (TranscriptFinding finding in report.Findings)
            {
                Console.WriteLine(json ? ToJson(report, finding) : ToText(finding));
            }

            if (!json && !report.UnknownMembers.IsEmpty)
            {
                Console.WriteLine($"  not read   {string.Join(", ", report.UnknownMembers)}");
            }
        }

        bool matches = !reports.IsEmpty && reports.All(report => report.Matches);
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new KatDocument(matches, reports.Length, [.. reports.SelectMany(report => report.UnknownMembers).Distinct(StringComparer.Ordinal)]), AuditJson.Default.KatDocument)
            : reports.IsEmpty ? "The file has no transcript." : matches ? $"All checks of {reports.Length} transcripts match." : "NOT all checks match.");
        return matches ? ExitCode.Done : ExitCode.VerificationFailed;
    }

    private static string ToText(TranscriptFinding finding) => finding.Matches
        ? $"  ok         {finding.Check} ({finding.Compared})"
        : $"  DIFFERENT  {finding.Check}: {string.Join(", ", finding.Differing)}";

    private static string ToJson(TranscriptReport report, TranscriptFinding finding) =>
        JsonSerializer.Serialize(new KatFindingDocument(report.Index, finding.Check, finding.Matches, finding.Compared, finding.Differing), AuditJson.Default.KatFindingDocument);
}
