// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using FedCloud.Cli.Reports.Document;

namespace FedCloud.Cli.Reports.Html;

/// <summary>The appendix: every cited entry with index and leaf hash, and how to check all of it without this report's author.</summary>
/// <param name="html">Where to.</param>
internal sealed class Appendix(HtmlWriter html)
{
    /// <summary>Writes the cited entries.</summary>
    public void Entries(Report report)
    {
        html.Open("section", ("class", "page"), ("id", "entries")).Element("h2", "Appendix: the cited entries");
        html.Element("p", "Each entry is shown as it is logged, byte for byte. Its leaf hash is SHA-256(0x00 ‖ entry). An entry that is about one silo is shown in full only with the signed consent of that silo's administrator.");
        foreach (CitedEntry entry in report.Entries)
        {
            Write(entry);
        }

        html.Close("section");
    }

    /// <summary>Writes how to verify offline.</summary>
    public void Offline(Report report, bool hasEvidence)
    {
        html.Open("section", ("class", "page"), ("id", "offline")).Element("h2", "How to verify this offline");
        html.Element("p", hasEvidence
            ? $"The evidence is {ReportPaths.Evidence} beside this file. It holds entries of all silos: hand it on only to somebody who may see them."
            : "The evidence is the bundle that this report was made from; its SHA-256 is on the first page. Neither it nor this report needs a network, an account, or trust in whoever made them.");
        html.Element("p", "Verify the whole log, with the first log key and the first roster pinned from another channel (docs/audit.md has the policy's form):");
        html.Element("pre", $"fedcloud audit verify --bundle {ReportPaths.Evidence} --policy policy.json");
        html.Element("p", "Verify a single cited entry by its proof, towards the newest checkpoint:");
        CitedEntry? sample = report.Entries.FirstOrDefault(entry => entry is { Bytes: not null, Proof: not null });
        html.Element("pre", $"fedcloud audit verify --proof {ReportPaths.Proof(sample?.Index ?? 0)} --entry {ReportPaths.Entry(sample?.Index ?? 0)} \\\n  --vkey '{report.LogVkey ?? "the log's verifier key"}'");
        html.Element("p", "Take the verifier key over another channel, not from here. Any tool for C2SP tlog-proof and RFC 6962 with signature type 0x02 does the same. Make this report again from the same evidence, and its report.json has the same bytes:");
        html.Element("pre", $"fedcloud audit report --framework {report.Framework} --run {report.Job} --bundle {ReportPaths.Evidence} --policy policy.json --out again");
        Files(report, hasEvidence);
        html.Close("section");
    }

    private void Files(Report report, bool hasEvidence)
    {
        html.Open("table").Element("caption", "Files beside this one").Open("thead").Open("tr").Element("th", "File", ("scope", "col")).Element("th", "Content", ("scope", "col")).Close("tr").Close("thead").Open("tbody");
        File(ReportPaths.Json, "this report for programs: canonical JSON, each value with unit and evidence");
        File(ReportPaths.Transcript, "the verifier's transcript: a line for each finding, the verdict last");
        File("entries/INDEX.json", "the bytes of each cited entry that is shown here");
        File("proofs/INDEX.tlog-proof", "its inclusion proof, also for those that are not shown");
        File("checkpoints/SIZE", "signed checkpoints with their witness lines: the newest, and those that silos waited for before they sent updates");
        if (report.Cards.Length > 0)
        {
            File("model-cards/", "a card for each version of the model, as HTML, Markdown and JSON");
        }

        if (hasEvidence)
        {
            File(ReportPaths.Evidence, "the evidence as the coordinator exported it");
        }

        File(ReportPaths.Sums, "the SHA-256 of every file, for sha256sum -c");
        html.Close("tbody").Close("table");
    }

    private void File(string name, string content) => html.Open("tr").Open("th", ("scope", "row")).Element("code", name).Close("th").Element("td", content).Close("tr");

    private void Write(CitedEntry entry)
    {
        string index = entry.Index.ToString(CultureInfo.InvariantCulture);
        html.Open("article", ("class", "entry"), ("id", $"e{index}")).Element("h3", $"Entry {index}: {entry.Entry.Type}").Open("dl");
        Term("Leaf hash", entry.Leaf.ToString(), isCode: true);
        Term("Time", entry.Entry.Time, isCode: false);
        Term("Proof", entry.Proof is null ? "not available: the tiles of the evidence do not give one that verifies" : ReportPaths.Proof(entry.Index), isCode: false);
        html.Close("dl");
        if (entry.Bytes is { } bytes)
        {
            html.Element("pre", Encoding.UTF8.GetString(bytes));
        }
        else
        {
            html.Element("p", "About one silo: its content is not shown without the consent of that silo's administrator. It is in the evidence under this index.", ("class", "missing"));
        }

        html.Close("article");
    }

    private void Term(string term, string text, bool isCode)
    {
        html.Element("dt", term).Open("dd");
        html.Element(isCode ? "code" : "span", text).Close("dd");
    }
}
