// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Audit;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>What silos disclosed of evaluations, where a privacy claim does not forbid it: mean, worst silo, and single silos by consent (compliance reports, section 2 and rule C1).</summary>
public sealed class ReportEvaluationTests
{
    private const string NoMessage = "the evidence has no message by which a silo disclosed a figure of an evaluation";

    [Fact]
    public async Task Figures_OfSeveralSilos_AreMeanAndWorstWithoutNames()
    {
        ReportStory story = Disclosed(new ReportStory());
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "sr-11-7");

        Assert.True(report.Json.GetProperty("verified").GetBoolean());
        Assert.Equal(["3.966667", "3"], BuiltReport.Values(report.Round(0, "result", "metrics")));
        Assert.Equal(
            ["the model that the round started from; the model before the first round; mean over 3 silos of the 4 members; no differential privacy", "the model that the round made; version 1; mean over 3 silos of the 4 members; no differential privacy"],
            Notes(report.Round(0, "result", "metrics")));
        Assert.Equal(["3", "2.75"], BuiltReport.Values(report.Round(1, "result", "metrics")));
        Assert.Equal(["3.5"], BuiltReport.Values(report.Round(0, "result", "worst_silo")));
        Assert.Equal(["3.125"], BuiltReport.Values(report.Field("validation", "worst_silo")));
        Assert.Equal(["the highest of 2 silos: which silo, its administrator has not consented to show; no differential privacy"], Notes(report.Field("validation", "worst_silo")));
        Assert.Equal("3 silos disclosed a figure, and none of their administrators has consented to show it in this report", Missing(report.Round(0, "result", "silo_metrics")));
        Assert.Contains("On that model 2 silos measured a mean evaluation loss of 2.75, and 3 on the model before it; the worst of them measured 3.125.", report.Html, StringComparison.Ordinal);
        Assert.Contains("Mean evaluation loss of the model that an attempt made", report.Html, StringComparison.Ordinal);

        // Every value stands on entries, and neither names nor the messages' hashes are told: a figure could be guessed from a hash.
        Assert.NotEmpty(report.Field("validation", "worst_silo").GetProperty("values")[0].GetProperty("evidence").EnumerateArray());
        string text = report.Html + Encoding.UTF8.GetString(report.Files["report.json"]);
        Assert.DoesNotContain("2.375", text, StringComparison.Ordinal);
        Assert.All(story.Write().Files.Keys.Where(path => path.StartsWith("envelopes/", StringComparison.Ordinal)), path => Assert.DoesNotContain(Path.GetFileNameWithoutExtension(path), text, StringComparison.Ordinal));
        Assert.DoesNotContain("silo-1", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ModelCards_HaveTheFiguresOfTheirVersion()
    {
        ReportStory story = Disclosed(new ReportStory());
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "ai-act", texts: null, story.Consent(1, "ai-act"));

        using JsonDocument card = JsonDocument.Parse(report.Files["model-cards/model-card-v2.json"]);
        JsonElement[] fields = [.. card.RootElement.GetProperty("groups").EnumerateArray().Single(group => group.GetProperty("key").GetString() == "evaluation").GetProperty("fields").EnumerateArray()];
        Assert.Equal(["2.75"], BuiltReport.Values(fields.Single(field => field.GetProperty("key").GetString() == "loss")));
        Assert.Equal(["3.125"], BuiltReport.Values(fields.Single(field => field.GetProperty("key").GetString() == "worst_silo")));
        Assert.Equal(["2.375"], BuiltReport.Values(fields.Single(field => field.GetProperty("key").GetString() == "silo_metrics")));
        Assert.Contains("3\\.125 loss per token, natural logarithm (the highest of 2 silos: which silo", Encoding.UTF8.GetString(report.Files["model-cards/model-card-v2.md"]), StringComparison.Ordinal);
        Assert.Equal(["3.966667", "3", "2.75"], BuiltReport.Values(report.Field("art-11", "metrics")));
    }

    [Fact]
    public async Task C1_Consent_ShowsThatSilosFigureAndNames()
    {
        ReportStory story = Disclosed(new ReportStory());
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "sr-11-7", texts: null, story.Consent(3, "sr-11-7"));

        Assert.Equal(["3.5"], BuiltReport.Values(report.Round(0, "result", "silo_metrics")));
        Assert.Equal(["silo silo-3, by its signed message for round 2; no differential privacy"], Notes(report.Round(0, "result", "silo_metrics")));
        Assert.Equal(["the highest of 3 silos: silo silo-3; no differential privacy"], Notes(report.Round(0, "result", "worst_silo")));
        Assert.DoesNotContain("silo-1", report.Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Figure_OfOneSilo_StandsWithItsConsentOnly()
    {
        ReportStory story = new ReportStory().Disclose(3, 2, "2.6789").Disclose(3, 1, null).Disclose(3, 4, null);
        BuiltReport without = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "sr-11-7");
        BuiltReport with = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "sr-11-7", texts: null, story.Consent(2, "sr-11-7"));

