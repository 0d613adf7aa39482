// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>What the log shows of a run's end.</summary>
/// <param name="IsShown">Whether it shows that the run ended.</param>
/// <param name="Sentence">The same in words, for the first page.</param>
internal sealed record RunEnd(bool IsShown, string Sentence)
{
    /// <summary>Reads it out of the run's entries: the log has no entry of an end as such.</summary>
    /// <param name="run">The run.</param>
    /// <param name="checkpoint">The checkpoint at which the evidence ends.</param>
    public static RunEnd Of(RunStory run, Checkpoint? checkpoint)
    {
        int results = run.Results.Select(round => round.Round).Distinct().Count();
        string at = checkpoint is null ? "at the end of the evidence" : $"at the checkpoint of {checkpoint.Size} entries, with which this evidence ends";
        return (run.Config, run.Settled.Length) switch
        {
            ({ } plan, _) when results >= plan.Rounds => new(true, $"Finished: all {plan.Rounds} rounds of the plan have results."),
            ({ } plan, > 0) => new(true, $"Ended before its plan did: {results} of {plan.Rounds} rounds have results, and {Silos(run.Settled.Length)} settled the run's reserve."),
            ({ } plan, _) => new(false, $"Not finished {at}: {results} of {plan.Rounds} rounds have results. What came later is not in this report."),
            (null, > 0) => new(true, $"Ended with {results} results: {Silos(run.Settled.Length)} settled the run's reserve. How many rounds were planned is not available."),
            _ => new(false, $"Whether it was finished {at}, this evidence does not show: it has {results} results, and not the run's configuration, which says how many were planned."),
        };
    }

    private static string Silos(int count) => count == 1 ? "1 silo" : $"{count} silos";
}
