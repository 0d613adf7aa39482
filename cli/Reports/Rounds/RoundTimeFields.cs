// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>When a round was.</summary>
internal static class RoundTimeFields
{
    private const string Unit = "RFC 3339, UTC";

    public static FieldContent Start(ReportContext report, RoundAttempt round) => FieldContent.Of(new ReportValue(round.Start.Entry.Time, ValueSource.Log) { Unit = Unit }.Proved(round.Start.Cite));

    public static FieldContent Deadline(ReportContext report, RoundAttempt round) =>
        round.Start.Integer("deadline") is var seconds && seconds <= DateTimeOffset.MaxValue.ToUnixTimeSeconds()
            ? FieldContent.Of(new ReportValue(LogEntry.FormatTime(DateTimeOffset.FromUnixTimeSeconds(seconds)), ValueSource.Log) { Unit = Unit }.Proved(round.Start.Cite))
            : FieldContent.None("the log's deadline is no time");

    public static FieldContent End(ReportContext report, RoundAttempt round) => round.End is { } end
        ? FieldContent.Of(new ReportValue(end.Entry.Time, ValueSource.Log) { Unit = Unit }.Proved(end.Cite))
        : FieldContent.None("the log has no end of this attempt");
}
