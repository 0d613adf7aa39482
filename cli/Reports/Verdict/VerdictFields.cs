// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Reflection;
using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Reports.Verdict;

/// <summary>What the verification of the evidence came to (compliance reports, rule C3).</summary>
internal static class VerdictFields
{
    /// <summary>The version of the verifier: of the library that it is part of.</summary>
    public static string VerifierVersion { get; } = typeof(EvidenceVerifier).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>Verifier version.</summary>
    public static FieldContent Verifier(ReportContext report) => FieldContent.Of(new ReportValue(VerifierVersion, ValueSource.Verifier) { Unit = "version of FedCloud.Protocol" });

    /// <summary>Exit code: 0 or 6; unusable input gives no report.</summary>
    public static FieldContent Exit(ReportContext report) => FieldContent.Of(ReportValue.Of((long)report.Evidence.Verification.Exit, ValueSource.Verifier) with { Note = "0 ok, 2 unusable input, 6 verification failed" });

    /// <summary>Findings that are failures.</summary>
    public static FieldContent Failures(ReportContext report) => FieldContent.Of(ReportValue.Of(report.Evidence.Verification.Failures, ValueSource.Verifier, "failed checks"));

    /// <summary>Findings that only say what was not checked.</summary>
    public static FieldContent NotChecked(ReportContext report) =>
        FieldContent.OrNone(
            report.Evidence.Verification.Findings.Where(finding => !finding.IsFailure).Select(finding => new ReportValue($"{finding.Check} {finding.Code.Name}: {finding.Found}", ValueSource.Verifier)),
            "the verifier left out nothing");

    /// <summary>Whether first key and first roster were pinned.</summary>
    public static FieldContent Pinned(ReportContext report) => FieldContent.Of(report.Evidence.Verification.Findings.Any(finding => finding.Code == ErrorCodes.NotPinned)
        ? new ReportValue("no", ValueSource.Verifier) { Note = "the first log key and the first roster are those of the evidence itself: whoever made the evidence chose them" }
        : new ReportValue("yes", ValueSource.Verifier) { Note = "by the policy that was given to the verifier" });

    /// <summary>The log's identity.</summary>
    public static FieldContent Origin(ReportContext report) => OfCheckpoint(report, checkpoint => new ReportValue(checkpoint.Origin, ValueSource.Evidence));

    public static FieldContent Size(ReportContext report) => OfCheckpoint(report, checkpoint => ReportValue.Of(checkpoint.Size, ValueSource.Evidence, "entries"));

    public static FieldContent Root(ReportContext report) => OfCheckpoint(report, checkpoint => new ReportValue(checkpoint.Root.ToString(), ValueSource.Evidence) { Unit = "SHA-256", Note = $"in base64, as checkpoints write it: {checkpoint.Root.ToBase64()}" });

    public static FieldContent Witnesses(ReportContext report) => OfCheckpoint(report, checkpoint => ReportValue.Of(report.Evidence.Checkpoints.Lines(checkpoint.Size), ValueSource.Evidence, "witness lines on it"));

    /// <summary>The evidence's own digest.</summary>
    public static FieldContent Bundle(ReportContext report) => report.Evidence.Bundle is { } bundle
        ? FieldContent.Of(new ReportValue(bundle.Hex, ValueSource.Evidence) { Unit = "SHA-256 of the zip" })
        : FieldContent.None("the evidence was a folder, which has no digest of its own; size and root name the log");

    /// <summary>Which results were recomputed.</summary>
    public static FieldContent Recomputed(ReportContext report)
    {
        Runs.RoundAttempt[] results = [.. report.Run.Results];
        int sums = results.Count(round => report.Evidence.Verification.SumsOf.Contains(round.Rid));
        int models = results.Count(round => report.Evidence.Verification.ModelsOf.Contains(round.Rid));
        return results.Length == 0
            ? FieldContent.None("the log has no result of the run")
            : FieldContent.Of(
                new ReportValue(string.Create(CultureInfo.InvariantCulture, $"{sums} of {results.Length}"), ValueSource.Verifier) { Unit = "results recomputed from the silos' masked vectors" },
                new ReportValue(string.Create(CultureInfo.InvariantCulture, $"{models} of {results.Length}"), ValueSource.Verifier) { Unit = "new models recomputed from these sums" });
    }

    /// <summary>The verdict in a few values; the transcript itself is a file.</summary>
    public static FieldContent Transcript(ReportContext report) => FieldContent.Of(
        new ReportValue(report.Evidence.IsVerified ? "all checks passed that the evidence allows" : "verification failed", ValueSource.Verifier) { Note = "verification.jsonl is the transcript, a line for each finding" },
        ReportValue.Of((long)report.Evidence.Verification.Exit, ValueSource.Verifier, "exit code"),
        ReportValue.Of(report.Evidence.Verification.Failures, ValueSource.Verifier, "failed checks"),
        ReportValue.Of(report.Evidence.Verification.Entries, ValueSource.Verifier, "entries read"),
        ReportValue.Of(report.Evidence.Verification.Checkpoints, ValueSource.Verifier, "archived checkpoints read"));

    /// <summary>Versions of the forms that the evidence has.</summary>
    public static FieldContent Versions(ReportContext report) => FieldContent.Of(
        ReportValue.Of(LogEntry.CurrentVersion, ValueSource.Product, "version of the log's entries"),
        new ReportValue(Report.Schema, ValueSource.Product) { Unit = "form of report.json" },
        new ReportValue(VerifierVersion, ValueSource.Product) { Unit = "version of FedCloud.Protocol" });

    private static FieldContent OfCheckpoint(ReportContext report, Func<Checkpoint, ReportValue> value) => report.Evidence.Checkpoint is { } checkpoint
        ? FieldContent.Of(value(checkpoint))
        : FieldContent.None("the evidence has no checkpoint that can be read");
}
