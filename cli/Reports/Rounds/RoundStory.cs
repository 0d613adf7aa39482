// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Document;
using FedCloud.Cli.Reports.Evaluation;
using FedCloud.Cli.Reports.Runs;
using FedCloud.Protocol.Plans;

namespace FedCloud.Cli.Reports.Rounds;

/// <summary>A round in plain words, of what its record shows.</summary>
internal static class RoundStory
{
    /// <summary>The sentences.</summary>
    public static ImmutableArray<string> Of(ReportContext report, RoundAttempt round) =>
    [
        $"The round began at {round.Start.Entry.Time} from the model with hash {ReportContext.Short(round.Start.Subject("model"))}{(round.Attempts > 1 ? $"; this is attempt {round.Number} of {round.Attempts}" : string.Empty)}.",
        Collected(round),
        .. Opened(report, round),
        Ended(round),
        .. Judged(report, round),
    ];

    /// <summary>What the charts show of it.</summary>
    public static RoundFigures Figures(ReportContext report, RoundAttempt round) => new(
        round.U3?.Integer("count"),
        round.Roster?.Roster.N ?? 0,
        round.End is { } end ? Math.Max(0, (long)(end.Entry.Instant - round.Start.Entry.Instant).TotalSeconds) : null,
        round.Result is not null,
        EvaluationFields.Shown(report, round).After?.Mean,
        EvaluationFields.Shown(report, round).After?.Worst);

    private static string Collected(RoundAttempt round) => (round.U3, round.Roster) switch
    {
        ({ } list, { } roster) => $"The updates of {list.Integer("count")} of the {roster.Roster.N} members count{(round.IsPlain ? string.Empty : $"; at least {RoundMemberFields.BoundsOf(round)?.Threshold} had to")}.",
        ({ } list, null) => $"The updates of {list.Integer("count")} members count.",
        _ => round.Masked.IsEmpty ? "No update was accepted." : $"{round.Masked.Length} updates were accepted, and no list of those that count was made.",
    };

    private static IEnumerable<string> Opened(ReportContext report, RoundAttempt round)
    {
        if (round.Result is null)
        {
            yield break;
        }

        yield return round.IsPlain
            ? "Plain mode: each update reached the coordinator by itself, encrypted for it."
            : "Updates were masked: only their sum was opened.";
        if (report.Evidence.Verification.SumsOf.Contains(round.Rid))
        {
            yield return $"For this report the sum was computed again from the masked vectors, and is the same bit for bit{(report.Evidence.Verification.ModelsOf.Contains(round.Rid) ? "; so is the new model" : string.Empty)}.";
        }
    }

    private static IEnumerable<string> Judged(ReportContext report, RoundAttempt round)
    {
        (ModelEvaluation? before, ModelEvaluation? after) = EvaluationFields.Shown(report, round);
        if (after is not null)
        {
            string change = before is null ? string.Empty : $", and {DecimalString.Format(before.Mean)} on the model before it";
            yield return $"On that model {after.Losses.Count} silos measured a mean evaluation loss of {DecimalString.Format(after.Mean)}{change}; the worst of them measured {DecimalString.Format(after.Worst)}.";
        }
    }

    private static string Ended(RoundAttempt round) => (round.Result, round.Failed) switch
    {
        ({ } result, _) => $"It ended at {result.Entry.Time} with a new model, hash {ReportContext.Short(result.Subject("new_model"))}.",
        (_, { } failed) => $"It failed at {failed.Entry.Time}: {failed.Word("reason")}.",
        _ => "The log does not show its end.",
    };
}
