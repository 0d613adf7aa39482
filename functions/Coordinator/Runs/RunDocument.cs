// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>The one document of a run: state, processed event ids and pending effects, replaced together under one ETag.</summary>
/// <remarks>
/// An event and the effects that follow from it become durable in one write, and an effect leaves the document only with
/// the event that reports it done. So a crash between any two writes loses nothing, and at most repeats an effect, which
/// is harmless since effects are idempotent.
/// </remarks>
public sealed record RunDocument : IActorDocument<RunDocument, RunEvent, RunEffect>
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The run's state.</summary>
    public required RunState State { get; init; }

    /// <summary>Ids of messages that were taken since the current round began; older ones cannot have an effect any more.</summary>
    public ImmutableSortedSet<string> Processed { get; init; } = ImmutableSortedSet.Create<string>(StringComparer.Ordinal);

    /// <summary>Effects to carry out, oldest first.</summary>
    public ImmutableArray<Pending<RunEffect>> Pending { get; init; } = [];

    /// <summary>The number of the next effect.</summary>
    public long NextEffect { get; init; } = 1;

    /// <summary>When the phase of the round in progress began, or when the last round ended; null before the first, and until then after an upgrade.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public DateTimeOffset? PhaseChangedAt { get; init; }

    /// <inheritdoc/>
    [JsonIgnore]
    public DateTimeOffset? Deadline => RunMachine.NextDeadline(State)?.At;

    /// <summary>The round.</summary>
    [JsonIgnore]
    public long Chapter => State.LastRound;

    /// <inheritdoc/>
    [JsonIgnore]
    public bool IsFinal => State.IsFinal();

    /// <summary>The document of a run that was just submitted.</summary>
    public static RunDocument Open(RunStep submitted)
    {
        ArgumentNullException.ThrowIfNull(submitted);
        return new RunDocument { State = submitted.State }.Take(submitted, submitted.State.SubmittedAt);
    }

    /// <inheritdoc/>
    public RunDocument Apply(string? id, RunEvent @event, out string? ignored)
    {
        if (id is not null && Processed.Contains(id))
        {
            ignored = "the message was taken before";
            return this;
        }

        RunStep step = RunMachine.Step(State, @event);
        ignored = step.Ignored;
        if (step.Ignored is not null)
        {
            return this;
        }

        RunDocument next = Take(step, @event.At);
        return id is null ? next : next with { Processed = next.Processed.Add(id) };
    }

    /// <inheritdoc/>
    public RunDocument Complete(long effect, RunEvent? result)
    {
        ImmutableArray<Pending<RunEffect>> left = Pending.Without(effect);
        if (left == Pending)
        {
            return this;
        }

        RunDocument next = this with { Pending = left };
        return result is null ? next : next.Take(RunMachine.Step(State, result), result.At);
    }

    /// <inheritdoc/>
    public RunEvent DeadlineReached(DateTimeOffset at) =>
        new DeadlineReached(at, RunMachine.NextDeadline(State)?.Key ?? throw new InvalidOperationException("the run has no deadline"));

    /// <summary>Which phase of which attempt at which round a run is in; none between rounds.</summary>
    public static (int Round, int Attempt, RoundPhase Phase)? PhaseOf(RunState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Round is { } round ? (round.Round, round.Secure?.Attempt ?? 0, round.Phase) : null;
    }

    private RunDocument Take(RunStep step, DateTimeOffset at) => this with
    {
        State = step.State,
        Pending = Pending.Add(NextEffect, step.Effects),
        NextEffect = NextEffect + step.Effects.Length,
        PhaseChangedAt = PhaseOf(step.State) == PhaseOf(State) ? PhaseChangedAt : at,
        Processed = step.State.LastRound == State.LastRound ? Processed : Processed.Clear(),
    };
}
