// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Coordinator.Runs;

/// <summary>The one document of a run: state, processed event ids and pending effects, replaced together under one ETag.</summary>
/// <remarks>
/// An event and the effects that follow from it become durable in one write, and an effect leaves the document only with
/// the event that reports it done. So a crash between any two writes loses nothing, and at most repeats an effect, which
/// is harmless since effects are idempotent.
/// </remarks>
public sealed record RunDocument
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

    /// <summary>The document of a run that was just submitted.</summary>
    public static RunDocument Open(RunStep submitted)
    {
        ArgumentNullException.ThrowIfNull(submitted);
        return new RunDocument { State = submitted.State }.Take(submitted);
    }

    /// <summary>Takes an event that is not the result of an effect: a message, a deadline, a request.</summary>
    /// <param name="id">The event's id, by which a redelivery is known; null for deadlines and requests, which the machine itself recognises.</param>
    /// <param name="event">The event.</param>
    /// <param name="ignored">Why it had no effect; null when it had one.</param>
    /// <returns>The new document, or this one when nothing changed.</returns>
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

        RunDocument next = Take(step);
        return id is null ? next : next with { Processed = next.Processed.Add(id) };
    }

    /// <summary>Removes an effect that is done and takes the event that reports its result.</summary>
    /// <param name="effect">The effect's number.</param>
    /// <param name="result">The result; null for effects that have none.</param>
    /// <returns>The new document, or this one when the effect is not pending any more.</returns>
    public RunDocument Complete(long effect, RunEvent? result)
    {
        ImmutableArray<Pending<RunEffect>> left = Pending.Without(effect);
        if (left == Pending)
        {
            return this;
        }

        RunDocument next = this with { Pending = left };
        return result is null ? next : next.Take(RunMachine.Step(State, result));
    }

    private RunDocument Take(RunStep step) => this with
    {
        State = step.State,
        Pending = Pending.Add(NextEffect, step.Effects),
        NextEffect = NextEffect + step.Effects.Length,
        Processed = step.State.LastRound == State.LastRound ? Processed : Processed.Clear(),
    };
}
