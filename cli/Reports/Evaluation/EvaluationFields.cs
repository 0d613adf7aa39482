// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Rounds;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Evaluation;

/// <summary>How models were judged, as far as the log says: it holds no losses and no scores, only the hash of an evaluation and its basis.</summary>
internal static class EvaluationFields
{
    /// <summary>Evaluation reports of releases, by hash.</summary>
    public static FieldContent Evaluation(ReportContext report) => FieldContent.OrNone(
        report.Evidence.OfRun(EntryTypes.ModelReleased).Select(record => new ReportValue(record.Subject("evaluation").Hex, ValueSource.Log) { Unit = "SHA-256 of the evaluation report", Note = $"version {record.Integer("version")}, basis {record.Word("basis")}" }.Proved(record.Cite)),
        "the log holds no figures of an evaluation, and no release with an evaluation report");

    /// <summary>The worst silo: never under a privacy claim.</summary>
    public static FieldContent WorstSilo(ReportContext report) => FieldContent.None(RoundResultFields.WhyNoSiloMetrics(report));
}
