// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>SR 11-7.</summary>
internal static class ModelRiskArticles
{
    public static ImmutableArray<FrameworkArticle> All { get; } =
    [
        new("development", "Development",
        [
            new("purpose", "Purpose", RunFields.Purpose, "purposes"),
            new("data_description", "Data description", ModelFields.DataCards, "data_description"),
            new("method", "Method", RunFields.Procedure, "method"),
            new("limits", "Limits", RunFields.MethodLimits, "limits"),
            new("code_digest", "Code digest", RunFields.Code),
        ]),
        new("validation", "Validation",
        [
            new("votes", "Independent evaluation votes with their basis", ModelFields.Votes, "independent_evaluation"),
            new("worst_silo", "Worst-silo metric", EvaluationFields.WorstSilo),
            new("sensitivity", "Sensitivity runs", null, "sensitivity_runs"),
        ]),
        new("governance", "Governance",
        [
            new("approvals", "Approvals n of m", RunFields.ApprovalCount),
            new("overrides", "Overrides", ModelFields.Overrides),
            new("rollbacks", "Rollbacks", ModelFields.Rollbacks),
            new("inventory", "Inventory entry", ModelFields.Versions, "inventory_entry"),
        ]),
    ];
}
