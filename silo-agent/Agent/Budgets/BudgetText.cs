// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The ledgers for a person: what is spent is rounded up, what is left is rounded down.</summary>
public static class BudgetText
{
    private static readonly string[] Columns = ["job", "state", "mechanism", "unit", "rounds", "epsilon", "delta", "z", "q"];

    /// <summary>The lines of a report.</summary>
    public static IEnumerable<string> Lines(BudgetReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return report.Ledgers.IsEmpty
            ? ["No ledger: no data set of this home has a privacy budget yet."]
            : report.Ledgers.SelectMany((ledger, i) => i == 0 ? Lines(ledger) : Lines(ledger).Prepend(string.Empty));
    }

    private static IEnumerable<string> Lines(LedgerReport ledger)
    {
        yield return $"{ledger.Name}: {(ledger.Limit is { } limit ? $"limit epsilon {Exact(limit.EpsMax)} at delta {Exact(limit.DeltaMax)}, unit {Word(limit.Unit.ToString())}, over its {Word(limit.Period.ToString())}" : "no limit, so nothing can be spent")}";
        if (ledger.Limit is { } signed)
        {
            yield return $"  records    {signed.Records.ToString(CultureInfo.InvariantCulture)}";
            yield return $"  manifest   {signed.ManifestSha256.Hex}";
            yield return $"  needed     {(ledger.RequiredEpsilon is { } needed ? Up(needed) : "unbounded")}  (epsilon of the limit that all that is spent and reserved needs)";
            yield return $"  left       {Down(ledger.RemainingEpsilon ?? 0)}";
            yield return $"  past year  {(ledger.Recent.EpsilonAlone is { } alone ? Up(alone) : "unbounded")}  (what {ledger.Recent.Charges.ToString(CultureInfo.InvariantCulture)} rounds charged in the last {ledger.Recent.Days.ToString(CultureInfo.InvariantCulture)} days would need alone; for information, the limit counts all time)";
        }

        if (!ledger.EpsilonExcludes.IsEmpty)
        {
            yield return $"  epsilon excludes: {string.Join(", ", ledger.EpsilonExcludes.Select(run => run.Value))}";
        }

        if (ledger.Closed)
        {
            yield return "  closed     ledger_gap: the log shows a reserve that this ledger does not know, and the plan to recompute it is missing";
        }

        if (ledger.TornBytes > 0)
        {
            yield return $"  torn       the last line is half written ({ledger.TornBytes} bytes) and does not count; the agent cuts it when it starts";
        }

        foreach (string line in Table([.. ledger.Jobs.SelectMany(Rows)]))
        {
            yield return "  " + line;
        }
    }

    private static IEnumerable<string[]> Rows(JobReport job)
    {
        string state = job.Refusals.IsEmpty ? job.State : string.Equals(job.State, "refused", StringComparison.Ordinal) ? $"refused ({string.Join(", ", job.Refusals)})" : $"{job.State}; refused: {string.Join(", ", job.Refusals)}";
        return job.Mechanisms.IsEmpty
            ? [[job.Job.Value, state, "-", "-", "-", "-", "-", "-", "-"]]
            : job.Mechanisms.Select((mechanism, i) => Row(i == 0 ? job.Job.Value : string.Empty, i == 0 ? state : string.Empty, mechanism));
    }

    private static string[] Row(string job, string state, MechanismReport mechanism) =>
    [
        job,
        state,
        Word(mechanism.Mechanism.ToString()),
        Word(mechanism.Unit.ToString()),
        $"{mechanism.Charged} of {mechanism.Rounds}{(mechanism.Counted > mechanism.Charged ? $", {mechanism.Counted} count as spent" : string.Empty)}",
        Up(mechanism.PldEpsilon),
        Exact(mechanism.Delta),
        Exact(mechanism.Z),
        Exact(mechanism.Q),
    ];

    private static IEnumerable<string> Table(List<string[]> rows)
    {
        if (rows.Count == 0)
        {
            yield return "no job has asked for a reserve";
            yield break;
        }

        rows.Insert(0, Columns);
        int[] widths = [.. Columns.Select((_, i) => rows.Max(row => row[i].Length))];
        foreach (string[] row in rows)
        {
            yield return string.Join("  ", row.Select((cell, i) => cell.PadRight(widths[i]))).TrimEnd();
        }
    }

    private static string Word(string name) => System.Text.Json.JsonNamingPolicy.SnakeCaseLower.ConvertName(name);

    private static string Up(decimal value) => (decimal.Ceiling(value * 10_000) / 10_000).ToString("F4", CultureInfo.InvariantCulture);

    private static string Down(decimal value) => (decimal.Floor(value * 10_000) / 10_000).ToString("F4", CultureInfo.InvariantCulture);

    private static string Exact(decimal value) => Protocol.Plans.DecimalString.Format(value);
}
