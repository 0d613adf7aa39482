// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Protocol.Silos;

/// <summary>Where a silo stands in a run.</summary>
public enum SiloRunPhase
{
    /// <summary>The plan was refused.</summary>
    Refused,

    /// <summary>The plan is approved; rounds may come.</summary>
    Approved,

    /// <summary>The final model is evaluated on the silo's own data.</summary>
    Evaluating,

    /// <summary>The run is over. Final.</summary>
    Ended,

    /// <summary>The plan is within the policy, and the administrator has not decided yet.</summary>
    Asked,
}

/// <summary>Where a silo stands in a round.</summary>
public enum SiloRoundPhase
{
    /// <summary>The trainer has the job.</summary>
    Training,

    /// <summary>The update is on disk, and stays there until the log shows the round under enough witness lines.</summary>
    Held,

    /// <summary>A slot is armed for the round, and the update is masked in it; under secure aggregation only.</summary>
    Masking,

    /// <summary>The update may leave; its envelope goes up.</summary>
    Uploading,

    /// <summary>The signed announcement is out; the update is kept for resending.</summary>
    Announced,

    /// <summary>The silo declined the round.</summary>
    Declined,

    /// <summary>The coordinator gave this attempt up; under secure aggregation the round may go on in another slot with the same update.</summary>
    Given,
}

/// <summary>One round at the silo.</summary>
public sealed record SiloRound
{
    /// <summary>The round's identity.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The start.</summary>
    public required RoundOpening Start { get; init; }

    /// <summary>Where the silo stands.</summary>
    public required SiloRoundPhase Phase { get; init; }

    /// <summary>The upload attempt that is under way or announced.</summary>
    public int Attempt { get; init; }

    /// <summary>The announcement; the same bytes whenever it is sent again. Null under secure aggregation, where the slot has it.</summary>
    public PlainUpdateBody? Update { get; init; }

    /// <summary>Whether the trainer has finished: a retry of the round in another slot masks the same update.</summary>
    public bool IsTrained { get; init; }

    /// <summary>The attempts at this round that were given up before this one; none is taken up again.</summary>
    public ImmutableArray<Sha256Digest> Earlier { get; init; } = [];

    /// <summary>How many other rounds had been masked from the same model when this one began, all known burned (rule J10); the largest number for public data.</summary>
    public int Cleared { get; init; }

    /// <summary>The weight that the policy declares.</summary>
    public long Weight { get; init; }

    /// <summary>What this silo discloses of its evaluation; empty when plan or policy keep it.</summary>
    public ImmutableSortedDictionary<string, string> Metrics { get; init; } = ImmutableSortedDictionary<string, string>.Empty;

    /// <summary>The refusal; the same bytes whenever it is sent again.</summary>
    public PlainDeclineBody? Decline { get; init; }
}

/// <summary>One run at the silo.</summary>
public sealed record SiloRun
{
    /// <summary>The plan that was answered.</summary>
    public required Sha256Digest ConfigSha256 { get; init; }

    /// <summary>Where the silo stands.</summary>
    public required SiloRunPhase Phase { get; init; }

    /// <summary>The silo's roster index in the offer.</summary>
    public required int Idx { get; init; }

    /// <summary>Version 0 as the offer names it; the trainer's host recomputes it.</summary>
    public required Sha256Digest InitialModelSha256 { get; init; }

    /// <summary>Whether the plan says that the coordinator sees sums only.</summary>
    public bool IsSecure { get; init; }

    /// <summary>Whether the plan has a privacy claim.</summary>
    public bool IsPrivate { get; init; }

    /// <summary>The newest committed version that this silo knows.</summary>
    public required ModelReference Model { get; init; }

    /// <summary>The largest round number seen.</summary>
    public int LastRound { get; init; }

    /// <summary>The largest round for which the silo agreed to open a sum; it opens none of it or below again (rule J9).</summary>
    public int OpenedRound { get; init; }

    /// <summary>The round that was in progress at a start that was not continuous; the silo cannot know what it signed of it, and takes no part in it.</summary>
    public int LostRound { get; init; }

    /// <summary>The round in progress, or the last one.</summary>
    public SiloRound? Round { get; init; }

    /// <summary>Why the plan was refused; a code.</summary>
    public string? Reason { get; init; }

    /// <summary>When the coordinator stops waiting for an answer, in Unix seconds; 0 where an older version took the offer.</summary>
    public long AnswerBy { get; init; }

    /// <summary>Whether the answer is the administrator's own, whose entry the log then has; else the policy's.</summary>
    public bool IsByAdministrator { get; init; }
}

/// <summary>The silo's side of the protocol: everything that decides what it does next. Rebuilt from the journal at each start.</summary>
public sealed record SiloState
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The runs by id.</summary>
    public ImmutableSortedDictionary<RunId, SiloRun> Runs { get; init; } = ImmutableSortedDictionary<RunId, SiloRun>.Empty;

    /// <summary>The epochs that are held, by number.</summary>
    public ImmutableSortedDictionary<long, SiloEpoch> Epochs { get; init; } = ImmutableSortedDictionary<long, SiloEpoch>.Empty;

    /// <summary>The largest epoch number that the silo answered.</summary>
    public long LastEpoch { get; init; }

    /// <summary>The slots that were masked, by the hash of the model that their rounds started from.</summary>
    public ImmutableSortedDictionary<string, ImmutableArray<MaskedFrom>> MaskedFrom { get; init; } = ImmutableSortedDictionary.Create<string, ImmutableArray<MaskedFrom>>(StringComparer.Ordinal);

    /// <summary>The hash of the token of the agent's last start (rule J7); null for none.</summary>
    public Sha256Digest? Token { get; init; }

    /// <summary>A head of the journal that the log shows and the journal lacks, for which all slots were burned; null for none.</summary>
    public Sha256Digest? Disowned { get; init; }

    /// <summary>The latest time of any event: a clock that is set back prolongs nothing.</summary>
    public DateTimeOffset Latest { get; init; }

    /// <summary>Why the silo does not follow the log any more, and so takes no round; a code, or null while all is well.</summary>
    public string? LogRefusal { get; init; }
}
