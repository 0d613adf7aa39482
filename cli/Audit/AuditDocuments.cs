// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Audit.Verification;

namespace FedCloud.Cli.Audit;

/// <summary>The last line of a verification as <c>--json</c> prints it, after a line for each finding.</summary>
internal sealed record VerificationDocument(bool Verified, long Failures, string? Origin, long Entries, int Checkpoints, string? Root, int Results, int Sums, int Models)
{
    public static VerificationDocument Of(VerificationReport report) =>
        new(report.Failures == 0, report.Failures, report.Checkpoint?.Origin, report.Entries, report.Checkpoints, report.Checkpoint?.Root.ToBase64(), report.Results, report.Sums, report.Models);
}

/// <summary>A verified note or proof as <c>--json</c> prints it.</summary>
internal sealed record NoteDocument(bool Verified, IReadOnlyList<string> Signers, string? Origin, long? Size, string? Root, long? Index);

/// <summary>A report as <c>--json</c> prints it: where it is, and what it came to.</summary>
internal sealed record ReportDocument(string Framework, string Run, string Report, bool Verified, long Failures, bool Finished, int Fields, int NotAvailable, int Entries, int Models);

/// <summary>A check of a transcript.</summary>
internal sealed record KatFindingDocument(int Transcript, string Check, bool Matches, int Compared, ImmutableArray<string> Differing);

/// <summary>The verdict on transcripts.</summary>
internal sealed record KatDocument(bool Matches, int Transcripts, ImmutableArray<string> NotRead);

/// <summary>JSON of the audit commands, one line each.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(VerificationDocument))]
[JsonSerializable(typeof(NoteDocument))]
[JsonSerializable(typeof(ReportDocument))]
[JsonSerializable(typeof(KatFindingDocument))]
[JsonSerializable(typeof(KatDocument))]
internal sealed partial class AuditJson : JsonSerializerContext;
