// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Reports;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

/// <summary>Every report has every field that the specification names for its framework, whatever the evidence holds.</summary>
public sealed class FrameworkFieldsTests
{
    // Compliance reports, section 3, row by row: article, then its fields.
    private static readonly Dictionary<string, Dictionary<string, string>> Expected = new(StringComparer.Ordinal)
    {
        ["gdpr-30"] = new()
        {
            ["art-5-1-c-25"] = "data_categories data_cards leaves_names leaves_shapes leaves_lengths leaves_hashes default_settings",
            ["art-17"] = "no_personal_data salts_deleted retraining rollbacks",
            ["art-28-30"] = "controllers processors members roles purposes categories recipients regions transfers retention security_suite security_versions security_privacy",
            ["art-32"] = "encryption key_rotation restore_tests access_events test_results",
            ["art-33"] = "timeline alarms refusals key_events affected_rounds affected_silos",
        },
        ["gdpr-35"] = new()
        {
            ["art-35"] = "data_flow necessity privacy_claim privacy_unit adversary epsilon delta epsilon_period epsilon_lifetime excludes membership_bound several_silos residual_risks",
            ["art-5-1-c-25"] = "data_categories data_cards leaves_names leaves_shapes leaves_lengths leaves_hashes default_settings",
            ["art-32"] = "encryption key_rotation restore_tests access_events test_results",
        },
        ["hipaa"] = new()
        {
            ["164-308-a"] = "risk_register timeline",
            ["164-308-b"] = "associates associate_roles",
            ["164-310"] = "restore_drills contingency_drills",
            ["164-312-a"] = "unique_ids role_assignments revocations",
            ["164-312-b"] = "access_log activity_log",
            ["164-312-c"] = "verifier_transcript",
            ["164-312-d"] = "key_fingerprints enrolment_records",
            ["164-312-e"] = "suite envelope key_versions",
            ["164-316"] = "retention document_versions",
        },
        ["ai-act"] = new()
        {
            ["art-9"] = "risk_register test_results residual_risks",
            ["art-10"] = "manifest_hashes provenance evaluation worst_silo bias",
            ["art-11"] = "architecture training_procedure parameters metrics changes versions",
            ["art-12"] = "rounds gates releases rollbacks",
            ["art-13-14"] = "instructions approvals vetoes",
            ["art-15"] = "accuracy robustness security_tests",
            ["art-18-19-26"] = "retention_documentation retention_logs",
            ["art-53"] = "base_model licence source",
        },
        ["dora"] = new()
        {
            ["art-8-9"] = "assets dependencies images",
            ["art-10-17-19"] = "timeline classification duration affected_members",
            ["art-11-12"] = "backup_drills restore_drills recovery_drills",
            ["art-24-25"] = "dropout broker_loss region_loss key_compromise",
            ["art-28-3"] = "provider service region function subcontractors",
            ["art-28-8"] = "full_export verified_offline last_rehearsal",
        },
        ["iso-42001"] = new()
        {
            ["iso-42001"] = "roles impact_assessment objectives risk_register life_cycle_changes internal_audit",
        },
        ["nist-ai-rmf"] = new()
        {
            ["govern"] = "govern_roles govern_approvals govern_policies",
            ["map"] = "map_purpose map_data_flow map_base_model",
            ["measure"] = "measure_privacy measure_epsilon measure_evaluation measure_gates measure_sums",
            ["manage"] = "manage_incidents manage_rollbacks manage_keys manage_drills",
        },
        ["sr-11-7"] = new()
        {
            ["development"] = "purpose data_description method limits code_digest",
            ["validation"] = "votes worst_silo sensitivity",
            ["governance"] = "approvals overrides rollbacks inventory",
        },
        ["ppfl"] = new()
        {
            ["input-privacy"] = "secure_aggregation identities log attacks_inputs",
            ["output-privacy"] = "claim unit adversary epsilon delta noise steps sampler accountant excludes membership_bound audits attacks_outputs",
        },
    };

