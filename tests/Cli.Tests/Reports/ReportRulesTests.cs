// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using FedCloud.Cli.Reports.Verdict;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Reports;
using FedCloud.Protocol.Tests.Audit;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>Rules C1, C3, C5 and C6 of compliance reports.</summary>
public sealed class ReportRulesTests
{
    private static readonly string[] SiloIds = ["silo-1", "silo-2", "silo-3", "silo-4"];

    [Fact]
    public async Task C1_NoConsent_ShowsNoEntryOfOneSilo()
    {
        ReportStory story = Refused();
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "ai-act");

        // Membership is in the roster for everybody; what one silo did is not. This framework asks for no members.
        string text = string.Concat(report.Files.Where(file => !file.Key.StartsWith("checkpoints/", StringComparison.Ordinal) && !file.Key.StartsWith("proofs/", StringComparison.Ordinal) && file.Key != "verification.jsonl").Select(file => Encoding.UTF8.GetString(file.Value)));
        Assert.All(SiloIds, silo => Assert.DoesNotContain(silo, text, StringComparison.Ordinal));
        JsonElement[] entries = [.. report.Json.GetProperty("entries").EnumerateArray()];
        Assert.Contains(entries, entry => entry.GetProperty("type").GetString() == "plan_refused");
        Assert.All(
            entries.Where(entry => entry.GetProperty("type").GetString() is "plan_approved" or "plan_refused" or "masked" or "agent_started" or "identity_enrolled" or "budget"),
            entry =>
            {
                Assert.Equal(JsonValueKind.Null, entry.GetProperty("entry").ValueKind);
                Assert.Equal(JsonValueKind.String, entry.GetProperty("proof").ValueKind);
                Assert.False(report.Files.ContainsKey($"entries/{entry.GetProperty("index")}.json"));
            });
        Assert.Contains("its content is not shown without the consent", report.Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task C1_Consent_ShowsThatSiloAndNoOther()
    {
        ReportStory story = Refused();
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "ai-act", texts: null, story.Consent(2, "ai-act"));

        Assert.Contains(BuiltReport.Values(report.Field("art-13-14", "vetoes")), text => text.EndsWith("a silo refused the plan: policy_refused (silo silo-2)", StringComparison.Ordinal));
        JsonElement refusal = report.Json.GetProperty("entries").EnumerateArray().Single(entry => entry.GetProperty("type").GetString() == "plan_refused");
        Assert.Contains("silo-2", Encoding.UTF8.GetString(report.Files[refusal.GetProperty("entry").GetString()!]), StringComparison.Ordinal);
        string text = report.Html + Encoding.UTF8.GetString(report.Files["report.json"]);
        Assert.All(SiloIds.Where(silo => silo != "silo-2"), silo => Assert.DoesNotContain(silo, text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task C1_DataCards_AreShownWithConsentOnly()
    {
        ReportStory story = new();
        MemoryEvidence evidence = story.Enrol(silo => silo < 4 ? CardOf(story, silo) : null, without: 3).Write();

        BuiltReport none = await BuiltReport.OfAsync(evidence, ReportStory.Job, "gdpr-30");
        BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, "gdpr-30", texts: null, story.Consent(2, "gdpr-30"), story.Consent(3, "gdpr-30"));

        Assert.Equal(["3"], BuiltReport.Values(none.Field("art-5-1-c-25", "data_cards")));
        Assert.DoesNotContain("Discharge letters", none.Html, StringComparison.Ordinal);
        Assert.Equal(
            [
                "3", Sha256Digest.Of(CardOf(story, 2).ToJcs()).Hex, "data: Discharge letters of silo 2", "purpose: coding", "legal basis: GDPR 9(2)(j)", "records: 1000 to 2000", "persons: 400 to 800",
                "collected: 2019-01 to 2024-06", $"schema: {AuditFederation.Hash("schema").Hex}", "contact: data office", Sha256Digest.Of(CardOf(story, 3).ToJcs()).Hex, "the evidence does not hold this card",
            ],
            BuiltReport.Values(report.Field("art-5-1-c-25", "data_cards")));
        Assert.Equal(8, report.Field("art-5-1-c-25", "data_cards").GetProperty("values").EnumerateArray().Count(value => value.GetProperty("source").GetString() == "card"));
        Assert.DoesNotContain("Discharge letters of silo 1", report.Html, StringComparison.Ordinal);
        Assert.Contains("data: Discharge letters of silo 2", report.Html, StringComparison.Ordinal);
        string card = Encoding.UTF8.GetString(report.Files.First(file => file.Key.StartsWith("model-cards/", StringComparison.Ordinal) && file.Key.EndsWith(".md", StringComparison.Ordinal)).Value);
        Assert.Contains("Discharge letters of silo 2", card, StringComparison.Ordinal);
    }

    [Fact]
    public async Task C1_ACardOfAnotherSilo_IsNone()
    {
        ReportStory story = new();
        MemoryEvidence evidence = story.Enrol(silo => silo == 2 ? CardOf(story, 1) : null).Write();

        BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, "gdpr-30", texts: null, story.Consent(2, "gdpr-30"));

        Assert.Equal("the evidence does not hold this card", BuiltReport.Values(report.Field("art-5-1-c-25", "data_cards"))[^1]);
    }

    [Fact]
    public async Task C1_ConsentOfAnotherKeyFrameworkOrPlan_IsRefused()
    {
        ReportStory story = new();
        ReportConsent consent = new()
        {
            V = 1,
            Federation = story.Config.Federation,
            SiloId = story.Story.Federation.Members[0].Silo,
            Job = ReportStory.Job,
            Framework = "hipaa",
            ConfigSha256 = story.Config.Digest,
            EvidenceRoot = null,
        };
        byte[][] wrong =
        [
            ReportStory.Sign(consent, story.Story.Federation.Members[1].Admin),
            ReportStory.Sign(consent, story.Story.Federation.Members[0].Identity),
            story.Consent(1, "dora"),
            story.Consent(1, "hipaa", AuditFederation.Hash("another plan")),
            ReportStory.Sign(consent with { ConfigSha256 = null, EvidenceRoot = AuditFederation.Hash("another root") }, story.Story.Federation.Members[0].Admin),
        ];

        foreach (byte[] file in wrong)
        {
            FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => BuiltReport.OfAsync(story.Write(), ReportStory.Job, "hipaa", texts: null, file));
            Assert.Equal(("report_consent_invalid", ExitCode.Unusable), (error.Code.Name, error.Code.Exit));
        }
    }

