// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Rounds;

/// <summary>Where a run stands.</summary>
public enum RunPhase
{
    /// <summary>Version 0 of the adapter is made and published.</summary>
    Preparing,

    /// <summary>The plan is offered; silos approve or refuse.</summary>
    AwaitingAnswers,

    /// <summary>Rounds run, one at a time.</summary>
    Running,

    /// <summary>The last version is committed; silos whose plan and policy disclose it evaluate it.</summary>
    Evaluating,

    /// <summary>All rounds are committed. Final.</summary>
    Completed,

    /// <summary>The run cannot go on. Final. Committed versions stay.</summary>
    Failed,

    /// <summary>An operator ended it. Final. Committed versions stay.</summary>
    Cancelled,
}

/// <summary>A silo's answer to the plan.</summary>
public enum Approval
{
    /// <summary>No answer yet.</summary>
    Pending,

    /// <summary>It takes part.</summary>
    Approved,

    /// <summary>It does not.</summary>
    Refused,
}

/// <summary>A committed model version.</summary>
/// <param name="Version">The number: 0, then one more per committed round, without gaps.</param>
/// <param name="Sha256">The SHA-256 of its bytes, server optimizer state included.</param>
public sealed record ModelReference(int Version, Sha256Digest Sha256);

/// <summary>One silo in a run.</summary>
/// <param name="Approval">Its answer.</param>
/// <param name="Reason">Why it refused; a code, else empty.</param>
public sealed record SiloStanding(Approval Approval, string Reason);

/// <summary>An attempt at a round that came to nothing.</summary>
public sealed record UnfinishedRound
{
    /// <summary>The round's number.</summary>
    public required int Round { get; init; }

    /// <summary>Its identity.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>How many members of its U2 must burn it: |U2| - t + c_max + 1; fewer than t are then left to open it.</summary>
    public required int Needed { get; init; }

    /// <summary>The members of its U2.</summary>
    public required ImmutableArray<int> Cohort { get; init; }

    /// <summary>The bodies of the members that burned it.</summary>
    public ImmutableSortedDictionary<int, Sha256Digest> Burned { get; init; } = ImmutableSortedDictionary<int, Sha256Digest>.Empty;

    /// <summary>Why it came to nothing; a code.</summary>
    public required string Reason { get; init; }
}

/// <summary>The state of a training run: everything that decides what happens next.</summary>
public sealed record RunState
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The plan, with the run's id as <c>job</c>.</summary>
    public required RunConfig Config { get; init; }

    /// <summary>The SHA-256 of the plan's JCS bytes.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>The federation's roster; a change takes effect in the next round.</summary>
    public required RosterView Roster { get; init; }

    /// <summary>Where the run stands.</summary>
    public required RunPhase Phase { get; init; }

    /// <summary>The silos and their answers.</summary>
    public required ImmutableSortedDictionary<SiloId, SiloStanding> Silos { get; init; }

    /// <summary>When the run was submitted.</summary>
    public required DateTimeOffset SubmittedAt { get; init; }

    /// <summary>When the coordinator stops waiting for answers.</summary>
    public DateTimeOffset? AnswersDue { get; init; }

    /// <summary>When the coordinator stops waiting for evaluations of the final model.</summary>
    public DateTimeOffset? EvaluationDue { get; init; }

    /// <summary>When the run ended.</summary>
    public DateTimeOffset? EndedAt { get; init; }

    /// <summary>Why it failed; a code.</summary>
    public string? Reason { get; init; }

    /// <summary>The newest committed version; null until version 0 exists.</summary>
    public ModelReference? Model { get; init; }

    /// <summary>The lengths of update files; null until version 0 exists.</summary>
    public FactorSizes? UpdateLengths { get; init; }

    /// <summary>The coordinates of updates; null until version 0 exists.</summary>
    public FactorSizes? UpdateCoordinates { get; init; }

    /// <summary>The last round number used.</summary>
    public int LastRound { get; init; }

    /// <summary>How many rounds are committed.</summary>
    public int CommittedRounds { get; init; }

    /// <summary>How many rounds in a row were abandoned.</summary>
    public int AbandonedInARow { get; init; }

    /// <summary>The round in progress; null between rounds.</summary>
    public RoundState? Round { get; init; }

    /// <summary>The result body of the newest commit, which travels with the next start.</summary>
    public PlainResultBody? LastResult { get; init; }

    /// <summary>The version body of the newest commit under secure aggregation, which travels with the next start.</summary>
    public VersionBody? LastVersion { get; init; }

    /// <summary>Rounds that were opened to silos from the current model and not committed: a later round from it needs their slots burned (secure-aggregation, J10).</summary>
    public ImmutableArray<UnfinishedRound> Unfinished { get; init; } = [];

    /// <summary>Set by an operator while a commit is under way; the run ends after it.</summary>
    public bool CancelRequested { get; init; }

    /// <summary>Evaluations of the final model so far.</summary>
    public ImmutableSortedDictionary<SiloId, ImmutableSortedDictionary<string, string>> FinalMetrics { get; init; } =
        ImmutableSortedDictionary<SiloId, ImmutableSortedDictionary<string, string>>.Empty;

    /// <summary>Whether the coordinator sees sums only.</summary>
    [JsonIgnore]
    public bool IsSecure => Config.Aggregation.IsSecure;

    /// <summary>Whether the run is over.</summary>
    public bool IsFinal() => Phase is RunPhase.Completed or RunPhase.Failed or RunPhase.Cancelled;

    /// <summary>The silos that approved and are still members, ascending by roster index.</summary>
    public IEnumerable<SiloId> Participants() =>
        Silos.Where(silo => silo.Value.Approval == Approval.Approved && Roster.Members.ContainsKey(silo.Key))
            .Select(silo => silo.Key)
            .OrderBy(silo => Roster.Members[silo]);
}
