// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>An effect that is not yet done.</summary>
/// <param name="Id">Its number, from 1; never reused.</param>
/// <param name="Effect">What is to be done.</param>
public sealed record PendingEpochEffect(long Id, EpochEffect Effect);

/// <summary>The document of the federation's epochs: state and pending effects, replaced together.</summary>
public sealed record EpochDocument
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The state.</summary>
    public required EpochsState State { get; init; }

    /// <summary>Effects to carry out, oldest first.</summary>
    public ImmutableArray<PendingEpochEffect> Pending { get; init; } = [];

    /// <summary>The number of the next effect.</summary>
    public long NextEffect { get; init; } = 1;

    /// <summary>Takes an event that is not the result of an effect. The machine itself recognises one that comes twice.</summary>
    /// <param name="event">The event.</param>
    /// <param name="ignored">Why it had no effect; null when it had one.</param>
    /// <returns>The new document, or this one when nothing changed.</returns>
    public EpochDocument Apply(EpochEvent @event, out string? ignored)
    {
        EpochStep step = EpochMachine.Step(State, @event);
        ignored = step.Ignored;
        return ignored is null ? Take(step) : this;
    }

    /// <summary>Removes an effect that is done and takes the event that reports its result.</summary>
    /// <param name="effect">The effect's number.</param>
    /// <param name="result">The result; null for effects that have none.</param>
    /// <returns>The new document, or this one when the effect is not pending any more.</returns>
    public EpochDocument Complete(long effect, EpochEvent? result)
    {
        if (Pending.FirstOrDefault(pending => pending.Id == effect) is not { } done)
        {
            return this;
        }

        EpochDocument next = this with { Pending = Pending.Remove(done) };
        return result is null ? next : next.Take(EpochMachine.Step(State, result));
    }

    private EpochDocument Take(EpochStep step) => this with
    {
        State = step.State,
        Pending = Pending.AddRange(step.Effects.Select((effect, i) => new PendingEpochEffect(NextEffect + i, effect))),
        NextEffect = NextEffect + step.Effects.Length,
    };
}
