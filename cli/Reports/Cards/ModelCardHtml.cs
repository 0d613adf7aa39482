// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Html;

namespace FedCloud.Cli.Reports.Cards;

/// <summary>A model's card as HTML.</summary>
internal static class ModelCardHtml
{
    /// <summary>The page; its links lead into the report beside it.</summary>
    public static string Of(Report report, ModelCard card)
    {
        HtmlWriter html = new();
        FieldTables tables = new(html, $"../{ReportPaths.Html}");
        ReportHtml.Begin(html, $"Model card: {card.Title}");
        html.Open("main").Open("header").Element("h1", $"Model card: {card.Title}").Element("p", $"Run {report.Job} of the federation {report.Federation}", ("class", "subtitle")).Close("header");
        html.Open("div", ("class", report.Verification.Failures == 0 ? "verdict good" : "verdict bad"))
            .Element("p", report.Verification.Failures == 0 ? "The evidence verifies" : "THE EVIDENCE DOES NOT VERIFY: nothing on this card is proved")
            .Open("p").Element("a", "The report has the findings, and the entries that are cited here", ("href", $"../{ReportPaths.Html}")).Close("p").Close("div");
        foreach (ReportGroup group in card.Groups)
        {
            html.Element("h2", group.Title);
            tables.Write(group, isHeaded: true);
        }

        html.Element("h2", "Limits").Open("dl");
        foreach (ReportLimit limit in card.Limits)
        {
            html.Open("dt").Element("b", limit.Title).Close("dt").Element("dd", limit.Text);
        }

        html.Close("dl").Close("main").Close("body").Close("html");
        return html.ToString();
    }
}
