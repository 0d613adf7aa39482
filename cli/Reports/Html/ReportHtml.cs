// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Cli.Reports.Document;

namespace FedCloud.Cli.Reports.Html;

/// <summary>A report as one HTML file for people: no script, nothing from elsewhere, and it prints on A4.</summary>
internal static class ReportHtml
{
    /// <summary><c>report.html</c>.</summary>
    /// <param name="report">The report.</param>
    /// <param name="hasEvidence">Whether the evidence lies beside it.</param>
    public static string Of(Report report, bool hasEvidence)
    {
        HtmlWriter html = new();
        FieldTables tables = new(html, string.Empty);
        Begin(html, $"Evidence for {report.Title}: {report.Job}");
        html.Open("main");
        new FirstPage(html, tables).Write(report);
        Contents(html, report);
        Articles(html, tables, report);
        Rounds(html, tables, report);
        Cards(html, report);
        Limits(html, report);
        Appendix appendix = new(html);
        appendix.Offline(report, hasEvidence);
        appendix.Entries(report);
        html.Close("main").Close("body").Close("html");
        return html.ToString();
    }

    /// <summary>The head that reports and cards share. The policy forbids everything but the page's own style.</summary>
    public static void Begin(HtmlWriter html, string title)
    {
        html.Open("html", ("lang", "en")).Open("head").Void("meta", ("charset", "utf-8")).Void("meta", ("name", "viewport"), ("content", "width=device-width, initial-scale=1"));
        html.Void("meta", ("http-equiv", "Content-Security-Policy"), ("content", "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'")).Void("meta", ("name", "referrer"), ("content", "no-referrer"));
        html.Element("title", title).Style(ReportStyle.Css).Close("head").Open("body");
    }

    private static void Contents(HtmlWriter html, Report report)
    {
        html.Open("nav", ("aria-label", "Contents")).Element("h2", "Contents").Open("ol");
        foreach (ReportGroup article in report.Articles)
        {
            Link(html, $"a-{article.Key}", article.Title);
        }

        Link(html, "rounds", "Rounds");
        Link(html, "models", "Versions of the model");
        Link(html, "limits", "What this report does not show");
        Link(html, "offline", "How to verify this offline");
        Link(html, "entries", "Appendix: the cited entries");
        html.Close("ol").Open("table").Element("caption", "Where values come from").Open("thead").Open("tr").Element("th", "Source", ("scope", "col")).Element("th", "Meaning", ("scope", "col")).Close("tr").Close("thead").Open("tbody");
        foreach ((string name, string meaning) in SourceNames.All)
        {
            html.Open("tr").Element("th", name, ("scope", "row")).Element("td", meaning).Close("tr");
        }

        html.Close("tbody").Close("table").Close("nav");
    }

    private static void Link(HtmlWriter html, string id, string text) => html.Open("li").Element("a", text, ("href", $"#{id}")).Close("li");

    private static void Articles(HtmlWriter html, FieldTables tables, Report report)
    {
        html.Open("section", ("class", "page"), ("id", "articles")).Element("h2", report.Title);
        foreach (ReportGroup article in report.Articles)
        {
            html.Open("section", ("id", $"a-{article.Key}")).Element("h3", article.Title);
            tables.Write(article, isHeaded: true);
            html.Close("section");
        }

        html.Close("section");
    }

    private static void Rounds(HtmlWriter html, FieldTables tables, Report report)
    {
        html.Open("section", ("class", "page"), ("id", "rounds")).Element("h2", "Rounds");
        if (report.Rounds.IsEmpty)
        {
            html.Element("p", "The log has no round of this run.");
        }

        new RoundCharts(html).Write(report.Rounds);
        foreach (RoundPage round in report.Rounds)
        {
            html.Open("section", ("class", "page"), ("id", string.Create(CultureInfo.InvariantCulture, $"r{round.Round}-{round.Attempt}")));
            html.Element("h3", string.Create(CultureInfo.InvariantCulture, $"Round {round.Round}{(round.Attempt > 1 ? $", attempt {round.Attempt}" : string.Empty)}")).Open("p");
            html.Text(string.Join(" ", round.Story)).Close("p").Open("p", ("class", "note")).Text("Entries that say so: ");
            tables.Links(round.Entries);
            html.Close("p");
            foreach (ReportGroup group in round.Groups)
            {
                tables.Write(group);
            }

            html.Close("section");
        }

        html.Close("section");
    }

    private static void Cards(HtmlWriter html, Report report)
    {
        html.Open("section", ("class", "page"), ("id", "models")).Element("h2", "Versions of the model");
        if (report.Cards.IsEmpty)
        {
            html.Element("p", "The log has no result of this run, so there is no version that it made.");
        }
        else
        {
            html.Element("p", "Each version has a card of its own.").Open("ul");
            foreach (ModelCard card in report.Cards)
            {
                html.Open("li").Element("a", card.Title, ("href", ReportPaths.Card(card, "html"))).Close("li");
            }

            html.Close("ul");
        }

        html.Close("section");
    }

    private static void Limits(HtmlWriter html, Report report)
    {
        html.Open("section", ("class", "page"), ("id", "limits")).Element("h2", "What this report does not show").Open("dl");
        foreach (ReportLimit limit in report.Limits)
        {
            html.Open("dt").Element("b", limit.Title).Close("dt").Element("dd", limit.Text);
        }

        html.Close("dl").Close("section");
    }
}
