// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using FedCloud.Cli.Reports.Html;
using FedCloud.Protocol.Tests.Audit;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>The page that people read: what is foreign stays text, and it reads without a mouse, a network or colours.</summary>
public sealed class ReportHtmlTests
{
    private const string Hostile = "<script>alert(1)</script> \"quoted\" 'single' & <img src=x onerror=alert(1)> ]]> \u202Egnirts\u200F --> javascript:alert(1)";

    [Fact]
    public async Task Html_MarkupInPlanAndTexts_IsText()
    {
        string texts = JsonSerializer.Serialize(new { v = 1, author_role = "<b onmouseover=\"alert(1)\">officer</b>", texts = new { controllers = Hostile, regions = "first line\nsecond | `line` *here*" } });
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory([("", "purpose", Hostile)]).Write(), ReportStory.Job, "gdpr-30", texts);

        foreach (string page in report.Files.Where(file => file.Key.EndsWith(".html", StringComparison.Ordinal)).Select(file => Encoding.UTF8.GetString(file.Value)))
        {
            Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<img", page, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain("<b onmouseover", page, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain('\u202E', page);
            Assert.DoesNotContain('\u200F', page);
            Assert.Contains("&lt;script&gt;alert(1)&lt;/script&gt;", page, StringComparison.Ordinal);
            Assert.Contains("[U&#x2B;202E]gnirts[U&#x2B;200F]", page, StringComparison.Ordinal);
        }

        Assert.Contains("&lt;b onmouseover=&quot;alert(1)&quot;&gt;officer&lt;/b&gt;", report.Html, StringComparison.Ordinal);
        Assert.Contains("first line\nsecond", report.Html, StringComparison.Ordinal);
        string card = Encoding.UTF8.GetString(report.Files["model-cards/model-card-v1.md"]);
        Assert.Contains("&lt;script\\>alert\\(1\\)", card, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", card, StringComparison.Ordinal);

        // What a program reads is the text itself.
        Assert.Equal([Hostile], BuiltReport.Values(report.Field("art-28-30", "purposes")));
    }

    [Theory]
    [InlineData("gdpr-30")]
    [InlineData("hipaa")]
    [InlineData("ai-act")]
    public async Task Html_EveryPage_IsSelfContainedAndWellFormed(string framework)
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory([("privacy", "claim", "example"), ("privacy", "epsilon", "8")]).Write(), ReportStory.Job, framework);

        foreach (string page in report.Files.Where(file => file.Key.EndsWith(".html", StringComparison.Ordinal)).Select(file => Encoding.UTF8.GetString(file.Value)))
        {
            // Every element is closed, every attribute quoted: an XML parser reads it once void elements are closed too.
            string xml = Regex.Replace(page.Replace("<!DOCTYPE html>", string.Empty, StringComparison.Ordinal), "<(meta|col)( [^>]*)?>", "<$1$2/>");
            XElement html = XElement.Parse(xml, LoadOptions.PreserveWhitespace);

            Assert.Equal("en", html.Attribute("lang")?.Value);
            Assert.Single(html.Descendants("title"), title => title.Parent?.Name == "head" && title.Value.Length > 0);
            Assert.Single(html.Descendants("h1"));
            Assert.All(html.Descendants("th"), header => Assert.Contains(header.Attribute("scope")?.Value, new[] { "col", "row", "rowgroup" }));
            Assert.All(html.Descendants("table"), table => Assert.Single(table.Elements("caption")));
            Assert.All(html.Descendants("svg"), svg => Assert.True(svg.Element("title") is not null && svg.Element("desc") is not null && svg.Attribute("role")?.Value == "img"));
            Assert.Empty(html.Descendants("script"));
            Assert.DoesNotContain(html.Descendants(), element => element.Attribute("src") is not null || element.Name == "link");
            Assert.DoesNotMatch(new Regex("https?://|url\\(|@import"), page);
            int level = 1;
            foreach (int heading in html.Descendants().Where(element => Regex.IsMatch(element.Name.LocalName, "^h[1-6]$")).Select(element => element.Name.LocalName[1] - '0'))
            {
                Assert.True(heading <= level + 1, $"a heading of level {heading} under one of level {level}");
                level = heading;
            }
        }
    }

    [Fact]
    public async Task Html_EveryLink_LeadsToItsEntry()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Write(), ReportStory.Job, "ai-act");

        string[] links = [.. Regex.Matches(report.Html, "href=\"#([^\"]+)\"").Select(match => match.Groups[1].Value).Distinct()];
        HashSet<string> ids = [.. Regex.Matches(report.Html, " id=\"([^\"]+)\"").Select(match => match.Groups[1].Value)];
        Assert.Contains(links, link => Regex.IsMatch(link, "^e[0-9]+$"));
        Assert.All(links, link => Assert.Contains(link, ids));
        Assert.All(Regex.Matches(report.Html, "href=\"(model-cards/[^\"]+)\"").Select(match => match.Groups[1].Value), path => Assert.True(report.Files.ContainsKey(path), path));
        foreach (JsonElement entry in report.Json.GetProperty("entries").EnumerateArray())
        {
            Assert.Contains($"id=\"e{entry.GetProperty("index")}\"", report.Html, StringComparison.Ordinal);
            Assert.Contains(entry.GetProperty("sha256").GetString()!, report.Html, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("plain äöü ε 漢字 עברית", "plain äöü ε 漢字 עברית")]
    [InlineData("a\u202Eb", "a[U+202E]b")]
    [InlineData("a\u2066b\u2069", "a[U+2066]b[U+2069]")]
    [InlineData("zero\u200Bwidth", "zero[U+200B]width")]
    [InlineData("bell\u0007", "bell[U+0007]")]
    [InlineData("two\nlines", "two\nlines")]
    [InlineData("line\u2028separator", "line[U+2028]separator")]
    public void VisibleText_HiddenCharacters_AreWrittenAsNumbers(string text, string expected) => Assert.Equal(expected, VisibleText.Of(text));

    [Fact]
    public async Task Html_EntriesOfManyRounds_ChartNamesEachInWords()
    {
        BuiltReport report = await BuiltReport.OfAsync(new SumStory().Write(), SumStory.Job, "ppfl");

        Assert.Contains("<desc>round 1: 4; round 2: 3</desc>", report.Html, StringComparison.Ordinal);
    }
}
