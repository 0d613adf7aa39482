// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>What proves a round.</summary>
internal static class RoundEvidenceFields
{
    public static FieldContent Indexes(ReportContext report, RoundAttempt round) =>
        FieldContent.Of(new ReportValue(string.Join(", ", round.Entries.Select(record => record.Index)), ValueSource.Log) { Unit = "entry indexes" }.Proved(round.Entries.Select(record => record.Cite)));

    public static FieldContent Checkpoint(ReportContext report, RoundAttempt round) => report.Evidence.Checkpoint is { } checkpoint
        ? FieldContent.Of(
            ReportValue.Of(checkpoint.Size, ValueSource.Evidence, "entries"),
            new ReportValue(checkpoint.Root.ToString(), ValueSource.Evidence) { Unit = "root, SHA-256" })
        : FieldContent.None("the evidence has no checkpoint that can be read");

    public static FieldContent WitnessLines(ReportContext report, RoundAttempt round) => WitnessedAt(report, round) is { } size
        ? FieldContent.Of(ReportValue.Of(report.Evidence.Checkpoints.Lines(size), ValueSource.Evidence, "witness lines").Proved(round.Start.Cite, round.Masked[0].Cite) with { Note = $"on the checkpoint of size {size}, which holds the round's start and no update" })
        : FieldContent.None(round.Masked.IsEmpty ? "no update came, so nothing was waited for" : "the evidence has no checkpoint between the round's start and its first update");

    public static FieldContent Proofs(ReportContext report, RoundAttempt round) => report.Evidence.Checkpoint is null
        ? FieldContent.None("the evidence has no checkpoint that can be read")
        : FieldContent.Of(new ReportValue("proofs/INDEX.tlog-proof for each cited entry", ValueSource.Evidence) { Note = "C2SP tlog-proof towards the newest checkpoint; the appendix names those that could not be made" });

    /// <summary>The size of the checkpoint with the most witness lines that the silos could wait for before they sent updates; null where there is none.</summary>
    public static long? WitnessedAt(ReportContext report, RoundAttempt round)
    {
        if (round.Masked.IsEmpty)
        {
            return null;
        }

        long[] sizes = [.. report.Evidence.Checkpoints.Between(round.Start.Index, round.Masked[0].Index)];
        return sizes.Length == 0 ? null : sizes.MaxBy(size => report.Evidence.Checkpoints.Lines(size));
    }
}
