// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports.Evaluation;

/// <summary>How models were judged: by what silos disclosed and signed where no claim forbids it (privacy, section 8.3), and by the evaluations that releases name.</summary>
/// <remarks>
/// A value of one silo stands with its administrator's consent only (C1). Mean and highest value over several silos name nobody, so they stand without.
/// Hashes of the messages never stand here: whoever guesses a figure could test it against them.
/// </remarks>
internal static class EvaluationFields
{
    private const string Unit = "loss per token, natural logarithm";

    /// <summary>The mean loss of every model, first to last, and the evaluation reports of releases by hash.</summary>
    public static FieldContent Evaluation(ReportContext report)
    {
        FieldContent releases = FieldContent.Of(report.Evidence.OfRun(EntryTypes.ModelReleased).Select(record => new ReportValue(record.Subject("evaluation").Hex, ValueSource.Log) { Unit = "SHA-256 of the evaluation report", Note = $"version {record.Integer("version")}, basis {record.Word("basis")}" }.Proved(record.Cite)));
        FieldContent means = WhyNone(report) is { } why
            ? FieldContent.None(why)
            : FieldContent.Of(report.Evaluations.Select(model => MeanOf(report, model)).SelectMany(mean => mean.Values));
        FieldContent both = means.And(releases);
        return both.Values.IsEmpty ? FieldContent.None(means.Missing ?? WhyNoMean(report, model: null)) : both;
    }

    /// <summary>The highest loss that a silo measured on the last model.</summary>
    public static FieldContent WorstSilo(ReportContext report) => WorstSilo(report, report.Run.Results.LastOrDefault()?.Result?.Subject("new_model"));

    /// <summary>The mean loss of a model.</summary>
    public static FieldContent Mean(ReportContext report, Sha256Digest? model) =>
        WhyNone(report) is { } why ? FieldContent.None(why)
        : Find(report, model) is { } found ? MeanOf(report, found)
        : FieldContent.None(WhyNoMean(report, model));

    /// <summary>The mean losses of the model that a round started from and of the one it made.</summary>
    public static FieldContent Round(ReportContext report, RoundAttempt round)
    {
        if (WhyNone(report) is { } why)
        {
            return FieldContent.None(why);
        }

        FieldContent before = Named(Before(report, round), "the model that the round started from");
        FieldContent after = Named(After(report, round), "the model that the round made");
        return before.And(after) is { Values.IsEmpty: false } both ? both : FieldContent.None(WhyNoMean(report, round.Result?.Subject("new_model")));

        FieldContent Named(ModelEvaluation? model, string what) => model is null
            ? FieldContent.None(string.Empty)
            : MeanOf(report, model) is var mean && mean.Missing is null ? FieldContent.Of(mean.Values.Select(value => value with { Note = $"{what}; {value.Note}" })) : mean;
    }

    /// <summary>The highest loss that a silo measured on a model, and which silo where it has consented.</summary>
    public static FieldContent WorstSilo(ReportContext report, Sha256Digest? model)
    {
        if (WhyNone(report) is { } why)
        {
            return FieldContent.None(why);
        }

        if (Find(report, model) is not { } found || (found.Losses.Count < 2 && OfSilos(report, found).Values.IsEmpty))
        {
            return FieldContent.None(WhyNoMean(report, model));
        }

        string[] named = [.. found.Losses.Where(loss => loss.Value == found.Worst && report.Consents.Silos.Contains(loss.Key)).Select(loss => loss.Key.Value)];
        string who = named.Length > 0 ? $"silo {string.Join(", ", named)}" : "which silo, its administrator has not consented to show";
        return FieldContent.Of(new ReportValue(DecimalString.Format(found.Worst), ValueSource.Computed) { Unit = Unit, Note = $"the highest of {Silos(found.Losses.Count)}: {who}; {Mode(report)}" }.Proved(found.Cited));
    }

    /// <summary>What each silo measured on a model, of those that have consented.</summary>
    public static FieldContent SiloMetrics(ReportContext report, Sha256Digest? model) =>
        WhyNone(report) is { } why ? FieldContent.None(why)
        : Find(report, model) is { Losses.IsEmpty: false } found ? OfSilos(report, found)
        : FieldContent.None(WhyNoMean(report, model));

    /// <summary>What a chart and a sentence say of a round: the mean over several silos, before and after; null where there is none.</summary>
    public static (ModelEvaluation? Before, ModelEvaluation? After) Shown(ReportContext report, RoundAttempt round)
    {
        return WhyNone(report) is null ? (Several(Before(report, round)), Several(After(report, round))) : (null, null);

        static ModelEvaluation? Several(ModelEvaluation? model) => model?.Losses.Count > 1 ? model : null;
    }

