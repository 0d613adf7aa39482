// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Incidents;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>What went wrong in a round.</summary>
internal static class RoundFailureFields
{
    public static FieldContent FailureReason(ReportContext report, RoundAttempt round) => (round.Failed, round.Result) switch
    {
        ({ } failed, _) => FieldContent.Of(new ReportValue(failed.Word("reason"), ValueSource.Log) { Unit = "reason code" }.Proved(failed.Cite)),
        (_, { } result) => FieldContent.Of(new ReportValue("none: it has a result", ValueSource.Log).Proved(result.Cite)),
        _ => FieldContent.None("the log has no end of this attempt"),
    };

    /// <summary>How many could have sent an update that counts, and did not.</summary>
    public static FieldContent Drops(ReportContext report, RoundAttempt round)
    {
        if (round.U3 is not { } list || Expected(report, round) is not { } expected)
        {
            return FieldContent.None(round.U3 is null ? "the log has no list of this attempt" : "how many could have sent an update needs the round's signed bodies (audit export --sums)");
        }

        return FieldContent.Of(ReportValue.Of(expected.Count - list.Integer("count"), ValueSource.Computed, "silos").Proved([list.Cite, .. expected.Cited]) with { Note = $"of {expected.Count} {expected.Who}" });
    }

    public static FieldContent DropReasons(ReportContext report, RoundAttempt round) => FieldContent.None("the log does not say why an update is missing");

    public static FieldContent Refusals(ReportContext report, RoundAttempt round) =>
        report.Events(report.Evidence.OfRun(EntryTypes.Budget, EntryTypes.PlanRefused).Where(record => IncidentFields.IsRefusal(record) && (record.Entry.Round == round.Round || round.Spans(record.Index))), IncidentFields.Describe);

    public static FieldContent Alarms(ReportContext report, RoundAttempt round) => report.Events(report.Evidence.Of(EntryTypes.Alarm).Where(record => round.Spans(record.Index)), IncidentFields.Describe);

    public static FieldContent Retries(ReportContext report, RoundAttempt round) =>
        FieldContent.Of(ReportValue.Of(round.Attempts - 1, ValueSource.Log, "further attempts").Proved(report.Run.Rounds.Where(other => other.Round == round.Round).Select(other => other.Start.Cite)) with { Note = $"this is attempt {round.Number} of {round.Attempts}" });

    public static FieldContent Burned(ReportContext report, RoundAttempt round) => report.Events(round.Burned, _ => "a silo burned its slot");

    public static FieldContent DiscontinuousStarts(ReportContext report, RoundAttempt round) =>
        report.Events(report.Evidence.Of(EntryTypes.AgentStarted).Where(record => !record.Flag("continuous") && round.Spans(record.Index)), IncidentFields.Describe);

    // Who could have sent an update: the epoch's U2 where the evidence counts it, in plain mode who approved.
    private static (long Count, string Who, IEnumerable<Citation> Cited)? Expected(ReportContext report, RoundAttempt round) => (round.IsPlain, round.Epoch) switch
    {
        (true, _) when report.Run.Approvals.Length > 0 && report.Run.Config?.Participation.CohortSize == 0 => (report.Run.Approvals.Length, "silos that approved the plan", report.Run.Approvals.Select(approval => approval.Cite)),
        (false, { Members.Length: > 0 } epoch) => (epoch.Members.Length, "silos of U2", [epoch.Ready.Cite]),
        (false, _) when round.Roster is { } roster && round.U3?.Integer("count") == roster.Roster.N => (roster.Roster.N, "members", [roster.Logged.Cite]),
        _ => null,
    };
}
