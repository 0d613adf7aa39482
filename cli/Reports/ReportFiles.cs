// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using FedCloud.Cli.Audit;
using FedCloud.Cli.Reports.Cards;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Html;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports;

/// <summary>The files of a report.</summary>
internal static class ReportFiles
{
    /// <summary>Path to bytes.</summary>
    /// <param name="report">The report.</param>
    /// <param name="hasEvidence">Whether the evidence lies beside them.</param>
    public static ImmutableSortedDictionary<string, byte[]> Of(Report report, bool hasEvidence)
    {
        ImmutableSortedDictionary<string, byte[]>.Builder files = ImmutableSortedDictionary.CreateBuilder<string, byte[]>(StringComparer.Ordinal);
        files[ReportPaths.Json] = ReportJson.Of(report);
        files[ReportPaths.Html] = Encoding.UTF8.GetBytes(ReportHtml.Of(report, hasEvidence));
        files[ReportPaths.Transcript] = Transcript(report);
        foreach (ModelCard card in report.Cards)
        {
            files[ReportPaths.Card(card, "html")] = Encoding.UTF8.GetBytes(ModelCardHtml.Of(report, card));
            files[ReportPaths.Card(card, "md")] = Encoding.UTF8.GetBytes(ModelCardMarkdown.Of(report, card));
            files[ReportPaths.Card(card, "json")] = ReportJson.Of(report, card);
        }

        foreach ((long size, SignedNote note) in report.Checkpoints)
        {
            files[ReportPaths.Checkpoint(size)] = note.ToBytes();
        }

        foreach (CitedEntry entry in report.Entries)
        {
            AddEntry(files, entry);
        }

        return files.ToImmutable();
    }

    private static void AddEntry(ImmutableSortedDictionary<string, byte[]>.Builder files, CitedEntry entry)
    {
        if (entry.Bytes is { } bytes)
        {
            files[ReportPaths.Entry(entry.Index)] = bytes;
        }

        if (entry.Proof is { } proof)
        {
            files[ReportPaths.Proof(entry.Index)] = proof.ToBytes();
        }
    }

    // What 'fedcloud audit verify --json' prints.
    private static byte[] Transcript(Report report) => Encoding.UTF8.GetBytes(string.Concat(
        report.Verification.Findings.Select(finding => finding.ToJson() + "\n")
            .Append(JsonSerializer.Serialize(VerificationDocument.Of(report.Verification), AuditJson.Default.VerificationDocument) + "\n")));
}
