// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Access;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Incidents;
using FedCloud.Cli.Reports.Keys;
using FedCloud.Cli.Reports.Privacy;
using FedCloud.Cli.Reports.Risks;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Verdict;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>ISO/IEC 42001 and NIST AI RMF.</summary>
internal static class ManagementArticles
{
    public static ImmutableArray<FrameworkArticle> Iso42001 { get; } =
    [
        new("iso-42001", "ISO/IEC 42001: management of AI systems",
        [
            new("roles", "Roles", KeyFields.Roles, "roles"),
            new("impact_assessment", "Impact assessment link", null, "impact_assessment"),
            new("objectives", "Objectives", RunFields.Purpose, "objectives"),
            new("risk_register", "Risk register", RiskFields.Register, "risk_register"),
            new("life_cycle_changes", "Life-cycle changes", ModelFields.Changes),
            new("internal_audit", "Internal audit evidence", report => VerdictFields.Transcript(report).And(AccessFields.Exports(report)), "internal_audit"),
        ]),
    ];

    public static ImmutableArray<FrameworkArticle> NistAiRmf { get; } =
    [
        new("govern", "Govern: who decides, and who may",
        [
            new("govern_roles", "Roles", KeyFields.Roles, "roles"),
            new("govern_approvals", "Approvals", RunFields.Approvals),
            new("govern_policies", "Signed policies", GovernFields.Policies),
        ]),
        new("map", "Map: what the system is for",
        [
            new("map_purpose", "Purpose", RunFields.Purpose, "purposes"),
            new("map_data_flow", "Data flow", LeavingFields.Flow),
            new("map_base_model", "Base model", RunFields.BaseModel),
        ]),
        new("measure", "Measure: what was measured",
        [
            new("measure_privacy", "Privacy claim", PrivacyFields.Claim),
            new("measure_epsilon", "Epsilon", PrivacyFields.JobEpsilon),
            new("measure_evaluation", "Evaluation", EvaluationFields.Evaluation, "evaluation"),
            new("measure_gates", "Gates", ModelFields.Gates),
            new("measure_sums", "Recomputed sums", VerdictFields.Recomputed),
        ]),
        new("manage", "Manage: what was done about it",
        [
            new("manage_incidents", "Incidents", IncidentFields.Timeline),
            new("manage_rollbacks", "Rollbacks", ModelFields.Rollbacks),
            new("manage_keys", "Key events", KeyFields.Events),
            new("manage_drills", "Drills", AccessFields.Drills),
        ]),
    ];
}
