// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Rounds;

/// <summary>Where a round stands.</summary>
public enum RoundPhase
{
    /// <summary>The round waits for a slot of an epoch, under secure aggregation only.</summary>
    Opening,

    /// <summary>The start is out; silos train, upload and announce; uploads are verified as they arrive.</summary>
    Collecting,

    /// <summary>The list of masked vectors is out; silos agree to open it, under secure aggregation only.</summary>
    Agreeing,

    /// <summary>Enough silos agreed; they reveal shares of the masks of the sum, under secure aggregation only.</summary>
    Unmasking,

    /// <summary>The cohort is closed; the mean over the verified updates and the new model version are computed.</summary>
    Aggregating,

    /// <summary>The new version's bytes are published under their number.</summary>
    Publishing,

    /// <summary>The channel pointer moves to the new version.</summary>
    MovingChannel,

    /// <summary>The round is committed. Final.</summary>
    Committed,

    /// <summary>The round is given up; the model is as before. Final.</summary>
    Abandoned,
}

/// <summary>Where one silo stands in one round.</summary>
public enum MemberPhase
{
    /// <summary>The start was sent; nothing valid came back yet.</summary>
    Invited,

    /// <summary>An update is announced and waits to be verified.</summary>
    Announced,

    /// <summary>The update is there, whole, of the right shape and finite.</summary>
    Verified,

    /// <summary>The silo said that it takes no part.</summary>
    Declined,

    /// <summary>The silo missed the deadline, or left the federation.</summary>
    Dropped,
}

/// <summary>What the log says of a masked vector's announcement.</summary>
/// <param name="Identity">The body's identity.</param>
/// <param name="JournalHead">The silo's journal before it.</param>
/// <param name="LedgerHead">The silo's privacy ledger after the charge; 64 zeros without a privacy claim.</param>
public sealed record MaskedReference(Sha256Digest Identity, Sha256Digest JournalHead, Sha256Digest LedgerHead);

/// <summary>A silo's shares that open a sum, encrypted where the silo put them.</summary>
/// <param name="Attempt">The attempt whose blob holds the envelope.</param>
/// <param name="EnvelopeLength">Its length in bytes.</param>
public sealed record UnmaskReference(int Attempt, long EnvelopeLength);

/// <summary>An announced upload.</summary>
public sealed record UpdateReference
{
    /// <summary>The SHA-256 of the plaintext, from the signed body.</summary>
    public required Sha256Digest Sha256 { get; init; }

    /// <summary>The plaintext's length in bytes, from the signed body.</summary>
    public required long Length { get; init; }

    /// <summary>The weight, from the signed body.</summary>
    public required long Weight { get; init; }

    /// <summary>The attempt whose blob holds the envelope: its name is <see cref="UploadName"/>; from the unsigned frame.</summary>
    public required int Attempt { get; init; }

    /// <summary>The envelope's length in bytes; from the unsigned frame.</summary>
    public required long EnvelopeLength { get; init; }

    /// <summary>The body that announces a masked vector; null in plain mode.</summary>
    public MaskedReference? Masked { get; init; }
}

/// <summary>One silo in one round.</summary>
public sealed record RoundMember
{
    /// <summary>The roster index under which the start names it.</summary>
    public required int Idx { get; init; }

    /// <summary>Where it stands.</summary>
    public required MemberPhase Phase { get; init; }

    /// <summary>The announced or verified update.</summary>
    public UpdateReference? Update { get; init; }

    /// <summary>Why it declined or dropped, or why its last announced update was turned away; a code.</summary>
    public string? Reason { get; init; }

    /// <summary>What it disclosed about the model that the round starts from; reals as decimal strings.</summary>
    public ImmutableSortedDictionary<string, string> Metrics { get; init; } = ImmutableSortedDictionary<string, string>.Empty;
}

/// <summary>What the aggregation produced.</summary>
public sealed record AggregateReference
{
    /// <summary>The SHA-256 of the mean update, float32 little-endian; under secure aggregation of the ring sum.</summary>
    public required Sha256Digest AggregateSha256 { get; init; }

    /// <summary>The SHA-256 of the new version's bytes.</summary>
    public required Sha256Digest NewModelSha256 { get; init; }

    /// <summary>The L2 norm of the mean update.</summary>
    public required double Norm { get; init; }

    /// <summary>The hash of the secrets that opened the sum; null in plain mode.</summary>
    public Sha256Digest? SeedsSha256 { get; init; }
}

/// <summary>What secure aggregation adds to a round. Shares and secrets are never in it.</summary>
public sealed record SecureRound
{
    /// <summary>The attempt at the round, from 1: each has a slot of its own (secure-aggregation, J8).</summary>
    public required int Attempt { get; init; }

    /// <summary>The list that silos are asked to open; null before it is out.</summary>
    public U3ListBody? List { get; init; }

    /// <summary>The bodies by which members of the list agreed to it.</summary>
    public ImmutableSortedDictionary<int, Sha256Digest> Agreed { get; init; } = ImmutableSortedDictionary<int, Sha256Digest>.Empty;

    /// <summary>The members who revealed shares.</summary>
    public ImmutableSortedDictionary<int, UnmaskReference> Answered { get; init; } = ImmutableSortedDictionary<int, UnmaskReference>.Empty;

    /// <summary>The members whose shares were no use, and why.</summary>
    public ImmutableSortedDictionary<int, string> Faulty { get; init; } = ImmutableSortedDictionary<int, string>.Empty;

    /// <summary>When list or agreement go out again to whoever has not answered.</summary>
    public DateTimeOffset? StepDue { get; init; }
}

/// <summary>One round, inside the state of its run.</summary>
public sealed record RoundState
{
    /// <summary>The round's number, from 1.</summary>
    public required int Round { get; init; }

    /// <summary>The round's identity: the SHA-256 of the PAE of its start in plain mode, rid under secure aggregation.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>What opened the round.</summary>
    public required RoundOpening Start { get; init; }

    /// <summary>Where the round stands.</summary>
    public required RoundPhase Phase { get; init; }

    /// <summary>The cohort.</summary>
    public required ImmutableSortedDictionary<SiloId, RoundMember> Members { get; init; }

    /// <summary>The smallest number of updates that is aggregated.</summary>
    public required int Quorum { get; init; }

    /// <summary>When the round began, by the coordinator's clock.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When the round closes whatever is missing.</summary>
    public required DateTimeOffset Deadline { get; init; }

    /// <summary>When the round stops waiting for stragglers, set when the quorum has answered.</summary>
    public DateTimeOffset? GraceEnds { get; init; }

    /// <summary>The result, from <see cref="RoundPhase.Publishing"/> on.</summary>
    public AggregateReference? Aggregate { get; init; }

    /// <summary>Why the round was given up; a code.</summary>
    public string? Reason { get; init; }

    /// <summary>What secure aggregation adds; null in plain mode.</summary>
    public SecureRound? Secure { get; init; }

    /// <summary>The silos whose updates are verified, ascending by index: the summands of the mean, in the order of the sum.</summary>
    public IEnumerable<KeyValuePair<SiloId, RoundMember>> Contributors() =>
        Members.Where(member => member.Value.Phase == MemberPhase.Verified).OrderBy(member => member.Value.Idx);

    /// <summary>t of the roster under secure aggregation.</summary>
    public int Threshold() => CohortBounds.Of(Start.Slot?.Silos ?? throw new InvalidOperationException("a round of plain mode has no threshold")).Threshold;

    /// <summary>How many members are in the phase.</summary>
    public int Count(MemberPhase phase) => Members.Values.Count(member => member.Phase == phase);
}
