// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Consents;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Keys;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Incidents;

/// <summary>What went wrong, or looked as if it had, in a run and its federation. Events name no silo, except one that has consented.</summary>
internal static class IncidentFields
{
    /// <summary>Alarms, refusals, failed rounds, burned slots, starts without continuity, lost keys and revoked identities, in the order of the log.</summary>
    public static FieldContent Timeline(ReportContext report) => report.Events(Incidents(report), Describe);

    public static FieldContent Alarms(ReportContext report) => report.Events(OfReport(report, EntryTypes.Alarm), Describe);

    public static FieldContent Refusals(ReportContext report) => report.Events(OfReport(report, EntryTypes.PlanRefused, EntryTypes.Budget).Where(IsRefusal), Describe);

    /// <summary>Rounds that failed, or in which something of the timeline happened.</summary>
    public static FieldContent AffectedRounds(ReportContext report)
    {
        LoggedRecord[] incidents = [.. Incidents(report)];
        ReportValue[] rounds =
        [
            .. report.Run.Rounds
                .Select(round => (round.Round, Cited: incidents.Where(record => round.Spans(record.Index) || (record.Entry.Job is not null && record.Entry.Round == round.Round)).Select(record => record.Cite).ToArray()))
                .Where(round => round.Cited.Length > 0)
                .GroupBy(round => round.Round)
                .Select(round => ReportValue.Of(round.Key, ValueSource.Computed, "round").Proved(round.SelectMany(attempt => attempt.Cited))),
        ];
        return rounds.Length > 0 ? FieldContent.Of(rounds) : incidents.Length == 0 ? report.NoneLogged() : FieldContent.Of(new ReportValue("none", ValueSource.Computed) { Note = "no event of the timeline fell into a round of this run" });
    }

    /// <summary>How many silos events of the timeline are about; by name only those that have consented.</summary>
    public static FieldContent AffectedSilos(ReportContext report)
    {
        LoggedRecord[] incidents = [.. Incidents(report).Where(record => record.IsOfOneSilo)];
        if (incidents.Length == 0)
        {
            return report.NoneLogged();
        }

        int count = incidents.Select(record => SiloConsents.SiloOf(record, report.Evidence.RosterAt(record.Index))).Distinct().Count();
        string[] named = [.. incidents.Select(record => report.Consents.NameOf(record, report.Evidence.RosterAt(record.Index))).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        return FieldContent.Of(ReportValue.Of(count, ValueSource.Computed, "silos").Proved(incidents.Select(record => record.Cite)) with
        {
            Note = named.Length == 0 ? "which ones is not shown without their administrators' consent" : $"with consent: {string.Join(", ", named)}",
        });
    }

    /// <summary>From the first event of the timeline to the last.</summary>
    public static FieldContent Duration(ReportContext report)
    {
        LoggedRecord[] incidents = [.. Incidents(report)];
        return incidents.Length == 0
            ? report.NoneLogged()
            : FieldContent.Of(new ReportValue($"{incidents[0].Entry.Time} to {incidents[^1].Entry.Time}", ValueSource.Log) { Note = "first and last event of the timeline; when an incident as such began and ended, the log does not say" }.Proved(incidents[0].Cite, incidents[^1].Cite));
    }

    /// <summary>Whether an entry says that something was refused.</summary>
    public static bool IsRefusal(LoggedRecord record) => record.Is(EntryTypes.PlanRefused) || (record.Is(EntryTypes.Budget) && string.Equals(record.Word("code"), "refuse", StringComparison.Ordinal));

    /// <summary>An event in words that name no silo.</summary>
    public static string Describe(LoggedRecord record)
    {
        string scope = record.Entry.Round is { } round ? $" (round {round})" : string.Empty;
        return record.Entry.Type switch
        {
            EntryTypes.Alarm => $"alarm {record.Word("code")} by {(string.Equals(record.Entry.Actor.Kind, EntryActor.Coordinator, StringComparison.Ordinal) ? "the coordinator" : "a silo")}{scope}",
            EntryTypes.PlanRefused => $"a silo refused the plan: {record.Word("reason")}",
            EntryTypes.Budget => $"a silo's ledger refused a charge or reserve{scope}",
            EntryTypes.RoundFailed => $"round {record.Entry.Round} failed: {record.Word("reason")}",
            EntryTypes.Burned => $"a silo burned its slot{scope}",
            EntryTypes.AgentStarted => "a silo's agent started without proof of continuity",
            EntryTypes.EpochAbandoned => $"an epoch was given up: {record.Word("reason")}",
            EntryTypes.IdentityRevoked => "a silo's keys were revoked",
            EntryTypes.FederationClosed => $"the federation was closed: {record.Word("reason")}",
            EntryTypes.ModelRolledBack => $"the model was rolled back to version {record.Integer("version")}, from round {record.Integer("first_round")} on",
            _ => KeyFields.Describe(record),
        };
    }

    // A first start has nothing to continue; only a later one without continuity is an incident.
    private static IEnumerable<LoggedRecord> Incidents(ReportContext report)
    {
        HashSet<string> started = new(StringComparer.Ordinal);
        HashSet<long> first = [.. report.Evidence.Of(EntryTypes.AgentStarted).Where(record => started.Add(record.Entry.Actor.Id)).Select(record => record.Index)];
        return OfReport(report, EntryTypes.Alarm, EntryTypes.PlanRefused, EntryTypes.Budget, EntryTypes.RoundFailed, EntryTypes.Burned, EntryTypes.AgentStarted, EntryTypes.EpochAbandoned, EntryTypes.IdentityRevoked, EntryTypes.FederationClosed, EntryTypes.KeyReplaced, EntryTypes.ModelRolledBack)
            .Where(record => record.Entry.Type switch
            {
                EntryTypes.Budget => IsRefusal(record),
                EntryTypes.AgentStarted => !record.Flag("continuous") && !first.Contains(record.Index),
                _ => true,
            });
    }

    private static IEnumerable<LoggedRecord> OfReport(ReportContext report, params string[] types) => report.Evidence.Of(types).Where(record => record.Entry.Job is null || record.Entry.Job == report.Evidence.Job);
}
