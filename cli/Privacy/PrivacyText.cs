// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Cli.Privacy;

/// <summary>Figures for a person: one line each, and what they hold for.</summary>
/// <remarks>Upper bounds and noise are rounded up, lower bounds down, so that no printed figure claims more than the accountant does.</remarks>
internal static class PrivacyText
{
    /// <summary>The lines of an answer.</summary>
    /// <param name="question">What was asked.</param>
    /// <param name="figures">The answer.</param>
    /// <param name="target">The epsilon that noise was looked for, null when noise was given.</param>
    /// <param name="version">The version of the accountants.</param>
    public static IEnumerable<string> Lines(PrivacyQuestion question, PrivacyFigures figures, double? target, string version)
    {
        yield return $"{question.Mechanism.Name}{(question.Mechanism.Reference ? " (a reference, not for plans)" : string.Empty)}: {string.Join(", ", Given(question, figures, target))}";
        (string Meaning, string Value)[] rows = [.. Rows(question, figures, target)];
        int meanings = rows.Max(row => row.Meaning.Length);
        int values = rows.Max(row => row.Value.IndexOf('.', StringComparison.Ordinal));
        foreach ((string meaning, string value) in rows)
        {
            yield return $"  {meaning.PadRight(meanings)}  {new string(' ', values - value.IndexOf('.', StringComparison.Ordinal))}{value}";
        }

        yield return question.Mechanism.Distributed
            ? $"Add or remove one record, in one step a round, or replace one silo's vector by zero; holds for at most {Repetitions(question)}; accountant {version}."
            : $"Add or remove one record; holds for at most {Repetitions(question)}; accountant {version}.";
    }

    private static IEnumerable<string> Given(PrivacyQuestion question, PrivacyFigures figures, double? target)
    {
        yield return target is { } epsilon ? $"epsilon at most {Exact(epsilon)}" : $"noise {Exact(figures.Noise)}";
        if (question.SamplingRate is { } rate)
        {
            yield return $"sampling rate {Exact(rate)}";
        }

        if (question.Components is { } components)
        {
            yield return $"components {components}";
        }

        if (question.Records is { } records)
        {
            yield return $"{records} records, at most {question.LargestBatch} a batch";
        }

        if (question.L2 is { } l2)
        {
            yield return $"L2 bound {Exact(l2)}, {question.Coordinates} coordinates, {question.Shares ?? 1} shares";
        }

        yield return Repetitions(question);
        yield return $"delta {Exact(question.Delta)}";
    }

    private static IEnumerable<(string Meaning, string Value)> Rows(PrivacyQuestion question, PrivacyFigures figures, double? target)
    {
        if (target is not null)
        {
            yield return ("noise multiplier, smallest", figures.Noise.ToString("F6", CultureInfo.InvariantCulture));
        }

        yield return ($"epsilon ({figures.Accountant})", Up(figures.Epsilon));
        if (figures.Lower is { } lower)
        {
            yield return ("lower bound (PLD)", Text(Math.Floor(lower * 1e4) / 1e4));
        }

        if (figures.Rdp is { } rdp && !question.Mechanism.Distributed)
        {
            yield return (string.Create(CultureInfo.InvariantCulture, $"epsilon (RDP, order {rdp.Order:R})"), Up(rdp.Epsilon));
        }

        if (figures.Ledger is { } ledger)
        {
            yield return ("limit the silo's ledger needs", Text((double)(decimal.Ceiling(ledger * 10_000) / 10_000)));
        }

        if (figures.RoundedL2 is { } sensitivity && figures.ShareDeviation is { } deviation)
        {
            yield return ("sensitivity after rounding (L2)", $"{Up(sensitivity)} grid units");
            yield return ("standard deviation of one share", $"{Up(deviation)} grid units");
        }
    }

    private static string Repetitions(PrivacyQuestion question) =>
        $"{question.Steps} {(question.Mechanism.Distributed ? "round" : "step")}{(question.Steps == 1 ? string.Empty : "s")}";

    private static string Up(double value) => Text(Math.Ceiling(value * 1e4) / 1e4);

    private static string Text(double value) => value.ToString("F4", CultureInfo.InvariantCulture);

    private static string Exact(double value) => value.ToString("R", CultureInfo.InvariantCulture).ToLowerInvariant();
}
