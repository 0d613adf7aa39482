// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Cli.Demo;

/// <summary>The demo's closing table.</summary>
internal static class DemoConclusion
{
    /// <summary>Its lines.</summary>
    public static List<string> Of(DemoReport report)
    {
        List<string> lines = [.. report.Comparison is { } comparison ? Compared(report, comparison) : Plain(report)];
        lines.AddRange(Budgets(report));
        lines.Add(report.Privacy);
        lines.AddRange(report.AuditFindings);
        lines.Add(report.AuditVerified
            ? $"Audit log verified: {report.AuditEntries} entries{(report.AuditSums > 0 ? $", {report.AuditSums} sums recomputed bit for bit" : string.Empty)}, root {report.AuditRoot}. Evidence in {report.EvidencePath}"
            : $"The audit log does NOT verify; see fedcloud audit verify --bundle {report.EvidencePath}");
        lines.Add(string.Create(CultureInfo.InvariantCulture, $"Adapter in {report.AdapterPath} (PEFT format), {report.SecondsTotal:F1} s in all"));
        return lines;
    }

    private static IEnumerable<string> Plain(DemoReport report) => report.PerSilo
        .Where(silo => silo.EvalLossBase is not null && silo.EvalLossFinal is not null)
        .Select(silo => string.Create(CultureInfo.InvariantCulture, $"{silo.Silo,-24} eval loss {silo.EvalLossBase:F4} -> {silo.EvalLossFinal:F4}"));

    private static IEnumerable<string> Budgets(DemoReport report)
    {
        if (report.PerSilo.All(silo => silo.Budget is null))
        {
            yield break;
        }

        int width = Math.Max("silo".Length, report.PerSilo.Max(silo => silo.Silo.Length));
        yield return string.Empty;
        yield return $"{"privacy budget".PadRight(width)}   epsilon of the run   rounds charged   ledger counts   left of limit";
        foreach ((string silo, DemoBudget budget) in report.PerSilo.Where(silo => silo.Budget is not null).Select(silo => (silo.Silo, silo.Budget!)))
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"{silo.PadRight(Math.Max(width, "privacy budget".Length))}   {budget.RunEpsilon,18:F3}   {budget.RoundsCharged,7} of {budget.RoundsReserved,3}   {budget.EpsilonSpent,13:F3}   {budget.EpsilonLeft,5:F3} of {budget.EpsilonMax:0.###}");
        }

        yield return string.Empty;
        yield return string.Create(CultureInfo.InvariantCulture, $"Epsilon at delta {report.PerSilo.Select(silo => silo.Budget?.DeltaMax).First(delta => delta is not null):0.##########}, of the run at its most rounds{(report.Epsilon is "demonstration" ? "; the data is public, so it is a demonstration" : string.Empty)}. The ledger counts more, since runs on the same data add up one after the other.");
    }

    private static IEnumerable<string> Compared(DemoReport report, DemoComparison comparison)
    {
        int width = Math.Max("silo".Length, report.PerSilo.Max(silo => silo.Silo.Length));
        yield return string.Empty;
        bool home = comparison.StepsAtHome > 0;
        yield return $"{"eval loss".PadRight(width)}   own examples                   {(home ? "              " : string.Empty)}   all silos' examples";
        yield return $"{"silo".PadRight(width)}      base     alone  federated{(home ? "  then at home" : string.Empty)}      alone  federated";
        foreach (DemoSilo silo in report.PerSilo)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{silo.Silo.PadRight(width)}  {silo.EvalLossBase,8:F4}  {silo.EvalLossLocalOnly,8:F4}   {silo.EvalLossFinal,8:F4}{(home ? string.Create(CultureInfo.InvariantCulture, $"  {silo.EvalLossAtHome,12:F4}") : string.Empty)}   {silo.UnionEvalLossLocalOnly,8:F4}   {comparison.UnionEvalLossFinal,8:F4}");
        }

        yield return string.Empty;
        string all = comparison.BeatsEveryLocalOnly ? "beats every silo's own adapter" : "does not beat every silo's own adapter";
        string steps = home
            ? string.Create(CultureInfo.InvariantCulture, $"With {comparison.Steps - comparison.StepsAtHome} steps a silo, against {comparison.Steps} alone,")
            : string.Create(CultureInfo.InvariantCulture, $"At equal steps ({comparison.Steps} a silo)");
        yield return string.Create(CultureInfo.InvariantCulture, $"{steps} the federated adapter {all} on all silos' {comparison.UnionExamples} evaluation examples.");
        string own = home ? string.Create(CultureInfo.InvariantCulture, $"On its own examples, with {comparison.StepsAtHome} of {comparison.Steps} steps at home,") : "On its own examples";
        yield return comparison.BetterAlone.Count == 0
            ? $"{own} no silo would be better off alone."
            : $"{own} would be better off alone: {string.Join(", ", comparison.BetterAlone)}.";
    }
}
