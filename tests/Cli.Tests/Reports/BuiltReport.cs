// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using FedCloud.Cli.Audit;
using FedCloud.Cli.Reports;
using FedCloud.Cli.Reports.Consents;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Frameworks;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Cli.Reports.Texts;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Verification;
using FedCloud.Protocol.Identity;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>A report in memory, as the command makes it.</summary>
internal sealed record BuiltReport(Report Report, ImmutableSortedDictionary<string, byte[]> Files)
{
    public string Html => Encoding.UTF8.GetString(Files["report.html"]);

    public JsonElement Json => JsonDocument.Parse(Files["report.json"]).RootElement;

    public static async Task<BuiltReport> OfAsync(IEvidenceSource evidence, RunId run, string framework, string? texts = null, params byte[][] consents)
    {
        VerificationReport verification = await EvidenceFiles.VerifyAsync(evidence, policy: null, CancellationToken.None);
        RunEvidence read = await new RunEvidenceReader(evidence, verification, bundle: null).ReadAsync(run, CancellationToken.None);
        RunStory story = RunStory.Of(read);
        OperatorTexts said = texts is null ? OperatorTexts.None : OperatorTexts.Parse(Encoding.UTF8.GetBytes(texts), FrameworkTable.TextKeys);
        ReportContext context = new(read, story, SiloConsents.Read(consents, read, story, framework), said);
        Report report = await new ReportBuilder(context, FrameworkTable.Of(framework)).BuildAsync(CancellationToken.None);
        return new BuiltReport(report, ReportFiles.Of(report, hasEvidence: false));
    }

    /// <summary>A field of an article.</summary>
    public JsonElement Field(string article, string key) => Find(Json.GetProperty("articles"), article, key);

    /// <summary>A field of a round's record.</summary>
    public JsonElement Round(int at, string group, string key) => Find(Json.GetProperty("rounds")[at].GetProperty("groups"), group, key);

    /// <summary>A field of the first page.</summary>
    public JsonElement Front(string group, string key) => Find(Json.GetProperty("front"), group, key);

    /// <summary>The texts of a field's values.</summary>
    public static string[] Values(JsonElement field) => [.. field.GetProperty("values").EnumerateArray().Select(value => value.GetProperty("value").ToString())];

    private static JsonElement Find(JsonElement groups, string group, string key) => groups.EnumerateArray()
        .Single(found => found.GetProperty("key").GetString() == group).GetProperty("fields").EnumerateArray()
        .Single(found => found.GetProperty("key").GetString() == key);
}
