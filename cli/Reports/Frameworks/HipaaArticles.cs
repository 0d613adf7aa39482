// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Access;
using FedCloud.Cli.Reports.Incidents;
using FedCloud.Cli.Reports.Keys;
using FedCloud.Cli.Reports.Risks;
using FedCloud.Cli.Reports.Verdict;

namespace FedCloud.Cli.Reports.Frameworks;

/// <summary>HIPAA Security Rule.</summary>
internal static class HipaaArticles
{
    public static ImmutableArray<FrameworkArticle> All { get; } =
    [
        new("164-308-a", "164.308(a)(1) and (a)(6): risk management, incidents",
        [
            new("risk_register", "Risk register by T-id", RiskFields.Register, "risk_register"),
            new("timeline", "Incident timeline", IncidentFields.Timeline),
        ]),
        new("164-308-b", "164.308(b): business associates",
        [
            new("associates", "Associates", KeyFields.Members, "associates"),
            new("associate_roles", "Their roles", KeyFields.Roles, "roles"),
        ]),
        new("164-310", "164.310 and 164.308(a)(7): facilities, contingency",
        [
            new("restore_drills", "Restore drills with dates", AccessFields.RestoreTests, "restore_tests"),
            new("contingency_drills", "Contingency drills with dates", AccessFields.Drills, "contingency_drills"),
        ]),
        new("164-312-a", "164.312(a): access control",
        [
            new("unique_ids", "Unique ids", KeyFields.Members),
            new("role_assignments", "Role assignments", KeyFields.RoleAssignments, "role_assignments"),
            new("revocations", "Revocations", KeyFields.Revocations),
        ]),
        new("164-312-b", "164.312(b): audit controls",
        [
            new("access_log", "Access log with proofs", AccessFields.Actions),
            new("activity_log", "Activity log with proofs", AccessFields.Activity),
        ]),
        new("164-312-c", "164.312(c): integrity",
        [
            new("verifier_transcript", "Verifier transcript", VerdictFields.Transcript),
        ]),
        new("164-312-d", "164.312(d): authentication",
        [
            new("key_fingerprints", "Key fingerprints", KeyFields.Fingerprints),
            new("enrolment_records", "Enrolment records", KeyFields.EnrolmentRecords),
        ]),
        new("164-312-e", "164.312(e): transmission security",
        [
            new("suite", "Suite", KeyFields.Suite),
            new("envelope", "Envelope", KeyFields.Envelope),
            new("key_versions", "Key versions", KeyFields.WrappingKeys),
        ]),
        new("164-316", "164.316: documentation",
        [
            new("retention", "Retention setting (at least 6 years)", null, "retention"),
            new("document_versions", "Document versions", VerdictFields.Versions, "document_versions"),
        ]),
    ];
}
