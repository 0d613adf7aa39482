// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;

namespace FedCloud.Cli.Reports.Risks;

/// <summary>Threats, controls and limits: statements about this version of FedCloud, not about a run.</summary>
internal static class RiskFields
{
    // What concerns the inputs of the sum and their way, and what concerns the model that comes out.
    private static readonly string[] InputAttacks = ["T1", "T3", "T4", "T5", "T6", "T7", "T8", "T13", "T14", "T25", "T26"];
    private static readonly string[] OutputAttacks = ["T2", "T15", "T16", "T23", "T27", "T28", "T33"];
    private static readonly string[] RobustnessAttacks = ["T9", "T10", "T11"];

    /// <summary>All threats with their controls.</summary>
    public static FieldContent Register(ReportContext report) => Of(_ => true);

    /// <summary>Those against the inputs.</summary>
    public static FieldContent Inputs(ReportContext report) => Of(threat => InputAttacks.Contains(threat.Id, StringComparer.Ordinal));

    /// <summary>Those against the output.</summary>
    public static FieldContent Outputs(ReportContext report) => Of(threat => OutputAttacks.Contains(threat.Id, StringComparer.Ordinal));

    /// <summary>T9 to T11.</summary>
    public static FieldContent Robustness(ReportContext report) => Of(threat => RobustnessAttacks.Contains(threat.Id, StringComparer.Ordinal));

    /// <summary>What remains.</summary>
    public static FieldContent Residual(ReportContext report) => FieldContent.Of(ThreatRegister.Limits.Select(limit => new ReportValue($"{limit.Title}: {limit.Text}", ValueSource.Product)));

    /// <summary>Results of the tests T1 to T35: of a release, not of a run, so no log has them.</summary>
    public static FieldContent TestResults(ReportContext report) => FieldContent.None("the log of a federation holds no results of the release's tests");

    /// <summary>The caveat on persons.</summary>
    public static FieldContent SeveralSilos(ReportContext report) => FieldContent.Of(new ReportValue("Records of one person in several silos add up: no figure of this report counts that.", ValueSource.Product));

    private static FieldContent Of(Func<Threat, bool> wanted) => FieldContent.Of(ThreatRegister.Threats.Where(wanted).Select(threat => new ReportValue($"{threat.Id}, {threat.Attack}: {threat.Control}", ValueSource.Product)));
}