        Assert.Equal("one silo disclosed a figure, and its administrator has not consented to show it in this report", Missing(without.Field("validation", "worst_silo")));
        Assert.DoesNotContain("2.6789", without.Html, StringComparison.Ordinal);
        Assert.DoesNotContain("Mean evaluation loss of the model that an attempt made", without.Html, StringComparison.Ordinal);
        Assert.Equal(["2.6789"], BuiltReport.Values(with.Field("validation", "worst_silo")));
        Assert.Equal(["2.6789"], BuiltReport.Values(with.Round(1, "result", "metrics")));
    }

    [Fact]
    public async Task T27_Claim_ShowsNoFigureWhateverTheEvidenceHolds()
    {
        (string, string, string)[] claim = [("privacy", "claim", "example"), ("privacy", "epsilon", "8")];
        ReportStory story = Disclosed(new ReportStory(claim));
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "sr-11-7", texts: null, story.Consent(1, "sr-11-7"), story.Consent(3, "sr-11-7"));

        Assert.Equal("under a privacy claim no metric of a single silo on private data exists", Missing(report.Field("validation", "worst_silo")));
        Assert.Equal("under a privacy claim no metric of a single silo on private data exists", Missing(report.Round(0, "result", "metrics")));
        Assert.DoesNotContain("3.125", report.Html, StringComparison.Ordinal);

        BuiltReport open = await BuiltReport.OfAsync(Disclosed(new ReportStory([.. claim, ("", "data", "public")])).Write(), ReportStory.Job, "sr-11-7");
        Assert.Equal(["3.125"], BuiltReport.Values(open.Field("validation", "worst_silo")));
        Assert.EndsWith("public data; claim A, example-level, made in the silo", Assert.Single(Notes(open.Field("validation", "worst_silo"))), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Plan_ThatAsksForNone_ShowsNone()
    {
        ReportStory story = Disclosed(new ReportStory([("metrics", "eval_loss", "false")]));
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "sr-11-7");

        Assert.Equal("the plan asks silos for no figures of an evaluation", Missing(report.Field("validation", "worst_silo")));
    }

    [Fact]
    public async Task Figures_ThatContradictEachOther_DoNotCount()
    {
        ReportStory story = Disclosed(new ReportStory()).Disclose(3, 4, "2").Disclose(3, 4, "9.5").Disclose(3, 3, null);
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "ai-act");

        Assert.Equal("2.75", BuiltReport.Values(report.Field("art-11", "metrics"))[^1]);
        Assert.Equal("version 2; mean over 2 silos of the 4 members; one silo answered that none is disclosed; one silo signed two different figures, of which none counts; no differential privacy", Notes(report.Field("art-11", "metrics"))[^1]);
    }

    [Fact]
    public async Task Figures_OfAnotherRunOrRound_AreNotShown()
    {
        ReportStory story = new();
        foreach (int silo in new[] { 1, 2 })
        {
            story.Disclose(2, silo, "1", new RunId("run-other")).Disclose(4, silo, "1").Disclose(0, silo, "1");
        }

        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "ai-act");

        Assert.Equal(NoMessage, Missing(report.Field("art-11", "metrics")));
        Assert.Contains(report.Json.GetProperty("limits").EnumerateArray(), limit => limit.GetProperty("text").GetString()!.StartsWith("The log holds no losses and no scores, and the evidence no message", StringComparison.Ordinal));
    }

    [Fact]
    public async Task T11_FiguresThatWereChanged_FailAndAreNotShown()
    {
        ReportStory story = new ReportStory().Disclose(3, 1, "2").Disclose(3, 2, "3");
        DsseEnvelope honest = ReportStory.Figures(3, 3, "9", story.Story.Federation.Members[2].Identity);
        DsseEnvelope changed = ReportStory.Figures(3, 3, "1", story.Story.Federation.Members[2].Identity) with { Signatures = honest.Signatures };
        DsseEnvelope stranger = ReportStory.Figures(3, 4, "1", story.Story.Federation.Members[3].Admin);
        foreach ((DsseEnvelope forged, string code) in new[] { (changed, "signature_invalid"), (stranger, "signature_invalid") })
        {
            MemoryEvidence evidence = story.Write();
            evidence.Files[EvidenceLayout.Envelope(forged.Identity)] = forged.ToJcs();
            BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, "ai-act");

            Assert.Contains(report.Report.Verification.Findings, finding => finding.IsFailure && finding.Check == "V7" && finding.Code.Name == code && finding.Path == EvidenceLayout.Envelope(forged.Identity));
            Assert.Equal(["2.5"], BuiltReport.Values(report.Field("art-11", "metrics")));
        }
    }

    // Before round 1 three silos, after it the same, after round 2 two of them.
    private static ReportStory Disclosed(ReportStory story) => story
        .Disclose(1, 1, "3.9").Disclose(1, 2, "4").Disclose(1, 3, "4")
        .Disclose(2, 1, "2.5").Disclose(2, 2, "3").Disclose(2, 3, "3.5")
        .Disclose(3, 1, "2.375").Disclose(3, 2, "3.125");

    private static string[] Notes(JsonElement field) => [.. field.GetProperty("values").EnumerateArray().Select(value => value.GetProperty("note").GetString()!)];

    private static string? Missing(JsonElement field) => field.GetProperty("missing").GetString();
}