    /// <summary>What a reader must know of the figures, or why there are none.</summary>
    public static string Limit(ReportContext report) => WhyNone(report) ?? (report.Evaluations.Any(model => !model.Losses.IsEmpty)
        ? "Losses are what silos measured on their own examples and signed. Nobody has recomputed them, and every silo weighs the same in a mean. A silo that discloses nothing is in no mean, and neither is one whose message the coordinator left out of the evidence: the log does not count these messages. A loss says nothing about use in practice."
        : "The log holds no losses and no scores, and the evidence no message by which a silo disclosed one, so no statement about a model's quality is made here.");

    private static ModelEvaluation? Find(ReportContext report, Sha256Digest? model) => report.Evaluations.LastOrDefault(found => found.Model == model);

    private static ModelEvaluation? Before(ReportContext report, RoundAttempt round) => report.Evaluations.FirstOrDefault(model => model.Round == round.Round && model.Model == round.Start.Subject("model"));

    private static ModelEvaluation? After(ReportContext report, RoundAttempt round) =>
        round.Result is { } result ? report.Evaluations.LastOrDefault(model => model.Round > round.Round && model.Model == result.Subject("new_model")) : null;

    // The mean over one silo would be that silo's own value.
    private static FieldContent MeanOf(ReportContext report, ModelEvaluation model) => model.Losses.Count > 1
        ? FieldContent.Of(new ReportValue(DecimalString.Format(model.Mean), ValueSource.Computed) { Unit = Unit, Note = $"{VersionOf(report, model)}mean over {Silos(model.Losses.Count)}{Others(model)}; {Mode(report)}" }.Proved(model.Cited))
        : OfSilos(report, model);

    private static FieldContent OfSilos(ReportContext report, ModelEvaluation model) => FieldContent.OrNone(
        model.Losses.Where(loss => report.Consents.Silos.Contains(loss.Key)).Select(loss => new ReportValue(DecimalString.Format(loss.Value), ValueSource.Evidence) { Unit = Unit, Note = $"silo {loss.Key}, by its signed message for round {model.Round}; {Mode(report)}" }.Proved(model.Cited)),
        $"{Silos(model.Losses.Count)} disclosed a figure, and none of their administrators has consented to show it in this report");

    private static string VersionOf(ReportContext report, ModelEvaluation model)
    {
        LoggedRecord? moved = report.Evidence.OfRun(EntryTypes.ChannelMoved).FirstOrDefault(record => record.Subject("model") == model.Model);
        return (moved, report.Run.Rounds.FirstOrDefault()?.Start.Subject("model") == model.Model) switch
        {
            ({ } entry, _) => string.Create(CultureInfo.InvariantCulture, $"version {entry.Integer("version")}; "),
            (_, true) => "the model before the first round; ",
            _ => string.Empty,
        };
    }

    private static string Others(ModelEvaluation model)
    {
        string members = model.Members is { } n ? $" of the {n} members" : string.Empty;
        string silent = model.Silent > 0 ? $"; {Silos(model.Silent)} answered that none is disclosed" : string.Empty;
        string twice = model.Contradictory > 0 ? $"; {Silos(model.Contradictory)} signed two different figures, of which none counts" : string.Empty;
        return members + silent + twice;
    }

    private static string Silos(int count) => count == 1 ? "one silo" : string.Create(CultureInfo.InvariantCulture, $"{count} silos");

    private static string Mode(ReportContext report) => report.Run.Config is { } plan ? PrivacyClaims.Mode(plan) : throw new InvalidOperationException("figures are shown of a known plan only");

    // Why no figure may stand here, whatever the evidence holds.
    private static string? WhyNone(ReportContext report) => report.Run.Config switch
    {
        null => report.Run.Plan.Missing ?? "the evidence does not hold the run's configuration",
        { AdmitsFigures: true } => null,
        { Metrics.EvalLoss: false } => "the plan asks silos for no figures of an evaluation",
        _ => "under a privacy claim no metric of a single silo on private data exists",
    };

    private static string WhyNoMean(ReportContext report, Sha256Digest? model) => Find(report, model) is { Losses.Count: > 0 }
        ? "one silo disclosed a figure, and its administrator has not consented to show it in this report"
        : "the evidence has no message by which a silo disclosed a figure of an evaluation";
}