    // Section 2.
    private static readonly Dictionary<string, string> ExpectedRound = new()
    {
        ["scope"] = "federation job round rid epoch slot mode",
        ["members"] = "roster_version roster_hash u2_count u2_hash u3_count u3_hash n t minimum_honest c_max groups",
        ["model"] = "hash_in hash_out base_model adapter_rule ranks",
        ["configuration"] = "config_sha256 approvals quorum code suite k b segments rotation",
        ["privacy"] = "claim unit neighbouring_relation adversary steps clip delta z z_eff q epsilon_plan epsilon_ledger epsilon_round epsilon_job epsilon_realised epsilon_period epsilon_lifetime charges metric_charges excludes accountant sampler",
        ["result"] = "aggregate aggregate_norm sum_checks gates aggregate_norm_gate metrics silo_metrics worst_silo",
        ["failures"] = "failure_reason drops drop_reasons refusals alarms retries burned discontinuous_starts",
        ["keys"] = "kek ck lk member_keys",
        ["time"] = "start deadline end",
        ["evidence"] = "log_indexes checkpoint witness_lines proofs",
    };

    public static TheoryData<string> Frameworks => [.. ReportFramework.All];

    [Theory]
    [MemberData(nameof(Frameworks))]
    public async Task Report_EachFramework_HasEveryField(string framework)
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Write(), ReportStory.Job, framework);

        Assert.Equal(Expected[framework], KeysOf(report.Json.GetProperty("articles")));
        Assert.Equal(2, report.Json.GetProperty("rounds").GetArrayLength());
        Assert.All(report.Json.GetProperty("rounds").EnumerateArray(), round => Assert.Equal(ExpectedRound, KeysOf(round.GetProperty("groups"))));
    }

    [Theory]
    [MemberData(nameof(Frameworks))]
    public async Task Report_EvidenceWithoutPlan_HasEveryFieldAndGuessesNone(string framework)
    {
        ReportStory story = new();
        BuiltReport report = await BuiltReport.OfAsync(story.Story.Write(), ReportStory.Job, framework);

        Assert.Equal(Expected[framework], KeysOf(report.Json.GetProperty("articles")));
        foreach ((string group, string key) in new[] { ("model", "base_model"), ("model", "adapter_rule"), ("model", "ranks"), ("configuration", "quorum"), ("configuration", "b"), ("configuration", "segments"), ("privacy", "claim"), ("scope", "mode") })
        {
            JsonElement field = report.Round(0, group, key);
            Assert.Equal(["not available"], BuiltReport.Values(field));
            Assert.Equal("the evidence does not hold the run's configuration", field.GetProperty("missing").GetString());
        }
    }

    [Theory]
    [MemberData(nameof(Frameworks))]
    public async Task Report_EachValue_HasValueUnitAndEvidence(string framework)
    {
        BuiltReport report = await BuiltReport.OfAsync(new ReportStory().Write(), ReportStory.Job, framework);

        JsonElement[] fields = [.. FieldsIn(report.Json)];
        Assert.All(fields, field => Assert.True(field.GetProperty("values").GetArrayLength() > 0, field.GetProperty("key").GetString()));
        JsonElement[] values = [.. fields.SelectMany(field => field.GetProperty("values").EnumerateArray())];
        Assert.All(values, value => Assert.Equal(3, new[] { "value", "unit", "evidence" }.Count(name => value.TryGetProperty(name, out _))));

        // What says that it comes from the log, the plan or a roster names entries, or that no entry exists.
        Assert.All(
            values.Where(value => value.TryGetProperty("source", out JsonElement source) && source.GetString() is "log" or "plan" or "roster"),
            value => Assert.True(value.GetProperty("evidence").GetArrayLength() > 0 || value.GetProperty("value").ToString() == "none", value.ToString()));
    }

    internal static IEnumerable<JsonElement> FieldsIn(JsonElement report)
    {
        IEnumerable<JsonElement> groups =
        [
            .. report.GetProperty("front").EnumerateArray(),
            .. report.GetProperty("articles").EnumerateArray(),
            .. report.GetProperty("rounds").EnumerateArray().SelectMany(round => round.GetProperty("groups").EnumerateArray()),
            .. report.GetProperty("models").EnumerateArray().SelectMany(model => model.GetProperty("groups").EnumerateArray()),
        ];
        return groups.SelectMany(group => group.GetProperty("fields").EnumerateArray());
    }

    private static Dictionary<string, string> KeysOf(JsonElement groups) => groups.EnumerateArray().ToDictionary(
        group => group.GetProperty("key").GetString()!,
        group => string.Join(' ', group.GetProperty("fields").EnumerateArray().Select(field => field.GetProperty("key").GetString())));
}
