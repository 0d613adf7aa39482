// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Risks;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>EU AI Act.</summary>
internal static class AiActArticles
{
    public static ImmutableArray<FrameworkArticle> All { get; } =
    [
        new("art-9", "Article 9: risk management",
        [
            new("risk_register", "Risk register", RiskFields.Register, "risk_register"),
            new("test_results", "Test results", RiskFields.TestResults, "test_results"),
            new("residual_risks", "Residual risks", RiskFields.Residual, "residual_risks"),
        ]),
        new("art-10", "Article 10: data and data governance",
        [
            new("manifest_hashes", "Manifest hashes", ModelFields.DataCards),
            new("provenance", "Provenance statements", null, "provenance"),
            new("evaluation", "Evaluation measures", EvaluationFields.Evaluation, "evaluation"),
            new("worst_silo", "Worst silo", EvaluationFields.WorstSilo),
            new("bias", "Bias measures", null, "bias"),
        ]),
        new("art-11", "Article 11 and Annex IV: technical documentation",
        [
            new("architecture", "Architecture", RunFields.Architecture, "architecture"),
            new("training_procedure", "Training procedure", RunFields.Procedure),
            new("parameters", "Parameters", RunFields.Parameters),
            new("metrics", "Metrics", EvaluationFields.Evaluation),
            new("changes", "Changes", ModelFields.Changes),
            new("versions", "Versions", ModelFields.Versions),
        ]),
        new("art-12", "Article 12: automatic events",
        [
            new("rounds", "Rounds", ModelFields.Rounds),
            new("gates", "Gates", ModelFields.Gates),
            new("releases", "Releases", ModelFields.Releases),
            new("rollbacks", "Rollbacks", ModelFields.Rollbacks),
        ]),
        new("art-13-14", "Articles 13 and 14: transparency, human oversight",
        [
            new("instructions", "Instructions for use", null, "instructions_for_use"),
            new("approvals", "Approvals (pseudonymous roles)", RunFields.Approvals),
            new("vetoes", "Vetoes (pseudonymous roles)", RunFields.Vetoes),
        ]),
        new("art-15", "Article 15: accuracy, robustness, security",
        [
            new("accuracy", "Accuracy", EvaluationFields.Evaluation, "accuracy"),
            new("robustness", "Robustness (T9 to T11)", RiskFields.Robustness),
            new("security_tests", "Security tests (T1 to T35)", RiskFields.TestResults, "test_results"),
        ]),
        new("art-18-19-26", "Articles 18, 19 and 26(6): retention",
        [
            new("retention_documentation", "Documentation, 10 years", null, "retention_documentation"),
            new("retention_logs", "Logs, at least 6 months", null, "retention_logs"),
        ]),
        new("art-53", "Article 53, Annex XI and XII: general-purpose base models",
        [
            new("base_model", "Base-model hash", RunFields.BaseModel),
            new("licence", "Licence", null, "base_model_licence"),
            new("source", "Source statement", null, "base_model_source"),
        ]),
    ];
}
