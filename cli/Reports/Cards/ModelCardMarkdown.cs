// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Html;

namespace FedCloud.Cli.Reports.Cards;

/// <summary>A model's card as Markdown (CommonMark).</summary>
internal static class ModelCardMarkdown
{
    private const string Punctuation = "\\`*_{}[]()#+-.!|~>";

    /// <summary>The text.</summary>
    public static string Of(Report report, ModelCard card)
    {
        StringBuilder text = new();
        text.Append("# Model card: ").AppendLine(Escape(card.Title)).AppendLine();
        text.Append("Run ").Append(Escape(report.Job.Value)).Append(" of the federation ").Append(Escape(report.Federation.Value)).AppendLine(".").AppendLine();
        text.AppendLine(report.Verification.Failures == 0 ? "The evidence verifies." : "**THE EVIDENCE DOES NOT VERIFY: nothing on this card is proved.**");
        foreach (ReportGroup group in card.Groups)
        {
            text.AppendLine().Append("## ").AppendLine(Escape(group.Title)).AppendLine();
            foreach (ReportField field in group.Fields)
            {
                Write(text, field);
            }
        }

        text.AppendLine().AppendLine("## Limits").AppendLine();
        foreach (ReportLimit limit in card.Limits)
        {
            text.Append("* **").Append(Escape(limit.Title)).Append("**: ").AppendLine(Escape(limit.Text));
        }

        return text.Replace("\r\n", "\n").ToString();
    }

    private static void Write(StringBuilder text, ReportField field)
    {
        text.Append("* **").Append(Escape(field.Title)).Append("**: ");
        if (field.Content.Values.IsEmpty)
        {
            text.Append(FieldContent.NotAvailable).Append(" (").Append(Escape(field.Content.Missing ?? string.Empty)).AppendLine(")");
            return;
        }

        text.AppendLine(string.Join("; ", field.Content.Values.Select(Words)));
    }

    private static string Words(ReportValue value)
    {
        StringBuilder words = new(Escape(value.Text));
        words.Append(value.Unit is { } unit ? $" {Escape(unit)}" : string.Empty);
        if (value.Source == ValueSource.Operator)
        {
            words.Append(CultureInfo.InvariantCulture, $" (supplied by the operator, {Escape(value.AuthorRole ?? string.Empty)})");
        }

        if (value.Scope is { } scope)
        {
            words.Append(CultureInfo.InvariantCulture, $" ({Escape(scope.Label is { } label ? $"{label}; " : string.Empty)}claim {Escape(scope.Claim)}; unit {Escape(scope.Unit)}; against {Escape(scope.Adversary)})");
        }

        words.Append(value.Note is { } note ? $" ({Escape(note)})" : string.Empty);
        return value.Evidence.IsEmpty ? words.ToString() : words.Append(CultureInfo.InvariantCulture, $" (entries {string.Join(", ", value.Evidence.Select(citation => citation.Index))})").ToString();
    }

    private static string Escape(string text)
    {
        StringBuilder escaped = new(text.Length);
        foreach (char c in VisibleText.Of(text))
        {
            _ = c switch
            {
                '\n' => escaped.Append(' '),
                '<' => escaped.Append("&lt;"),
                '&' => escaped.Append("&amp;"),
                _ when Punctuation.Contains(c, StringComparison.Ordinal) => escaped.Append('\\').Append(c),
                _ => escaped.Append(c),
            };
        }

        return escaped.ToString();
    }
}
