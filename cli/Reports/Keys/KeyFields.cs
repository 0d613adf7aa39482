// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Rounds;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Cli.Reports.Keys;

/// <summary>Members, keys and what was encrypted with them. That a silo is a member, under which id and keys, the roster says to everybody.</summary>
internal static class KeyFields
{
    private const string NoRoster = "the evidence does not hold a roster";

    /// <summary>The members' ids.</summary>
    public static FieldContent Members(ReportContext report) => OfRoster(report, roster => roster.Members.Select(member => new ReportValue(member.SiloId.Value, ValueSource.Roster) { Unit = "silo" }));

    /// <summary>Roles as the protocol has them.</summary>
    public static FieldContent Roles(ReportContext report) => OfRoster(report, roster =>
    [
        ReportValue.Of(roster.N, ValueSource.Roster, "silos: train on their own records, sign with IK, witness the log with WK"),
        ReportValue.Of(roster.N, ValueSource.Roster, "administrators, one a silo: sign policies, approvals and limits with AK"),
        ReportValue.Of(roster.CoordinatorSpkiSha256.Length, ValueSource.Roster, "coordinator keys: the operator sums updates and signs with CK"),
    ]);

    /// <summary>Role assignments: who holds which key.</summary>
    public static FieldContent RoleAssignments(ReportContext report) => Fingerprints(report);

    /// <summary>The fingerprints of all keys of the roster in force at the end.</summary>
    public static FieldContent Fingerprints(ReportContext report) => OfRoster(report, roster =>
    [
        .. roster.Members.SelectMany(member => new[]
        {
            Key($"IK of {member.SiloId}", member.IkSpkiSha256.Hex),
            Key($"WK of {member.SiloId}", VerificationKey.FromVKey(member.WitnessVkey).Fingerprint.Hex),
            Key($"AK of {member.SiloId}", member.AdminSpkiSha256.Hex),
        }),
        .. roster.CoordinatorSpkiSha256.Select(key => Key("CK of the coordinator", key.Hex)),
        Key("LK of the log", VerificationKey.FromVKey(roster.LogVkey).Fingerprint.Hex),
    ]);

    public static FieldContent EnrolmentRecords(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.SiloInvited, EntryTypes.IdentityEnrolled), Describe);

    public static FieldContent Revocations(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.IdentityRevoked), _ => "a silo's keys were revoked");

    /// <summary>Key events: wrapping keys taken up, keys rotated, replaced, retired.</summary>
    public static FieldContent Events(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.KekCurrent, EntryTypes.KeyRotated, EntryTypes.KeyReplaced, EntryTypes.KeyRetired), Describe);

    public static FieldContent Rotations(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.KeyRotated, EntryTypes.KeyReplaced, EntryTypes.KeyRetired), Describe);

    /// <summary>The versions of the wrapping key.</summary>
    public static FieldContent WrappingKeys(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.KekCurrent), Describe);

    /// <summary>The suite of secure aggregation; in plain mode that there is none.</summary>
    public static FieldContent Suite(ReportContext report) => report.OfPlan(plan => FieldContent.Of(new ReportValue(plan.Aggregation.IsSecure ? Fcsa1.Suite : "plain mode: single updates reach the coordinator", ValueSource.Product).Proved(report.PlanCited)));

    /// <summary>The envelope of every upload.</summary>
    public static FieldContent Envelope(ReportContext report) => FieldContent.Of(
        new ReportValue(RoundRingFields.EnvelopeSuite, ValueSource.Product) { Note = "a fresh data key for each upload, wrapped for the wrapping key in the log; the envelopes themselves are not in the log" },
        new ReportValue("ECDSA P-256 with SHA-256 in DSSE envelopes", ValueSource.Product) { Note = "every message and every entry" });

    /// <summary>An event in words that name no silo.</summary>
    public static string Describe(LoggedRecord record) => record.Entry.Type switch
    {
        EntryTypes.KekCurrent => $"wrapping key {record.Word("kid")} taken into use",
        EntryTypes.KeyRotated => $"key rotated ({record.Word("purpose")})",
        EntryTypes.KeyReplaced => $"lost or stolen key replaced ({record.Word("purpose")})",
        EntryTypes.KeyRetired => $"key retired ({record.Word("purpose")})",
        EntryTypes.SiloInvited => "a silo was invited",
        EntryTypes.IdentityEnrolled => "a silo's keys were enrolled",
        EntryTypes.IdentityRevoked => "a silo's keys were revoked",
        _ => record.Entry.Type,
    };

    private static ReportValue Key(string whose, string fingerprint) => new($"{whose}: {fingerprint}", ValueSource.Roster) { Unit = "SHA-256 of the public key" };

    private static FieldContent OfRoster(ReportContext report, Func<Roster, IEnumerable<ReportValue>> values) => report.Evidence.Rosters.LastOrDefault() is { } roster
        ? FieldContent.Of(values(roster.Roster).Select(value => value.Proved(roster.Logged.Cite)))
        : FieldContent.None(NoRoster);
}
