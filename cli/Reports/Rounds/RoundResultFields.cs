// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>What came of a round.</summary>
internal static class RoundResultFields
{
    private const string NormGateName = "aggregate_norm";
    private const string NoResult = "the attempt has no result";

    public static FieldContent Aggregate(ReportContext report, RoundAttempt round) => round.Result is { } result
        ? FieldContent.Of(new ReportValue(result.Subject("aggregate").Hex, ValueSource.Log) { Unit = "SHA-256" }.Proved(result.Cite))
        : FieldContent.None(NoResult);

    public static FieldContent Norm(ReportContext report, RoundAttempt round) => FieldContent.None("the log has the gate's decision, and not the norm");

    public static FieldContent SumChecks(ReportContext report, RoundAttempt round) => (round.Result, report.Evidence.Verification.SumsOf.Contains(round.Rid)) switch
    {
        (null, _) => FieldContent.None(NoResult),
        ({ } result, true) => FieldContent.Of(new ReportValue("passed: the sum was recomputed from the silos' masked vectors, bit for bit, with its weight, norm and gate", ValueSource.Verifier) { Note = ModelNote(report, round) }.Proved(result.Cite)),
        _ => FieldContent.None(round.IsPlain ? "plain mode has no sum that an outsider can recompute" : "the evidence does not hold what recomputes the sum (audit export --sums)"),
    };

    public static FieldContent Gates(ReportContext report, RoundAttempt round) => FieldContent.OrNone(round.Gates.Select(gate => Decision(report, round, gate)), "the log has no decision of a gate in this attempt");

    public static FieldContent NormGate(ReportContext report, RoundAttempt round) => FieldContent.OrNone(
        round.Gates.Where(gate => string.Equals(gate.Word("gate"), NormGateName, StringComparison.Ordinal)).Select(gate => Decision(report, round, gate)),
        round.Result is null ? NoResult : round.IsPlain ? "plain mode logs no decision of it" : "the log has no decision of it in this attempt");

    public static FieldContent Metrics(ReportContext report, RoundAttempt round) => EvaluationFields.Round(report, round);

    /// <summary>Per silo: of the model that the round made.</summary>
    public static FieldContent SiloMetrics(ReportContext report, RoundAttempt round) => OfNewModel(round, model => EvaluationFields.SiloMetrics(report, model));

    /// <summary>The worst silo on the model that the round made.</summary>
    public static FieldContent WorstSilo(ReportContext report, RoundAttempt round) => OfNewModel(round, model => EvaluationFields.WorstSilo(report, model));

    private static FieldContent OfNewModel(RoundAttempt round, Func<Sha256Digest, FieldContent> field) => round.Result is { } result ? field(result.Subject("new_model")) : FieldContent.None(NoResult);

    private static ReportValue Decision(ReportContext report, RoundAttempt round, LoggedRecord gate)
    {
        string name = gate.Word("gate");
        string threshold = string.Equals(name, NormGateName, StringComparison.Ordinal) ? $", threshold {Threshold(report.Run.Config)}" : $", threshold {FieldContent.NotAvailable}";
        return new ReportValue($"{name}: {(gate.Flag("passed") ? "passed" : "not passed")}, basis {gate.Word("basis")}{threshold}", ValueSource.Log).Proved([gate.Cite, .. report.PlanCited]);
    }

    private static string Threshold(RunConfig? plan) => plan switch
    {
        null => FieldContent.NotAvailable,
        { Aggregation.AggregateNormMax: { } most } => string.Create(CultureInfo.InvariantCulture, $"L2 norm {most} of the mean, by the plan"),
        { Aggregation.IsSecure: true } => string.Create(CultureInfo.InvariantCulture, $"what the plan's update_clip {plan.Aggregation.Secure.UpdateClip} implies"),
        _ => "none in the plan",
    };

    private static string ModelNote(ReportContext report, RoundAttempt round) => report.Evidence.Verification.ModelsOf.Contains(round.Rid)
        ? "the new model was recomputed from this sum too"
        : "the new model was not recomputed";
}
