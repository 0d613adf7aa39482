// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Access;
using FedCloud.Cli.Reports.Incidents;
using FedCloud.Cli.Reports.Keys;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Verdict;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>DORA.</summary>
internal static class DoraArticles
{
    public static ImmutableArray<FrameworkArticle> All { get; } =
    [
        new("art-8-9", "Articles 8 and 9: identification, protection",
        [
            new("assets", "Assets", KeyFields.Members, "assets"),
            new("dependencies", "Dependencies", RunFields.Materials, "dependencies"),
            new("images", "Images and hashes", RunFields.Images),
        ]),
        new("art-10-17-19", "Articles 10 and 17 to 19: detection, incidents",
        [
            new("timeline", "Incident timeline", IncidentFields.Timeline),
            new("classification", "Classification", null, "incident_classification"),
            new("duration", "Duration", IncidentFields.Duration),
            new("affected_members", "Affected members", IncidentFields.AffectedSilos),
        ]),
        new("art-11-12", "Articles 11 and 12: continuity, backup",
        [
            new("backup_drills", "Backup drills", null, "backup_drills"),
            new("restore_drills", "Restore drills", AccessFields.RestoreTests, "restore_tests"),
            new("recovery_drills", "Recovery drills", AccessFields.Drills, "recovery_drills"),
        ]),
        new("art-24-25", "Articles 24 and 25: resilience tests",
        [
            new("dropout", "Dropout", null, "dropout_tests"),
            new("broker_loss", "Broker loss", null, "broker_loss_tests"),
            new("region_loss", "Region loss", null, "region_loss_tests"),
            new("key_compromise", "Key compromise drills", AccessFields.KeyCompromiseDrills),
        ]),
        new("art-28-3", "Article 28(3): register of information",
        [
            new("provider", "Provider", null, "provider"),
            new("service", "Service", null, "service"),
            new("region", "Region", null, "regions"),
            new("function", "Function supported", RunFields.Purpose, "function_supported"),
            new("subcontractors", "Subcontractors", null, "subcontractors"),
        ]),
        new("art-28-8", "Article 28(8): exit plan",
        [
            new("full_export", "Full export", AccessFields.Exports, "exit_export"),
            new("verified_offline", "Verified offline", VerdictFields.Transcript),
            new("last_rehearsal", "Date of the last rehearsal", null, "exit_rehearsal"),
        ]),
    ];
}
