// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Tests.Audit;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>What a report says about a run's end, its failures and its rounds.</summary>
public sealed class ReportStateTests
{
    [Fact]
    public async Task State_AllRoundsHaveResults_IsFinished()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Write(), ReportStory.Job, "gdpr-30");

        Assert.True(report.Json.GetProperty("finished").GetBoolean());
        Assert.Equal(["Finished: all 2 rounds of the plan have results."], BuiltReport.Values(report.Front("run", "state")));
    }

    [Fact]
    public async Task State_RoundsMissing_IsNotFinishedOnTheFirstPage()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory(rounds: 1).Write(), ReportStory.Job, "gdpr-30");

        Assert.False(report.Json.GetProperty("finished").GetBoolean());
        Assert.StartsWith("Not finished at the checkpoint of ", BuiltReport.Values(report.Front("run", "state"))[0], StringComparison.Ordinal);
        Assert.Contains("The log does not show the run&#x27;s end", report.Html[..report.Html.IndexOf("<nav", StringComparison.Ordinal)], StringComparison.Ordinal);
    }

    [Fact]
    public async Task State_SettledBeforeThePlansEnd_HasEnded()
    {
        ReportStory story = new([("privacy", "claim", "example"), ("privacy", "epsilon", "8")], rounds: 1);
        story.Story.AppendBatch([.. Enumerable.Range(1, 3).Select(silo => story.Story.Budget($"settle-{silo}", "settle", silo, $"head-{silo}-5", $"head-{silo}-6", ReportStory.Job))]);

        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "gdpr-30");

        Assert.True(report.Json.GetProperty("verified").GetBoolean());
        Assert.True(report.Json.GetProperty("finished").GetBoolean());
        Assert.Equal(["Ended before its plan did: 1 of 2 rounds have results, and 3 silos settled the run's reserve."], BuiltReport.Values(report.Front("run", "state")));
    }

    [Fact]
    public async Task State_NoPlanInEvidence_SaysThatItCannotTell()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Story.Write(), ReportStory.Job, "gdpr-30");

        Assert.False(report.Json.GetProperty("finished").GetBoolean());
        Assert.StartsWith("Whether it was finished at the checkpoint of ", BuiltReport.Values(report.Front("run", "state"))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_Unknown_IsNamedWithTheKnownOnes()
    {
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => BuiltReport.OfAsync(new ReportStory().Write(), new RunId("run-nowhere"), "dora"));

        Assert.Equal(("run_missing", ExitCode.Unusable), (error.Code.Name, error.Code.Exit));
        Assert.Contains("it has run-private, run-public, run-report", error.Found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Run_UnknownInEvidenceThatFails_IsAFailedVerification()
    {
        MemoryEvidence evidence = new ReportStory().Write();
        evidence.Files["log-head/checkpoint"] = "nonsense"u8.ToArray();

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => BuiltReport.OfAsync(evidence, ReportStory.Job, "dora"));

        Assert.Equal(ExitCode.VerificationFailed, error.Code.Exit);
    }

    [Fact]
    public async Task Round_FailedAndRepeated_HasARecordForEachAttempt()
    {
        ReportStory story = new();
        StoryEntry start = story.Story["report-start-2"];
        Protocol.Canonical.Sha256Digest rid = LogStory.Rid(AuditFederation.Hash("sid"), 12, 2, LogStory.Model("report-1"), story.Config.Digest, 101, 32, AuditFederation.Hash("u2"));
        story.Story.Batches.Insert(
            story.Story.Find("report-start-2").Batch,
            [
                start.WithSubject("rid", rid).WithField("slot", LogStory.Int(12)) with { Name = "report-attempt" },
                story.Story.C("report-failed", EntryTypes.RoundFailed, [("rid", rid)], [("reason", EntryField.Of("quorum_missed"))], ReportStory.Job, 2),
            ]);

        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "gdpr-30");

        Assert.True(report.Json.GetProperty("verified").GetBoolean(), report.Html);
        Assert.Equal(3, report.Json.GetProperty("rounds").GetArrayLength());
        Assert.Equal(["quorum_missed"], BuiltReport.Values(report.Round(1, "failures", "failure_reason")));
        Assert.Equal(["1"], BuiltReport.Values(report.Round(1, "failures", "retries")));
        Assert.Equal(["not available"], BuiltReport.Values(report.Round(1, "model", "hash_out")));
        Assert.Equal(["not available"], BuiltReport.Values(report.Round(1, "members", "u3_count")));
        Assert.Equal(["2"], BuiltReport.Values(report.Field("art-33", "affected_rounds")));
        Assert.Contains(BuiltReport.Values(report.Field("art-33", "timeline")), text => text.EndsWith("round 2 failed: quorum_missed", StringComparison.Ordinal));
        Assert.Equal(["none"], BuiltReport.Values(report.Field("art-33", "alarms")));
    }

    [Fact]
    public async Task Round_WithItsSignedBodies_IsCountedAndRecomputed()
    {
        SumStory story = new();
        BuiltReport report = await BuiltReport.OfAsync(story.Write(), SumStory.Job, "ppfl");

        Assert.True(report.Json.GetProperty("verified").GetBoolean(), report.Html);
        Assert.Equal(["4"], BuiltReport.Values(report.Round(1, "members", "u2_count")));
        Assert.Equal(["3"], BuiltReport.Values(report.Round(1, "members", "u3_count")));
        Assert.Equal(["1"], BuiltReport.Values(report.Round(1, "failures", "drops")));
        Assert.Equal(["2"], BuiltReport.Values(report.Round(1, "scope", "epoch")));
        Assert.StartsWith("passed: the sum was recomputed", BuiltReport.Values(report.Round(1, "result", "sum_checks"))[0], StringComparison.Ordinal);
        Assert.Equal(["2 of 2", "2 of 2"], BuiltReport.Values(report.Front("verification", "recomputed")));
        Assert.Equal(["30"], BuiltReport.Values(report.Round(1, "configuration", "b")));
        Assert.StartsWith("model: ", BuiltReport.Values(report.Round(1, "configuration", "segments"))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Round_Plain_SaysWhatPlainModeHasNot()
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Story.Write(), LogStory.Plain, "ppfl");

        Assert.Equal(["not available"], BuiltReport.Values(report.Round(0, "scope", "epoch")));
        Assert.Equal("plain mode has no epochs and slots", report.Round(0, "scope", "epoch").GetProperty("missing").GetString());
        Assert.Equal("plain mode has no ring", report.Round(0, "configuration", "k").GetProperty("missing").GetString());
        Assert.StartsWith("plain mode: ", BuiltReport.Values(report.Round(0, "configuration", "suite"))[0], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Timeline_RestartWithoutContinuityAndAlarm_AreListed()
    {
        ReportStory story = new();
        story.Story.AppendBatch(
            story.Story.Started(3, continuous: false) with { Name = "restarted" },
            new StoryEntry("alarm", EntryTypes.Alarm, 1, [("evidence_1", AuditFederation.Hash("evidence"))], [("code", EntryField.Of("u3_list_invalid"))], ReportStory.Job),
            story.Story.Access("later"));

        BuiltReport report = await BuiltReport.OfAsync(story.Write(), ReportStory.Job, "gdpr-30");
        JsonElement timeline = report.Field("art-33", "timeline");

        Assert.Equal(
            ["2026-01-02T03:04:05Z a silo's agent started without proof of continuity", "2026-01-02T03:04:05Z alarm u3_list_invalid by a silo"],
            BuiltReport.Values(timeline));
        Assert.Equal(["2"], BuiltReport.Values(report.Field("art-33", "affected_silos")));
        Assert.Equal(["none"], BuiltReport.Values(report.Field("art-33", "affected_rounds")));
    }
}
