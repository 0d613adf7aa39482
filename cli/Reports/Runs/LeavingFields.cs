// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>What leaves a silo, and how data flows: from the plan, and from the rounds in the log.</summary>
internal static class LeavingFields
{
    private const int BitsOfAByte = 8;

    /// <summary>The tensors' names.</summary>
    public static FieldContent Names(ReportContext report) => report.OfPlan(plan => FieldContent.Of(report.Planned($"{Factors(plan.Algorithm)} of the modules {string.Join(", ", plan.Lora.TargetModules)}")));

    /// <summary>Their shapes follow from the base model, which the evidence does not hold.</summary>
    public static FieldContent Shapes(ReportContext report) => report.OfPlan(plan => FieldContent.Of(report.Planned(plan.Lora.RankPattern is null ? $"rank {plan.Lora.Rank} on one side of every factor" : $"the module's rank on one side of every factor: {plan.Lora.Rank}, or what lora.rank_pattern says") with { Note = "the other side is the module's, which follows from the base model; the evidence does not hold it" }));

    /// <summary>Bytes for each silo and round.</summary>
    public static FieldContent Lengths(ReportContext report) => FieldContent.OrNone(
        report.Run.Rounds.Where(round => round.Start.Integer("k") is BitsOfAByte or 16 or 24 or 32).GroupBy(round => (D: round.Start.Integer("d"), K: round.Start.Integer("k"))).Select(group => ReportValue.Of(Bytes(group.Key.D, group.Key.K), ValueSource.Computed, "bytes for each silo and round").Proved(group.Select(round => round.Start.Cite)) with
        {
            Note = group.First().IsPlain ? "an update, encrypted for the coordinator" : string.Create(CultureInfo.InvariantCulture, $"{group.Key.D} masked coordinates of {group.Key.K} bits"),
        }),
        "the log has no round of the run");

    /// <summary>The hashes of what was sent: an identity for each accepted update.</summary>
    public static FieldContent Hashes(ReportContext report) => FieldContent.OrNone(
        report.Run.Rounds.Where(round => round.Masked.Length > 0).Select(round => ReportValue.Of(round.Masked.Length, ValueSource.Log, "signed announcements, by hash").Proved(round.Masked.Select(record => record.Cite)) with { Note = $"round {round.Round}" }),
        "the log has no accepted update of the run");

    /// <summary>The flow of data in words.</summary>
    public static FieldContent Flow(ReportContext report) => report.OfPlan(plan => FieldContent.Of(
        new ReportValue("Training records stay in their silo. A silo's agent gives them to a trainer on the same machine, which has no networking code.", ValueSource.Product),
        report.Planned(plan.Aggregation.IsSecure
            ? $"What leaves a silo in a round is {Factors(plan.Algorithm)} of its adapter, masked, signed and encrypted for the coordinator. The coordinator opens only the sum of at least t updates."
            : $"What leaves a silo in a round is {Factors(plan.Algorithm)} of its adapter, signed and encrypted for the coordinator, whose operator can open single updates."),
        report.Planned(plan.Metrics.EvalLoss && !(plan.Privacy.IsClaimed && !plan.IsPublic)
            ? "A silo's evaluation loss leaves it where its signed policy allows that; the log has no such figures."
            : "No loss or score on private records leaves a silo."),
        new ReportValue("The coordinator publishes each new version of the adapter to the silos. Hashes, counts and times go into the log; it has no free text.", ValueSource.Product)));

    /// <summary>Whether the log holds personal data: what the verifier looked for.</summary>
    public static FieldContent NoPersonalData(ReportContext report)
    {
        long found = report.Evidence.Verification.Findings.Count(finding => string.Equals(finding.Check, "V13", StringComparison.Ordinal) && finding.IsFailure);
        return FieldContent.Of(
            new ReportValue("An entry of the log holds hashes, integers, flags, ids and words of fixed vocabularies; free text does not exist in it.", ValueSource.Product),
            ReportValue.Of(found, ValueSource.Verifier, "findings of check V13: texts that look like personal data or secrets"));
    }

    private static long Bytes(long d, long k) => k / BitsOfAByte * d;

    private static string Factors(Algorithm algorithm) => algorithm switch
    {
        Algorithm.FfaLora => "the B factors",
        Algorithm.Rolora => "the B factors in odd rounds and the A factors in even ones",
        _ => "the A and B factors",
    };
}
