// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The audit log as the agent sees it: what it looks like now, and whether a round is in it.</summary>
public interface ILogView
{
    /// <summary>Goes on to the log's newest checkpoint, and signs it if it continues the last one.</summary>
    /// <param name="rosters">The rosters that the silo has verified, from version 1.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException">The log cannot be read, or is not what its checkpoint says: nothing is accepted, and it is tried again.</exception>
    Task<LogLook> FollowAsync(ImmutableArray<Roster> rosters, CancellationToken cancellation);

    /// <summary>Looks for a round's start among what was followed so far, and for a checkpoint over it with enough witness lines.</summary>
    /// <param name="rid">The round.</param>
    /// <param name="start">The start that the silo received.</param>
    /// <param name="beside">The index of the last entry that the checkpoint must cover too: this start of the agent and, with a privacy claim, the run's reserve (secure-aggregation, 5.3); null while the log lacks one.</param>
    /// <param name="rosters">The rosters that the silo has verified, from version 1.</param>
    /// <param name="cancellation">Stops it.</param>
    Task<RoundSighting> SeekAsync(Sha256Digest rid, RoundOpening start, long? beside, ImmutableArray<Roster> rosters, CancellationToken cancellation);

    /// <summary>The newest version of the wrapping key among what was followed so far, where a checkpoint with enough witness lines covers it; else null.</summary>
    /// <param name="rosters">The rosters that the silo has verified, from version 1.</param>
    /// <param name="cancellation">Stops it.</param>
    Task<WrappingPlace?> WrappingKeyAsync(ImmutableArray<Roster> rosters, CancellationToken cancellation);
}

/// <summary>What a look at the log gave.</summary>
public abstract record LogLook
{
    /// <summary>There is no log yet.</summary>
    public sealed record Nothing : LogLook;

    /// <summary>The log continues what was accepted before.</summary>
    /// <param name="Size">Its size.</param>
    /// <param name="Own">This silo's own entries in it, by number.</param>
    /// <param name="Administrator">The highest number of its administrator in the log; 0 for none.</param>
    /// <param name="Masked">The newest masked vector of each index of the newest roster; null for none.</param>
    /// <param name="Budgets">This silo's privacy ledgers, by data set commitment; null for none.</param>
    /// <param name="Parties">The newest entry of each other party; null for none.</param>
    public sealed record Accepted(
        long Size,
        ImmutableSortedDictionary<long, OwnPlace> Own,
        long Administrator = 0,
        ImmutableSortedDictionary<int, MaskedPlace>? Masked = null,
        ImmutableSortedDictionary<string, BudgetPlace>? Budgets = null,
        ImmutableSortedDictionary<string, PartyPlace>? Parties = null) : LogLook;

    /// <summary>The log shows another history, or an older one.</summary>
    /// <param name="Code">How.</param>
    /// <param name="Evidence">The hashes of the notes that show it; the notes are in the home folder.</param>
    public sealed record Refused(ErrorCode Code, ImmutableArray<Sha256Digest> Evidence) : LogLook;
}

/// <summary>What the log shows of a round.</summary>
public abstract record RoundSighting
{
    /// <summary>Nothing yet, or without enough witness lines.</summary>
    public sealed record Unwitnessed : RoundSighting;

    /// <summary>A checkpoint with enough lines covers the start.</summary>
    /// <param name="Size">The checkpoint's size.</param>
    public sealed record Witnessed(long Size) : RoundSighting;

    /// <summary>The log's entry names other values than the start.</summary>
    /// <param name="Entry">The entry's identity.</param>
    public sealed record Misrecorded(Sha256Digest Entry) : RoundSighting;
}
