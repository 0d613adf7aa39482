// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Cli.Reports.Consents;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Cli.Reports.Texts;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports;

/// <summary>Everything that a field of a report may be made of.</summary>
/// <param name="Evidence">The evidence.</param>
/// <param name="Run">The run in it.</param>
/// <param name="Consents">Whose values may appear.</param>
/// <param name="Texts">What a person says.</param>
internal sealed record ReportContext(RunEvidence Evidence, RunStory Run, SiloConsents Consents, OperatorTexts Texts)
{
    // A longer list is in the evidence; a report that nobody can read helps nobody.
    private const int MostEvents = 200;

    private const int ShownDigits = 16;

    private ImmutableArray<ModelEvaluation>? _evaluations;

    /// <summary>What silos disclosed of the run's models.</summary>
    public ImmutableArray<ModelEvaluation> Evaluations => _evaluations ??= ModelEvaluation.Of(Evidence, Run);

    /// <summary>The citation of the plan's submission, which names the hash of the configuration.</summary>
    public ImmutableArray<Citation> PlanCited => Run.Submitted is { } submitted ? [submitted.Cite] : [];

    /// <summary>A digest as people read it: enough digits to tell it from every other.</summary>
    public static string Short(Sha256Digest digest) => digest.Hex[..ShownDigits] + "…";

    /// <summary>A field out of the plan; not available where the evidence lacks it.</summary>
    public FieldContent OfPlan(Func<RunConfig, FieldContent> field) => Run.Config is { } plan ? field(plan) : FieldContent.None(Run.Plan.Missing ?? "the evidence does not hold the run's configuration");

    /// <summary>A text out of the plan.</summary>
    public ReportValue Planned(string text, string? unit = null) => new ReportValue(text, ValueSource.Plan) { Unit = unit }.Proved(PlanCited);

    /// <summary>An integer out of the plan.</summary>
    public ReportValue Planned(long number, string? unit = null) => ReportValue.Of(number, ValueSource.Plan, unit).Proved(PlanCited);

    /// <summary>A person's text; not available where none was given.</summary>
    public FieldContent Text(string key) => Texts.Texts.TryGetValue(key, out string? text)
        ? FieldContent.Of(new ReportValue(text, ValueSource.Operator) { AuthorRole = Texts.AuthorRole })
        : FieldContent.None($"nothing in the evidence says it, and no text was supplied under the key '{key}'");

    /// <summary>Entries as a list of events, the newest two hundred of them; where there are none, the verified log says so.</summary>
    /// <param name="records">The entries.</param>
    /// <param name="describe">What happened, in words that name no silo.</param>
    public FieldContent Events(IEnumerable<LoggedRecord> records, Func<LoggedRecord, string> describe)
    {
        LoggedRecord[] all = [.. records.OrderBy(record => record.Index)];
        IEnumerable<ReportValue> shown = all.TakeLast(MostEvents).Select(record => new ReportValue($"{record.Entry.Time} {describe(record)}{Named(record)}", ValueSource.Log).Proved(record.Cite));
        return all.Length switch
        {
            0 => NoneLogged(),
            > MostEvents => FieldContent.Of([.. shown, ReportValue.Of(all.Length - MostEvents, ValueSource.Log, "older entries") with { Note = "not listed here; the evidence has them" }]),
            _ => FieldContent.Of(shown),
        };
    }

    /// <summary>That the log has no such entry: true only of a log that verified as a whole.</summary>
    public FieldContent NoneLogged() => Evidence.IsVerified && Evidence.Unread == 0
        ? FieldContent.Of(new ReportValue("none", ValueSource.Log) { Note = string.Create(CultureInfo.InvariantCulture, $"among the log's {Evidence.Verification.Entries} entries") })
        : FieldContent.None("the evidence does not verify, so it proves nothing about what the log does not have");

    /// <summary>The silo's name behind an event, where its administrator has consented; else nothing.</summary>
    public string Named(LoggedRecord record) => record.IsOfOneSilo && Consents.NameOf(record, Evidence.RosterAt(record.Index)) is { } silo ? $" (silo {silo})" : string.Empty;
}
