// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Runs;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>What a round is.</summary>
internal static class RoundScopeFields
{
    private const string PlainHasNone = "plain mode has no epochs and slots";

    public static FieldContent Federation(ReportContext report, RoundAttempt round) => FieldContent.Of(new ReportValue(round.Start.Entry.Federation.Value, ValueSource.Log).Proved(round.Start.Cite));

    public static FieldContent Job(ReportContext report, RoundAttempt round) => FieldContent.Of(new ReportValue(report.Evidence.Job.Value, ValueSource.Log).Proved(round.Start.Cite));

    public static FieldContent Round(ReportContext report, RoundAttempt round) => FieldContent.Of(ReportValue.Of(round.Round, ValueSource.Log).Proved(round.Start.Cite));

    public static FieldContent Rid(ReportContext report, RoundAttempt round) => FieldContent.Of(new ReportValue(round.Rid.Hex, ValueSource.Log) { Unit = "SHA-256" }.Proved(round.Start.Cite));

    public static FieldContent Epoch(ReportContext report, RoundAttempt round) => (round.IsPlain, round.Epoch) switch
    {
        (true, _) => FieldContent.None(PlainHasNone),
        (_, { } epoch) => FieldContent.Of(ReportValue.Of(epoch.Open.Integer("epoch"), ValueSource.Log).Proved(epoch.Open.Cite, epoch.Ready.Cite) with { Note = "the epoch whose parameters give the rid" }),
        _ => FieldContent.None("no epoch of the log gives the rid"),
    };

    public static FieldContent Slot(ReportContext report, RoundAttempt round) => round.IsPlain
        ? FieldContent.None(PlainHasNone)
        : FieldContent.Of(ReportValue.Of(round.Start.Integer("slot"), ValueSource.Log).Proved(round.Start.Cite));
}
