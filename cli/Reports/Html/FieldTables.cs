// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Cli.Reports.Html;

/// <summary>Writes groups of fields as tables: a row for each value, with its source and links to the entries that prove it.</summary>
/// <param name="html">Where to.</param>
/// <param name="appendix">What links to entries begin with; null where the page has no appendix.</param>
internal sealed class FieldTables(HtmlWriter html, string? appendix)
{
    /// <summary>Writes a group's table under a heading that the caller wrote.</summary>
    /// <param name="group">The group.</param>
    /// <param name="isHeaded">Whether a heading says its title already.</param>
    public void Write(ReportGroup group, bool isHeaded = false)
    {
        html.Open("table").Open("caption").Element("span", group.Title, ("class", isHeaded ? "apart" : "title")).Close("caption").Open("colgroup");
        html.Void("col", ("class", "c-field")).Void("col").Void("col", ("class", "c-source")).Void("col", ("class", "c-proof")).Close("colgroup");
        html.Open("thead").Open("tr");
        foreach (string column in (string[])["Field", "Value", "Source", "Entries"])
        {
            html.Element("th", column, ("scope", "col"));
        }

        html.Close("tr").Close("thead").Open("tbody");
        foreach (ReportField field in group.Fields)
        {
            Write(field);
        }

        html.Close("tbody").Close("table");
    }

    /// <summary>Writes links to entries.</summary>
    public void Links(IReadOnlyList<Citation> evidence)
    {
        foreach ((int i, Citation citation) in evidence.Index())
        {
            html.Text(i == 0 ? string.Empty : ", ");
            string index = citation.Index.ToString(CultureInfo.InvariantCulture);
            if (appendix is null)
            {
                html.Text(index);
            }
            else
            {
                html.Element("a", index, ("href", $"{appendix}#e{index}"));
            }
        }
    }

    private void Write(ReportField field)
    {
        if (field.Content.Values.IsEmpty)
        {
            html.Open("tr").Element("th", field.Title, ("scope", "row")).Open("td", ("class", "value"));
            html.Element("span", FieldContent.NotAvailable, ("class", "missing")).Element("span", $": {field.Content.Missing}", ("class", "unit")).Close("td");
            html.Element("td", string.Empty, ("class", "source")).Element("td", string.Empty, ("class", "proof")).Close("tr");
            return;
        }

        // No cell spans rows: a page may end after any of them.
        foreach ((int i, ReportValue value) in field.Content.Values.Index())
        {
            html.Open("tr", ("class", i == 0 ? "first" : "next")).Open("th", ("scope", "row"));
            html.Element("span", field.Title, ("class", i == 0 ? "title" : "apart")).Close("th");
            Write(value);
            html.Close("tr");
        }
    }

    private void Write(ReportValue value)
    {
        bool isOperator = value.Source == ValueSource.Operator;
        html.Open("td", ("class", isOperator ? "value operator" : "value"));
        html.Open("bdi").Element(Sha256Digest.IsValid(value.Text) ? "code" : "span", value.Text).Close("bdi");
        if (value.Unit is { } unit)
        {
            html.Element("span", " " + unit, ("class", "unit"));
        }

        if (isOperator)
        {
            html.Element("span", $"supplied by the operator, {value.AuthorRole}", ("class", "note label"));
        }

        if (value.Note is { } note)
        {
            html.Element("span", note, ("class", "note"));
        }

        if (value.Scope is { } scope)
        {
            Write(scope);
        }

        html.Close("td").Element("td", SourceNames.Of(value.Source), ("class", "source")).Open("td", ("class", "proof"));
        Links(value.Evidence);
        html.Close("td");
    }

    private void Write(PrivacyScope scope)
    {
        html.Open("span", ("class", "scope"));
        if (scope.Label is { } label)
        {
            html.Element("span", $"{label}. ", ("class", "label"));
        }

        html.Text($"Claim {scope.Claim}; unit {scope.Unit}; against {scope.Adversary}.").Close("span");
    }
}
