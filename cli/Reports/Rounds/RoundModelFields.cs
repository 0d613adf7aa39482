// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>The models and the code of a round.</summary>
internal static class RoundModelFields
{
    private const string Sha256 = "SHA-256";

    public static FieldContent HashIn(ReportContext report, RoundAttempt round) => FieldContent.Of(new ReportValue(round.Start.Subject("model").Hex, ValueSource.Log) { Unit = Sha256 }.Proved(round.Start.Cite));

    public static FieldContent HashOut(ReportContext report, RoundAttempt round) => round.Result is { } result
        ? FieldContent.Of(new ReportValue(result.Subject("new_model").Hex, ValueSource.Log) { Unit = Sha256 }.Proved(result.Cite))
        : FieldContent.None("the attempt has no result");

    public static FieldContent Config(ReportContext report, RoundAttempt round) =>
        FieldContent.Of(new ReportValue(round.Start.Subject("config").Hex, ValueSource.Log) { Unit = Sha256 }.Proved([round.Start.Cite, .. report.PlanCited]));

    public static FieldContent Code(ReportContext report, RoundAttempt round)
    {
        LoggedRecord? deployed = report.Evidence.Of(EntryTypes.Deploy).LastOrDefault(record => record.Index < round.Start.Index);
        return deployed is null
            ? FieldContent.None("the log has no entry of a deployment before the round")
            : FieldContent.Of(
                new ReportValue(deployed.Subject("code").Hex, ValueSource.Log) { Unit = "SHA-256 of the code" }.Proved(deployed.Cite),
                new ReportValue(deployed.Subject("image").Hex, ValueSource.Log) { Unit = "SHA-256 of the image" }.Proved(deployed.Cite));
    }
}
