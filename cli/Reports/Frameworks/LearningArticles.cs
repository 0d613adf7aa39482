// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Keys;
using FedCloud.Cli.Reports.Privacy;
using FedCloud.Cli.Reports.Risks;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Verdict;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>Privacy-preserving federated learning.</summary>
internal static class LearningArticles
{
    public static ImmutableArray<FrameworkArticle> All { get; } =
    [
        new("input-privacy", "Input privacy",
        [
            new("secure_aggregation", "Secure aggregation parameters", report => KeyFields.Suite(report).And(GovernFields.Cohort(report))),
            new("identities", "Identities", KeyFields.Fingerprints),
            new("log", "Log", report => VerdictFields.Transcript(report).And(VerdictFields.Recomputed(report))),
            new("attacks_inputs", "Attacks covered", RiskFields.Inputs),
        ]),
        new("output-privacy", "Output privacy",
        [
            new("claim", "Differential privacy claim", PrivacyFields.Claim),
            new("unit", "Unit", PrivacyFields.Unit),
            new("adversary", "Adversary", PrivacyFields.Adversary),
            new("epsilon", "Epsilon", PrivacyFields.JobEpsilon),
            new("delta", "Delta", PrivacyFields.Delta),
            new("noise", "Noise multiplier", PrivacyFields.Noise),
            new("steps", "Steps", PrivacyFields.Steps),
            new("sampler", "Sampler", PrivacyFields.Sampler),
            new("accountant", "Accountant", PrivacyFields.Accountant),
            new("excludes", "ε excludes", PrivacyFields.Exclusions),
            new("membership_bound", "Membership bound", PrivacyFields.MembershipBound),
            new("audits", "Audits of the private path", RiskFields.TestResults, "privacy_audits"),
            new("attacks_outputs", "Attacks covered", RiskFields.Outputs),
        ]),
    ];
}
