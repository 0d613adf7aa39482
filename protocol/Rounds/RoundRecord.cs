// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Rounds;

/// <summary>What is kept of a finished round for people: written once, beside the run's state, so that the state does not grow with the rounds.</summary>
public sealed record RoundRecord
{
    /// <summary>The run.</summary>
    public required RunId Job { get; init; }

    /// <summary>The round; one above the last round for the evaluation of the final model.</summary>
    public required int Round { get; init; }

    /// <summary><c>committed</c>, <c>abandoned</c> or <c>evaluation</c>.</summary>
    public required string Outcome { get; init; }

    /// <summary>Why it was abandoned; a code, else empty.</summary>
    public required string Reason { get; init; }

    /// <summary>When it began.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When it ended.</summary>
    public required DateTimeOffset EndedAt { get; init; }

    /// <summary>The version that it started from.</summary>
    public required ModelReference Model { get; init; }

    /// <summary>The version that it made; null unless committed.</summary>
    public ModelReference? NewModel { get; init; }

    /// <summary>The SHA-256 of the mean update; null unless committed.</summary>
    public Sha256Digest? AggregateSha256 { get; init; }

    /// <summary>The L2 norm of the mean update; null unless committed.</summary>
    public double? AggregateNorm { get; init; }

    /// <summary>What secure aggregation adds; null in plain mode.</summary>
    public SecureRecord? Secure { get; init; }

    /// <summary>Everyone who was asked.</summary>
    public required ImmutableSortedDictionary<SiloId, RoundRecordMember> Members { get; init; }

    /// <summary>The record of a round that ended.</summary>
    internal static RoundRecord Of(RunState state, RoundState round, string outcome, DateTimeOffset at, ModelReference? newModel) => new()
    {
        Job = state.Config.Job,
        Round = round.Round,
        Outcome = outcome,
        Reason = round.Reason ?? string.Empty,
        StartedAt = round.StartedAt,
        EndedAt = at,
        Model = round.Start.Model,
        NewModel = newModel,
        AggregateSha256 = newModel is null ? null : round.Aggregate?.AggregateSha256,
        AggregateNorm = newModel is null ? null : round.Aggregate?.Norm,
        Secure = SecureRecord.Of(state, round),
        Members = round.Members
            .Select(member => (member.Key, Value: Of(round, member.Value)))
            .Concat(Absent(state, round))
            .ToImmutableSortedDictionary(member => member.Key, member => member.Value),
    };

    // Under secure aggregation the cohort is U2: who takes part in the run and is not in it was away when the epoch opened.
    private static IEnumerable<(SiloId Key, RoundRecordMember Value)> Absent(RunState state, RoundState round) => round.Start.Slot is null
        ? []
        : state.Participants().Where(silo => !round.Members.ContainsKey(silo)).Select(silo => (silo, new RoundRecordMember
        {
            Phase = MemberPhase.Dropped,
            Reason = ErrorCodes.EpochUnknown.Name,
            Step = RoundStepName.Epoch,
            UploadedBytes = 0,
            Weight = 0,
            Metrics = ImmutableSortedDictionary<string, string>.Empty,
        }));

    /// <summary>The record of the final model's evaluation.</summary>
    internal static RoundRecord OfEvaluation(RunState state, DateTimeOffset at) => new()
    {
        Job = state.Config.Job,
        Round = state.LastRound + 1,
        Outcome = "evaluation",
        Reason = string.Empty,
        StartedAt = at,
        EndedAt = at,
        Model = state.Model ?? throw new InvalidOperationException("a run that is evaluated has a model"),
        Members = state.FinalMetrics.ToImmutableSortedDictionary(
            silo => silo.Key,
            silo => new RoundRecordMember { Phase = MemberPhase.Verified, UploadedBytes = 0, Weight = 0, Metrics = silo.Value }),
    };

    // A sum is opened by the first t members, so a step here does not mean that the round had to wait.
    private static string? StepOf(RoundState round, RoundMember member)
    {
        if (member.Phase is not MemberPhase.Verified)
        {
            return RoundStepName.Update;
        }

        return round.Secure switch
        {
            { List: not null } secure when !secure.Agreed.ContainsKey(member.Idx) => RoundStepName.Agreement,
            { List: not null } secure when !secure.Answered.ContainsKey(member.Idx) || secure.Faulty.ContainsKey(member.Idx) => RoundStepName.Unmasking,
            _ => null,
        };
    }

    private static RoundRecordMember Of(RoundState round, RoundMember member) => new()
    {
        Phase = member.Phase,
        Reason = member.Reason,
        Step = StepOf(round, member),
        UploadedBytes = member.Update?.EnvelopeLength ?? 0,
        Weight = member is { Phase: MemberPhase.Verified, Update: { } update } ? update.Weight : 0,
        Metrics = member.Metrics,
    };
}

/// <summary>What the record of a round under secure aggregation says beside the rest.</summary>
public sealed record SecureRecord
{
    /// <summary>The ring's width in bits.</summary>
    public required int K { get; init; }

    /// <summary>Ring coordinates.</summary>
    public required long D { get; init; }

    /// <summary>The round's identity.</summary>
    public required Sha256Digest Rid { get; init; }

    /// <summary>The epoch.</summary>
    public required Sha256Digest Sid { get; init; }

    /// <summary>The slot.</summary>
    public required int Slot { get; init; }

    /// <summary>Why earlier attempts at the round came to nothing; codes, oldest first.</summary>
    public required ImmutableArray<string> Attempts { get; init; }

    /// <summary>The record of a round; null in plain mode, and where no slot came.</summary>
    internal static SecureRecord? Of(RunState state, RoundState round) => round.Start.Slot is { } slot
        ? new SecureRecord
        {
            K = slot.K,
            D = slot.D,
            Rid = round.Rid,
            Sid = slot.Sid,
            Slot = slot.Slot,
            Attempts = [.. state.Unfinished.Where(earlier => earlier.Round == round.Round && earlier.Rid != round.Rid).Select(earlier => earlier.Reason)],
        }
        : null;
}

/// <summary>The steps at which a silo can be missing from a round.</summary>
public static class RoundStepName
{
    /// <summary>It is not in the epoch.</summary>
    public const string Epoch = "epoch";

    /// <summary>It gave no update, or no masked one.</summary>
    public const string Update = "update";

    /// <summary>Its vector is in the sum, and it did not agree to the list in time.</summary>
    public const string Agreement = "agreement";

    /// <summary>Its vector is in the sum, and it did not help to open it.</summary>
    public const string Unmasking = "unmasking";
}

/// <summary>One silo in a <see cref="RoundRecord"/>.</summary>
public sealed record RoundRecordMember
{
    /// <summary>Where it stood at the end.</summary>
    public required MemberPhase Phase { get; init; }

    /// <summary>Why it did not contribute; a code, else null.</summary>
    public string? Reason { get; init; }

    /// <summary>The step at which it was missing, a name of <see cref="RoundStepName"/>; null when it was there throughout.</summary>
    public string? Step { get; init; }

    /// <summary>The bytes it uploaded, envelope included; 0 when it did not contribute.</summary>
    public required long UploadedBytes { get; init; }

    /// <summary>Its weight in the mean; 0 when it did not contribute.</summary>
    public required long Weight { get; init; }

    /// <summary>What it disclosed about the model that the round started from.</summary>
    public required ImmutableSortedDictionary<string, string> Metrics { get; init; }
}
