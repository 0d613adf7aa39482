// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Tests.Audit;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>What a report says about privacy (compliance reports, section 2 and rule C2).</summary>
public sealed class ReportPrivacyTests
{
    private static readonly string[] Numbers = ["steps", "clip", "delta", "z", "z_eff", "q", "epsilon_plan", "epsilon_ledger", "epsilon_round", "epsilon_job", "epsilon_realised", "epsilon_period", "epsilon_lifetime"];

    private static readonly (string, string, string)[] Example = [("privacy", "claim", "example"), ("privacy", "epsilon", "8"), ("privacy", "expected_batch", "24")];

    private static readonly (string, string, string)[] Distributed =
    [
        ("privacy", "claim", "distributed"), ("privacy", "unit", "record"), ("privacy", "noise_multiplier", "2.9"), ("privacy", "max_records", "1000"),
        ("training", "local_steps", "1"), ("training", "schedule", "constant"), ("training", "warmup_steps", "0"),
    ];

    [Fact]
    public async Task Privacy_NoClaim_PrintsNoNumber()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Write(), ReportStory.Job, "gdpr-35");

        Assert.Equal(["no differential privacy"], BuiltReport.Values(report.Round(0, "scope", "mode")));
        Assert.Equal(["no differential privacy"], BuiltReport.Values(report.Round(0, "privacy", "claim")));
        Assert.All(Numbers, number => Assert.Equal(["not available"], BuiltReport.Values(report.Round(0, "privacy", number))));
        Assert.All(new[] { "epsilon", "delta", "epsilon_period", "epsilon_lifetime", "membership_bound" }, number => Assert.Equal(["not available"], BuiltReport.Values(report.Field("art-35", number))));
        Assert.Equal("no differential privacy", report.Round(0, "privacy", "epsilon_job").GetProperty("missing").GetString());
    }

    [Fact]
    public async Task Privacy_ClaimA_PrintsThePlanAndLeavesLocalNumbersToTheSilo()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory(Example).Write(), ReportStory.Job, "ppfl");

        Assert.True(report.Json.GetProperty("verified").GetBoolean(), report.Html);
        Assert.Equal(["8"], BuiltReport.Values(report.Round(0, "privacy", "epsilon_job")));
        Assert.Equal(["8"], BuiltReport.Values(report.Round(0, "privacy", "epsilon_plan")));
        Assert.Equal(["0.00001"], BuiltReport.Values(report.Round(0, "privacy", "delta")));
        Assert.Equal(["20", "60"], BuiltReport.Values(report.Round(0, "privacy", "steps")));
        Assert.All(new[] { "z", "z_eff", "q", "epsilon_ledger", "epsilon_round", "epsilon_realised" }, number => Assert.Equal(["local to the silo"], BuiltReport.Values(report.Round(0, "privacy", number))));
        Assert.Equal(["not available"], BuiltReport.Values(report.Round(0, "privacy", "epsilon_lifetime")));
        Assert.Equal(["3"], BuiltReport.Values(report.Round(0, "privacy", "charges")));
        RequireScope(report, "A, example-level, made in the silo", label: null);
    }

    [Fact]
    public async Task Privacy_ClaimAWithGivenNoise_PrintsWhatFollowsFromIt()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory([("privacy", "claim", "example"), ("privacy", "noise_multiplier", "1.5"), ("privacy", "expected_batch", "24")]).Write(), ReportStory.Job, "ppfl");

        Assert.Equal(["1.5"], BuiltReport.Values(report.Round(0, "privacy", "z")));
        decimal effective = decimal.Parse(BuiltReport.Values(report.Round(0, "privacy", "z_eff"))[0], System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(effective, 1.4999m, 1.5m);
        Assert.Equal(["not available"], BuiltReport.Values(report.Round(0, "privacy", "epsilon_plan")));
        Assert.Equal(["local to the silo"], BuiltReport.Values(report.Round(0, "privacy", "epsilon_job")));
        Assert.Equal(["not available"], BuiltReport.Values(report.Field("output-privacy", "membership_bound")));
    }

    [Fact]
    public async Task Privacy_ClaimB_PrintsTheAccountantsFigures()
    {
        ReportStory story = new(Distributed);
        DistributedPrivacy figures = DistributedPrivacy.Of(story.Config);
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "gdpr-35");

        Assert.Equal([DecimalString.Format(figures.Epsilon)], BuiltReport.Values(report.Round(0, "privacy", "epsilon_job")));
        Assert.Equal([DecimalString.Format(figures.RoundEpsilon)], BuiltReport.Values(report.Round(0, "privacy", "epsilon_round")));
        Assert.Equal(["1"], BuiltReport.Values(report.Round(0, "privacy", "q")));
        JsonElement realised = report.Round(0, "privacy", "epsilon_realised").GetProperty("values")[0];
        Assert.Equal("not a guarantee", realised.GetProperty("label").GetString());
        Assert.True(decimal.Parse(realised.GetProperty("value").GetString()!, System.Globalization.CultureInfo.InvariantCulture) < figures.Epsilon);
        RequireScope(report, "B, distributed, noise shares on the ring", label: null);

        // Kairouz, Oh and Viswanath 2015: both bounds that one (epsilon, delta) gives, written again.
        double e = (double)figures.Epsilon;
        double expected = Math.Min((Math.Exp(e) * 0.001) + 1e-5, 1 - (Math.Exp(-e) * (1 - 1e-5 - 0.001)));
        Assert.Equal(expected, double.Parse(BuiltReport.Values(report.Field("art-35", "membership_bound"))[0], System.Globalization.CultureInfo.InvariantCulture), 2e-6);
    }

    [Fact]
    public async Task Privacy_PublicData_IsADemonstration()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory([.. Example, ("", "data", "public")]).Write(), ReportStory.Job, "ppfl");

        Assert.StartsWith("public data; claim A", BuiltReport.Values(report.Round(0, "scope", "mode"))[0], StringComparison.Ordinal);
        RequireScope(report, "A, example-level, made in the silo", label: "demonstration");
        Assert.Contains("demonstration. ", report.Html, StringComparison.Ordinal);

        // On public data rows of silos may be shown; there are none because no silo disclosed one.
        Assert.Equal("the evidence has no message by which a silo disclosed a figure of an evaluation", report.Round(0, "result", "worst_silo").GetProperty("missing").GetString());
    }

    [Fact]
    public async Task Exclusions_GateByBasisExcludedAndARunWithoutAClaim_AreNamed()
    {
        ReportStory story = new(Example);
        story.Story["report-gate-2"] = story.Story["report-gate-2"].WithField("basis", EntryField.Of("excluded"));
        RunId other = new("run-other");
        RunConfig config = ReportStory.PlanOf(other, []);
        story.Story.AppendBatch(
            story.Story.C("submit-other", EntryTypes.PlanSubmitted, [("config", config.Digest), ("initial_model", LogStory.Model("other-0"))], [("role", EntryField.Of("operator"))], other),
            new StoryEntry("approved-other", EntryTypes.PlanApproved, 2, [("config", config.Digest), ("initial_model", LogStory.Model("other-0")), ("policy", AuditFederation.Hash("policy-2"))], [("role", EntryField.Of("agent"))], other));
        MemoryEvidence evidence = story.Write();
        evidence.Files[Protocol.Audit.Evidence.EvidenceLayout.Blob(config.Digest)] = config.ToJcs();

        BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, "ppfl");

        Assert.Equal(["ε excludes: the gate aggregate_norm", "ε excludes: run run-other"], BuiltReport.Values(report.Field("output-privacy", "excludes")));
        Assert.Equal(["none"], BuiltReport.Values((await BuiltReport.OfAsync(new ReportStory(Example).Write(), ReportStory.Job, "ppfl")).Field("output-privacy", "excludes")));
    }

    [Fact]
    public async Task Exclusions_OtherRunWithAClaim_IsNotNamed()
    {
        ReportStory story = new(Example);
        RunId other = new("run-other");
        RunConfig config = ReportStory.PlanOf(other, Example);
        story.Story.AppendBatch(
            story.Story.C("submit-other", EntryTypes.PlanSubmitted, [("config", config.Digest), ("initial_model", LogStory.Model("other-0"))], [("role", EntryField.Of("operator"))], other),
            new StoryEntry("approved-other", EntryTypes.PlanApproved, 2, [("config", config.Digest), ("initial_model", LogStory.Model("other-0")), ("policy", AuditFederation.Hash("policy-2"))], [("role", EntryField.Of("agent"))], other));
        MemoryEvidence evidence = story.Write();
        evidence.Files[Protocol.Audit.Evidence.EvidenceLayout.Blob(config.Digest)] = config.ToJcs();

        BuiltReport report = await BuiltReport.OfAsync(evidence, ReportStory.Job, "ppfl");

        Assert.Equal(["none"], BuiltReport.Values(report.Field("output-privacy", "excludes")));
    }

    // Rule C2: claim, unit and adversary beside each number, on paper too.
    private static void RequireScope(BuiltReport report, string claim, string? label)
    {
        JsonElement[] numbers = [.. Numbers.Select(number => report.Round(0, "privacy", number)).Where(field => !field.TryGetProperty("missing", out _)).SelectMany(field => field.GetProperty("values").EnumerateArray())];
        Assert.NotEmpty(numbers);
        Assert.All(numbers, number =>
        {
            Assert.Equal(claim, number.GetProperty("claim").GetString());
            Assert.NotEqual(0, number.GetProperty("privacy_unit").GetString()!.Length);
            Assert.NotEqual(0, number.GetProperty("adversary").GetString()!.Length);
            Assert.True(label is null || number.GetProperty("label").GetString()!.Contains(label, StringComparison.Ordinal));
        });
        Assert.Contains($"Claim {claim}; unit ", report.Html, StringComparison.Ordinal);
    }
}
