// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>The versions of a run's model, and what was decided about them.</summary>
internal static class ModelFields
{
    /// <summary>Versions in the order of the log.</summary>
    public static FieldContent Versions(ReportContext report) => FieldContent.OrNone(
        report.Evidence.OfRun(EntryTypes.ChannelMoved).Select(record => new ReportValue($"version {record.Integer("version")}: {record.Subject("model").Hex}", ValueSource.Log) { Unit = "SHA-256", Note = $"channel {record.Word("channel")} of {record.Word("adapter")}, {record.Entry.Time}" }.Proved(record.Cite)),
        "the log has no version of this run's model");

    public static FieldContent Releases(ReportContext report) => report.Events(report.Evidence.OfRun(EntryTypes.ModelReleased), Describe);

    /// <summary>Votes of releases with their basis.</summary>
    public static FieldContent Votes(ReportContext report) => FieldContent.OrNone(
        report.Evidence.OfRun(EntryTypes.ModelReleased).Select(record => ReportValue.Of(record.Integer("votes"), ValueSource.Log, $"votes for version {record.Integer("version")}, basis {record.Word("basis")}").Proved(record.Cite)),
        "the log has no release with votes");

    public static FieldContent Rollbacks(ReportContext report) => report.Events(report.Evidence.OfRun(EntryTypes.ModelRolledBack), Describe);

    /// <summary>What went another way than planned: rollbacks, gates that did not pass, channels moved for another reason than a committed round.</summary>
    public static FieldContent Overrides(ReportContext report) => report.Events(report.Evidence.OfRun(EntryTypes.ModelRolledBack, EntryTypes.Gate, EntryTypes.ChannelMoved).Where(record => record.Entry.Type switch
    {
        EntryTypes.Gate => !record.Flag("passed"),
        EntryTypes.ChannelMoved => !string.Equals(record.Word("reason"), "round_committed", StringComparison.Ordinal),
        _ => true,
    }), Describe);

    /// <summary>Changes over the life of the run: versions, releases, rollbacks, deployments.</summary>
    public static FieldContent Changes(ReportContext report) =>
        report.Events(report.Evidence.Of(EntryTypes.ChannelMoved, EntryTypes.ModelReleased, EntryTypes.ModelRolledBack, EntryTypes.Deploy).Where(record => record.Entry.Job is null || record.Entry.Job == report.Evidence.Job), Describe);

    /// <summary>Rounds in the log, each with its outcome.</summary>
    public static FieldContent Rounds(ReportContext report) => report.Events(report.Evidence.OfRun(EntryTypes.RoundStart, EntryTypes.Result, EntryTypes.RoundFailed), Describe);

    public static FieldContent Gates(ReportContext report) => report.Events(report.Evidence.OfRun(EntryTypes.Gate), Describe);

    /// <summary>The silos' data cards, as far as their administrators consented.</summary>
    public static FieldContent DataCards(ReportContext report)
    {
        LoggedRecord[] enrolled = [.. report.Evidence.Of(EntryTypes.IdentityEnrolled)];
        if (enrolled.Length == 0)
        {
            return FieldContent.None("the log has no enrolment");
        }

        LoggedRecord[] with = [.. enrolled.Where(record => record.Subject("data_card") != Sha256Digest.Zero)];
        return FieldContent.Of(
        [
            ReportValue.Of(with.Length, ValueSource.Log, $"of {enrolled.Length} enrolled silos named a data card").Proved(enrolled.Select(record => record.Cite)),
            .. with.Where(record => report.Named(record).Length > 0).SelectMany(record => DataCard(report, record)),
        ]);
    }

    private static IEnumerable<ReportValue> DataCard(ReportContext report, LoggedRecord record)
    {
        string silo = report.Named(record).Trim();
        Sha256Digest digest = record.Subject("data_card");
        yield return new ReportValue(digest.Hex, ValueSource.Log) { Unit = "SHA-256 of the data card", Note = silo }.Proved(record.Cite);
        if (!report.Evidence.DataCards.TryGetValue(digest, out DataCard? card))
        {
            yield return new ReportValue("the evidence does not hold this card", ValueSource.Evidence) { Note = silo };
            yield break;
        }

        foreach ((string name, string text) in Texts(card))
        {
            yield return new ReportValue($"{name}: {text}", ValueSource.Card) { Note = silo }.Proved(record.Cite);
        }
    }

    private static IEnumerable<(string Name, string Text)> Texts(DataCard card)
    {
        yield return ("data", card.Description);
        yield return ("purpose", card.Purpose);
        yield return ("legal basis", card.LegalBasis);
        yield return ("records", Range(card.Records));
        if (card.Persons is { } persons)
        {
            yield return ("persons", Range(persons));
        }

        yield return ("collected", $"{card.CollectedFrom} to {card.CollectedUntil}");
        yield return ("schema", card.SchemaSha256.Hex);
        yield return ("contact", card.Contact);
    }

    private static string Range(CountRange range) => string.Create(CultureInfo.InvariantCulture, $"{range.AtLeast} to {range.AtMost}");

    /// <summary>An event in words.</summary>
    public static string Describe(LoggedRecord record) => record.Entry.Type switch
    {
        EntryTypes.ChannelMoved => $"channel {record.Word("channel")} of {record.Word("adapter")} moved to version {record.Integer("version")}: {record.Word("reason")}",
        EntryTypes.ModelReleased => $"version {record.Integer("version")} released with {record.Integer("votes")} votes, basis {record.Word("basis")}",
        EntryTypes.ModelRolledBack => $"rolled back to version {record.Integer("version")}, from round {record.Integer("first_round")} on",
        EntryTypes.Deploy => $"code {ReportContext.Short(record.Subject("code"))} deployed",
        EntryTypes.RoundStart => $"round {record.Entry.Round} started",
        EntryTypes.Result => $"round {record.Entry.Round} committed",
        EntryTypes.RoundFailed => $"round {record.Entry.Round} failed: {record.Word("reason")}",
        EntryTypes.Gate => $"gate {record.Word("gate")} in round {record.Entry.Round}: {(record.Flag("passed") ? "passed" : "not passed")}, basis {record.Word("basis")}",
        _ => record.Entry.Type,
    };
}
