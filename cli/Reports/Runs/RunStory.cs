// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cli.Reports.Sources;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Reports.Runs;

/// <summary>A run as the log tells it: its plan, who answered, its rounds, its models, its end.</summary>
internal sealed record RunStory
{
    /// <summary><c>plan_submitted</c>; null where the evidence lacks it.</summary>
    public required LoggedRecord? Submitted { get; init; }

    /// <summary>The configuration.</summary>
    public required PlanInEvidence Plan { get; init; }

    /// <summary>Approvals of it.</summary>
    public required ImmutableArray<LoggedRecord> Approvals { get; init; }

    /// <summary>Refusals of it.</summary>
    public required ImmutableArray<LoggedRecord> Refusals { get; init; }

    /// <summary>The attempts at its rounds, in order.</summary>
    public required ImmutableArray<RoundAttempt> Rounds { get; init; }

    /// <summary>Whether silos closed their part in their ledgers, which they do when a run has ended.</summary>
    public required ImmutableArray<LoggedRecord> Settled { get; init; }

    /// <summary>The configuration; null where the evidence lacks it.</summary>
    public RunConfig? Config => Plan.Config;

    /// <summary>The results.</summary>
    public IEnumerable<RoundAttempt> Results => Rounds.Where(round => round.Result is not null);

    /// <summary>Reads it out of the evidence.</summary>
    public static RunStory Of(RunEvidence evidence)
    {
        LoggedRecord? submitted = evidence.OfRun(EntryTypes.PlanSubmitted).FirstOrDefault();
        Sha256Digest? config = submitted?.Subject("config");
        return new RunStory
        {
            Submitted = submitted,
            Plan = submitted is not null ? evidence.Plans[submitted.Subject("config")] : new(null, "the log has no entry of the plan's submission"),
            Approvals = [.. evidence.OfRun(EntryTypes.PlanApproved).Where(record => record.Subject("config") == config)],
            Refusals = [.. evidence.OfRun(EntryTypes.PlanRefused).Where(record => record.Subject("config") == config)],
            Rounds = RoundsOf(evidence),
            Settled = [.. evidence.OfRun(EntryTypes.Budget).Where(record => string.Equals(record.Word("code"), "settle", StringComparison.Ordinal))],
        };
    }

    private static ImmutableArray<RoundAttempt> RoundsOf(RunEvidence evidence)
    {
        ImmutableArray<LoggedRecord> epochs = [.. evidence.Of(EntryTypes.EpochOpen, EntryTypes.EpochReady)];
        ImmutableArray<LoggedRecord> starts = [.. evidence.OfRun(EntryTypes.RoundStart)];
        ILookup<int?, LoggedRecord> attempts = starts.ToLookup(start => start.Entry.Round);
        ILookup<int?, LoggedRecord> rest = evidence.OfRun(EntryTypes.Masked, EntryTypes.U3, EntryTypes.Result, EntryTypes.RoundFailed, EntryTypes.Burned, EntryTypes.Gate, EntryTypes.Budget).ToLookup(record => record.Entry.Round);
        return [.. starts.Select(start => AttemptOf(evidence, epochs, start, [.. attempts[start.Entry.Round]], [.. rest[start.Entry.Round]]))];
    }

    private static RoundAttempt AttemptOf(RunEvidence evidence, ImmutableArray<LoggedRecord> epochs, LoggedRecord start, ImmutableArray<LoggedRecord> attempts, ImmutableArray<LoggedRecord> round)
    {
        long next = attempts.FirstOrDefault(other => other.Index > start.Index)?.Index ?? long.MaxValue;
        ImmutableArray<LoggedRecord> own = [.. round.Where(record => record.Subject("rid") == start.Subject("rid"))];
        RoundEvidence? sum = evidence.Sums.TryGetValue(start.Subject("rid"), out RoundEvidence? found) ? found : null;
        bool isPlain = start.Integer("k") is not (16 or 24 or 32);
        return new RoundAttempt
        {
            Round = start.Entry.Round ?? 0,
            Number = attempts.IndexOf(start) + 1,
            Attempts = attempts.Length,
            Start = start,
            Masked = [.. own.Where(record => record.Is(EntryTypes.Masked))],
            U3 = own.FirstOrDefault(record => record.Is(EntryTypes.U3)),
            Result = own.FirstOrDefault(record => record.Is(EntryTypes.Result)),
            Failed = own.FirstOrDefault(record => record.Is(EntryTypes.RoundFailed)),
            Burned = [.. own.Where(record => record.Is(EntryTypes.Burned))],

            // Neither gates nor charges name a rid: those of a round belong to the attempt that was the latest.
            Gates = [.. round.Where(record => record.Is(EntryTypes.Gate) && record.Index > start.Index && record.Index < next)],
            Charges = [.. round.Where(record => record.Is(EntryTypes.Budget) && record.Index > start.Index && record.Index < next && string.Equals(record.Word("code"), "charge", StringComparison.Ordinal))],
            Roster = evidence.RosterAt(start.Index),
            Epoch = isPlain ? null : EpochOfRound.Find(epochs, start, sum),
            Sum = sum,
        };
    }
}
