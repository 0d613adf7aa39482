// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Access;

/// <summary>Who got at what: administrative actions, exports, rehearsed drills.</summary>
internal static class AccessFields
{
    /// <summary>Rows of the playbook whose drill starts a silo again from its disk or a backup of it.</summary>
    private static readonly string[] RestoreDrills = ["silo-disk"];

    /// <summary>Rows of the playbook about keys.</summary>
    private static readonly string[] KeyDrills = ["silo-identity", "silo-identities", "quorum", "messages", "wrapping", "log", "witness", "administrator"];

    /// <summary>Administrative actions as the platform reported them.</summary>
    public static FieldContent Actions(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.Access).Where(record => Drill(record) is null), Describe);

    /// <summary>Evidence that was handed out.</summary>
    public static FieldContent Exports(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.Export), Describe);

    /// <summary>The roles that evidence was handed to.</summary>
    public static FieldContent Recipients(ReportContext report)
    {
        LoggedRecord[] exports = [.. report.Evidence.Of(EntryTypes.Export)];
        return exports.Length == 0
            ? report.NoneLogged()
            : FieldContent.Of(exports.GroupBy(record => record.Word("recipient"), StringComparer.Ordinal).OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => new ReportValue(group.Key, ValueSource.Log) { Unit = "role", Note = "evidence was exported for it" }.Proved(group.Select(record => record.Cite))));
    }

    public static FieldContent Drills(ReportContext report) => DrillsOf(report, _ => true);

    public static FieldContent RestoreTests(ReportContext report) => DrillsOf(report, name => RestoreDrills.Contains(name, StringComparer.Ordinal));

    public static FieldContent KeyCompromiseDrills(ReportContext report) => DrillsOf(report, name => KeyDrills.Contains(name, StringComparer.Ordinal));

    /// <summary>The log's entries of this run and of the federation, by type.</summary>
    public static FieldContent Activity(ReportContext report) => FieldContent.OrNone(
        report.Evidence.Entries.Where(record => record.Entry.Job is null || record.Entry.Job == report.Evidence.Job)
            .GroupBy(record => record.Entry.Type, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => ReportValue.Of(group.Count(), ValueSource.Log, $"entries of type {group.Key}").Proved(group.First().Cite, group.Last().Cite) with { Note = "the first and the last are cited" }),
        "no entry could be read");

    /// <summary>An event in words.</summary>
    public static string Describe(LoggedRecord record) => record.Entry.Type switch
    {
        EntryTypes.Export => $"evidence exported for the role {record.Word("recipient")}, bundle {ReportContext.Short(record.Subject("bundle"))}",
        _ when Drill(record) is { } drill => $"drill {drill}: {record.Word("result")}",
        _ => $"{record.Word("operation")}: {record.Word("result")}",
    };

    private static FieldContent DrillsOf(ReportContext report, Func<string, bool> wanted) => report.Events(report.Evidence.Of(EntryTypes.Access).Where(record => Drill(record) is { } name && wanted(name)), Describe);

    private static string? Drill(LoggedRecord record) => record.Word("operation").StartsWith(CompromiseDrill.OperationPrefix, StringComparison.Ordinal) ? record.Word("operation")[CompromiseDrill.OperationPrefix.Length..] : null;
}
