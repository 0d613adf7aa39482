// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Rounds;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>The rules under which a run was made.</summary>
internal static class GovernFields
{
    /// <summary>Policies that administrators signed and logged.</summary>
    public static FieldContent Policies(ReportContext report) => report.Events(report.Evidence.Of(EntryTypes.Policy), _ => "a silo's administrator signed a policy");

    /// <summary>What the roster at the last round tolerates.</summary>
    public static FieldContent Cohort(ReportContext report)
    {
        if (report.Run.Rounds.LastOrDefault() is not { } last)
        {
            return FieldContent.None("the log has no round of the run");
        }

        return RoundMemberFields.N(report, last).And(RoundMemberFields.T(report, last)).And(RoundMemberFields.MaxColluders(report, last)).And(RoundRingFields.K(report, last)).And(RoundRingFields.B(report, last));
    }
}