    [Fact]
    public async Task C1_EvidenceThatDoesNotVerify_CountsNoConsent()
    {
        ReportStory story = Refused();
        MemoryEvidence evidence = story.Write();
        evidence.Files["log-head/checkpoint"][^10] ^= 1;

        BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, "ai-act", texts: null, story.Consent(2, "ai-act"));

        Assert.DoesNotContain("silo-2", report.Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task C1_ClaimAndConsent_StillShowNoMetricOfASilo()
    {
        ReportStory story = new([("privacy", "claim", "example"), ("privacy", "epsilon", "8")]);
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "sr-11-7", texts: null, story.Consent(1, "sr-11-7"));

        Assert.Equal("under a privacy claim no metric of a single silo on private data exists", report.Field("validation", "worst_silo").GetProperty("missing").GetString());
        Assert.Equal(["not available"], BuiltReport.Values(report.Round(0, "result", "worst_silo")));
    }

    [Fact]
    public async Task C3_Verdict_NamesVersionExitCodeAndFindings()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Write(), ReportStory.Job, "dora");

        Assert.Equal([VerdictFields.VerifierVersion], BuiltReport.Values(report.Front("verification", "verifier_version")));
        Assert.Equal(["0"], BuiltReport.Values(report.Front("verification", "exit_code")));
        Assert.Equal(["0"], BuiltReport.Values(report.Front("verification", "findings")));
        Assert.Equal(["no"], BuiltReport.Values(report.Front("verification", "pinned")));
        Assert.Contains("The evidence verifies", report.Html, StringComparison.Ordinal);
    }

    [Fact]
    public async Task C3_FailedVerification_IsOnTheFirstPage()
    {
        MemoryEvidence evidence = new ReportStory().Write();
        string path = evidence.Files.Keys.Last(name => name.StartsWith("log/tile/0/", StringComparison.Ordinal));
        evidence.Files[path][40] ^= 1;

        BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, "dora");

        Assert.False(report.Json.GetProperty("verified").GetBoolean());
        Assert.Equal(["6"], BuiltReport.Values(report.Front("verification", "exit_code")));
        string firstPage = report.Html[..report.Html.IndexOf("<nav", StringComparison.Ordinal)];
        Assert.Contains("THE EVIDENCE DOES NOT VERIFY", firstPage, StringComparison.Ordinal);
        Assert.Contains($"V2 tile_mismatch: {path}", firstPage, StringComparison.Ordinal);
        Assert.Contains("class=\"verdict bad\"", firstPage, StringComparison.Ordinal);
        Assert.DoesNotContain("The evidence verifies", firstPage, StringComparison.Ordinal);
        Assert.DoesNotContain("verdict good", firstPage, StringComparison.Ordinal);
        Assert.Contains("THE EVIDENCE DOES NOT VERIFY", Encoding.UTF8.GetString(report.Files["model-cards/model-card-v1.md"]), StringComparison.Ordinal);

        // Nothing is said about what a log does not have that does not verify.
        Assert.Equal(["not available"], BuiltReport.Values(report.Field("art-10-17-19", "timeline")));
    }

    [Fact]
    public async Task C5_Text_IsMarkedWithTheAuthorsRole()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Write(), ReportStory.Job, "dora", """{"v":1,"author_role":"risk officer","texts":{"provider":"A provider","controllers":"of another framework"}}""");

        JsonElement value = report.Field("art-28-3", "provider").GetProperty("values")[0];
        Assert.Equal(("A provider", "operator", "risk officer"), (value.GetProperty("value").GetString(), value.GetProperty("source").GetString(), value.GetProperty("author_role").GetString()));
        Assert.Equal(0, value.GetProperty("evidence").GetArrayLength());
        Assert.Contains("supplied by the operator, risk officer", report.Html, StringComparison.Ordinal);
        Assert.DoesNotContain("of another framework", report.Html, StringComparison.Ordinal);
        Assert.Equal(["not available"], BuiltReport.Values(report.Field("art-28-3", "service")));
        Assert.Contains("'service'", report.Field("art-28-3", "service").GetProperty("missing").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task C6_Wording_JudgesNothing()
    {
        foreach (string framework in ReportFramework.All)
        {
            foreach (MemoryEvidence evidence in new[] { new ReportStory().Write(), new ReportStory([("privacy", "claim", "example"), ("privacy", "epsilon", "8")], rounds: 1).Write(), new ReportStory().Story.Write() })
            {
                BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, framework);
                string text = string.Concat(report.Files.Values.Select(Encoding.UTF8.GetString));

                Assert.DoesNotMatch(new Regex("complian|certif|conform", RegexOptions.IgnoreCase), text);
                Assert.Contains("Evidence for ", text, StringComparison.Ordinal);
            }
        }
    }

    private static ReportStory Refused()
    {
        ReportStory story = new();
        story.Story["report-approved-2"] = new StoryEntry(
            "report-approved-2",
            EntryTypes.PlanRefused,
            2,
            [("config", story.Config.Digest), ("initial_model", LogStory.Model("report-0")), ("policy", AuditFederation.Hash("policy-2"))],
            [("role", EntryField.Of("agent")), ("reason", EntryField.Of("policy_refused"))],
            ReportStory.Job);
        return story;
    }

    private static DataCard CardOf(ReportStory story, int silo) => new()
    {
        V = 1,
        Federation = story.Config.Federation,
        SiloId = story.Story.Federation.Members[silo - 1].Silo,
        Description = $"Discharge letters of silo {silo}",
        Purpose = "coding",
        LegalBasis = "GDPR 9(2)(j)",
        SchemaSha256 = AuditFederation.Hash("schema"),
        Records = new CountRange(1000, 2000),
        Persons = new CountRange(400, 800),
        CollectedFrom = "2019-01",
        CollectedUntil = "2024-06",
        Contact = "data office",
    };
}
