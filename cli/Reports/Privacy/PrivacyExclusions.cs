// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Identity;

namespace FedCloud.Cli.Reports.Privacy;

/// <summary>What a run's epsilon does not count, as far as the log shows (privacy, rules M6 and section 8.3).</summary>
internal static class PrivacyExclusions
{
    /// <summary>The list; empty for none.</summary>
    public static IEnumerable<ReportValue> Of(ReportContext report) =>
    [
        .. report.Evidence.OfRun(EntryTypes.Gate, EntryTypes.ModelReleased)
            .Where(record => string.Equals(record.Word("basis"), "excluded", StringComparison.Ordinal))
            .Select(record => Excludes(record.Is(EntryTypes.Gate) ? $"the gate {record.Word("gate")}" : $"the votes on version {record.Integer("version")}", record)),
        .. report.Evidence.Of(EntryTypes.PlanSubmitted).Where(record => record.Entry.Job is { } job && job != report.Evidence.Job).SelectMany(record => OtherRun(report, record)),
    ];

    // The log does not show which data set a run without a claim used; that silos of this run approved it is what it shows.
    private static IEnumerable<ReportValue> OtherRun(ReportContext report, LoggedRecord submitted)
    {
        RunId? job = submitted.Entry.Job;
        HashSet<string> members = [.. report.Run.Approvals.Select(approval => approval.Entry.Actor.Id)];
        Citation[] shared = [.. report.Evidence.Of(EntryTypes.PlanApproved).Where(approval => approval.Entry.Job == job && members.Contains(approval.Entry.Actor.Id)).Select(approval => approval.Cite)];
        PlanInEvidence plan = report.Evidence.Plans[submitted.Subject("config")];
        if (shared.Length == 0 || plan.Config is { } config && (config.Privacy.IsClaimed || config.IsPublic))
        {
            yield break;
        }

        string what = plan.Config is null ? "whether it has a privacy claim is not available" : "it has no differential privacy";
        yield return Excludes($"run {job}", submitted, shared) with { Note = $"silos of this run approved it, and {what}; on which data it ran, the log does not show" };
    }

    private static ReportValue Excludes(string what, LoggedRecord record, params Citation[] more) => new ReportValue($"ε excludes: {what}", ValueSource.Log).Proved([record.Cite, .. more]);
}
