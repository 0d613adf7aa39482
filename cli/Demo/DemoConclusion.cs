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

    private static IEnumerable<string> Compared(DemoReport report, DemoComparison comparison)
    {
        int width = Math.Max("silo".Length, report.PerSilo.Max(silo => silo.Silo.Length));
        yield return string.Empty;
        yield return $"{"eval loss".PadRight(width)}   own examples                      all silos' examples";
        yield return $"{"silo".PadRight(width)}      base     alone  federated      alone  federated";
        foreach (DemoSilo silo in report.PerSilo)
        {
            yield return string.Create(
                CultureInfo.InvariantCulture,
                $"{silo.Silo.PadRight(width)}  {silo.EvalLossBase,8:F4}  {silo.EvalLossLocalOnly,8:F4}   {silo.EvalLossFinal,8:F4}   {silo.UnionEvalLossLocalOnly,8:F4}   {comparison.UnionEvalLossFinal,8:F4}");
        }

        yield return string.Empty;
        string all = comparison.BeatsEveryLocalOnly ? "beats every silo's own adapter" : "does not beat every silo's own adapter";
        yield return string.Create(CultureInfo.InvariantCulture, $"At equal steps ({comparison.Steps} a silo) the federated adapter {all} on all silos' {comparison.UnionExamples} evaluation examples.");
        yield return comparison.BetterAlone.Count == 0
            ? "On its own examples no silo would be better off alone."
            : $"On its own examples would be better off alone: {string.Join(", ", comparison.BetterAlone)}.";
    }
}
