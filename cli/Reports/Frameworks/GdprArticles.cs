// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Access;
using FedCloud.Cli.Reports.Incidents;
using FedCloud.Cli.Reports.Keys;
using FedCloud.Cli.Reports.Privacy;
using FedCloud.Cli.Reports.Risks;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>GDPR.</summary>
internal static class GdprArticles
{
    public static FrameworkArticle MinimisationAndDesign { get; } = new("art-5-1-c-25", "Articles 5(1)(c) and 25: data minimisation, protection by design and by default",
    [
        new("data_categories", "Data categories from manifests", null, "data_categories"),
        new("data_cards", "Manifests by hash (data cards)", ModelFields.DataCards),
        new("leaves_names", "What leaves the silo: names", LeavingFields.Names),
        new("leaves_shapes", "What leaves the silo: shapes", LeavingFields.Shapes),
        new("leaves_lengths", "What leaves the silo: lengths", LeavingFields.Lengths),
        new("leaves_hashes", "What leaves the silo: hashes", LeavingFields.Hashes),
        new("default_settings", "Default settings in force", RunFields.DefaultSettings),
    ]);

    public static FrameworkArticle Erasure { get; } = new("art-17", "Article 17: erasure",
    [
        new("no_personal_data", "The log holds no personal data", LeavingFields.NoPersonalData),
        new("salts_deleted", "Salts deleted", null, "salts_deleted"),
        new("retraining", "Retraining records with positions", null, "retraining"),
        new("rollbacks", "Rollback records with positions", ModelFields.Rollbacks),
    ]);

    public static FrameworkArticle Records { get; } = new("art-28-30", "Articles 28 and 30: processors, records of processing",
    [
        new("controllers", "Controllers", null, "controllers"),
        new("processors", "Processors", null, "processors"),
        new("members", "Silos of the federation", KeyFields.Members),
        new("roles", "Roles", KeyFields.Roles, "roles"),
        new("purposes", "Purposes", RunFields.Purpose, "purposes"),
        new("categories", "Categories of persons and of data", null, "categories"),
        new("recipients", "Recipients", AccessFields.Recipients, "recipients"),
        new("regions", "Regions of storage and queues", null, "regions"),
        new("transfers", "Transfers", null, "transfers"),
        new("retention", "Retention", null, "retention"),
        new("security_suite", "Security measures: suite", KeyFields.Suite),
        new("security_versions", "Security measures: envelope and key versions", report => KeyFields.Envelope(report).And(KeyFields.WrappingKeys(report))),
        new("security_privacy", "Security measures: differential privacy", PrivacyFields.Claim),
    ]);

    public static FrameworkArticle Security { get; } = new("art-32", "Article 32: security of processing",
    [
        new("encryption", "Encryption", report => KeyFields.Suite(report).And(KeyFields.Envelope(report))),
        new("key_rotation", "Key rotation dates", KeyFields.Rotations),
        new("restore_tests", "Restore tests", AccessFields.RestoreTests, "restore_tests"),
        new("access_events", "Access events", AccessFields.Actions),
        new("test_results", "Test results T1 to T35", RiskFields.TestResults, "test_results"),
    ]);

    public static FrameworkArticle Breaches { get; } = new("art-33", "Article 33: incident timeline",
    [
        new("timeline", "Timeline", IncidentFields.Timeline),
        new("alarms", "Alarms", IncidentFields.Alarms),
        new("refusals", "Refusals", IncidentFields.Refusals),
        new("key_events", "Key events", KeyFields.Events),
        new("affected_rounds", "Affected rounds", IncidentFields.AffectedRounds),
        new("affected_silos", "Affected silos", IncidentFields.AffectedSilos),
    ]);

    public static FrameworkArticle ImpactAssessment { get; } = new("art-35", "Article 35: impact assessment",
    [
        new("data_flow", "Data flow", LeavingFields.Flow),
        new("necessity", "Necessity and proportionality", null, "necessity"),
        new("privacy_claim", "Privacy claim", PrivacyFields.Claim),
        new("privacy_unit", "Privacy unit", PrivacyFields.Unit),
        new("adversary", "Adversary", PrivacyFields.Adversary),
        new("epsilon", "Epsilon for each data set", PrivacyFields.JobEpsilon),
        new("delta", "Delta for each data set", PrivacyFields.Delta),
        new("epsilon_period", "Epsilon of the period", PrivacyFields.PeriodEpsilon),
        new("epsilon_lifetime", "Epsilon of the lifetime", PrivacyFields.LifetimeEpsilon),
        new("excludes", "ε excludes", PrivacyFields.Exclusions),
        new("membership_bound", "Membership bound: true-positive rate at a false-positive rate of 1e-3", PrivacyFields.MembershipBound),
        new("several_silos", "Persons in several silos", RiskFields.SeveralSilos),
        new("residual_risks", "Residual risks", RiskFields.Residual, "residual_risks"),
    ]);
}
