// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
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
        Members = round.Members.ToImmutableSortedDictionary(member => member.Key, member => Of(member.Value)),
    };

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

    private static RoundRecordMember Of(RoundMember member) => new()
    {
        Phase = member.Phase,
        Reason = member.Reason,
        UploadedBytes = member.Update?.EnvelopeLength ?? 0,
        Weight = member is { Phase: MemberPhase.Verified, Update: { } update } ? update.Weight : 0,
        Metrics = member.Metrics,
    };
}

/// <summary>One silo in a <see cref="RoundRecord"/>.</summary>
public sealed record RoundRecordMember
{
    /// <summary>Where it stood at the end.</summary>
    public required MemberPhase Phase { get; init; }

    /// <summary>Why it did not contribute; a code, else null.</summary>
    public string? Reason { get; init; }

    /// <summary>The bytes it uploaded, envelope included; 0 when it did not contribute.</summary>
    public required long UploadedBytes { get; init; }

    /// <summary>Its weight in the mean; 0 when it did not contribute.</summary>
    public required long Weight { get; init; }

    /// <summary>What it disclosed about the model that the round started from.</summary>
    public required ImmutableSortedDictionary<string, string> Metrics { get; init; }
}
