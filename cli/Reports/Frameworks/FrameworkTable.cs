// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Collections.Immutable;
using FedCloud.Protocol.Reports;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>The frameworks: the tables of compliance reports, section 3.</summary>
internal static class FrameworkTable
{
    /// <summary>All frameworks.</summary>
    public static ImmutableArray<Framework> All { get; } =
    [
        new(ReportFramework.Gdpr30, "GDPR (EU) 2016/679, records of processing", [GdprArticles.MinimisationAndDesign, GdprArticles.Erasure, GdprArticles.Records, GdprArticles.Security, GdprArticles.Breaches]),
        new(ReportFramework.Gdpr35, "GDPR (EU) 2016/679, data protection impact assessment", [GdprArticles.ImpactAssessment, GdprArticles.MinimisationAndDesign, GdprArticles.Security]),
        new(ReportFramework.Hipaa, "HIPAA Security Rule, 45 CFR 164", HipaaArticles.All),
        new(ReportFramework.AiAct, "EU AI Act (EU) 2024/1689", AiActArticles.All),
        new(ReportFramework.Dora, "DORA (EU) 2022/2554", DoraArticles.All),
        new(ReportFramework.Iso42001, "ISO/IEC 42001:2023", ManagementArticles.Iso42001),
        new(ReportFramework.NistAiRmf, "NIST AI RMF, AI 100-1", ManagementArticles.NistAiRmf),
        new(ReportFramework.Sr117, "Federal Reserve SR 11-7, model risk", ModelRiskArticles.All),
        new(ReportFramework.Ppfl, "Privacy-preserving federated learning, after the series of NIST and RTA", LearningArticles.All),
    ];

    /// <summary>The keys under which a person may supply texts, of all frameworks.</summary>
    public static FrozenSet<string> TextKeys { get; } = All.SelectMany(framework => framework.Articles).SelectMany(article => article.Rows).Select(row => row.TextKey).OfType<string>().ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The framework of a name.</summary>
    public static Framework Of(string name) => All.First(framework => string.Equals(framework.Name, name, StringComparison.Ordinal));
}
