// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>The document of the federation's epochs: state and pending effects, replaced together.</summary>
public sealed record EpochDocument
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The state.</summary>
    public required EpochsState State { get; init; }

    /// <summary>Effects to carry out, oldest first.</summary>
    public ImmutableArray<Pending<EpochEffect>> Pending { get; init; } = [];

    /// <summary>The number of the next effect.</summary>
    public long NextEffect { get; init; } = 1;

    /// <summary>The document with other settings for epochs to come. An epoch in the making keeps its own: its slots are part of its identity.</summary>
    /// <param name="slots">Slots of an epoch.</param>
    /// <param name="stepTimeout">Seconds that a step of it may take.</param>
    public EpochDocument With(int slots, int stepTimeout) => State.Next is not null || (State.Slots == slots && State.StepTimeout == stepTimeout)
        ? this
        : this with { State = State with { Slots = slots, StepTimeout = stepTimeout } };

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
        ImmutableArray<Pending<EpochEffect>> left = Pending.Without(effect);
        if (left == Pending)
        {
            return this;
        }

        EpochDocument next = this with { Pending = left };
        return result is null ? next : next.Take(EpochMachine.Step(State, result));
    }

    private EpochDocument Take(EpochStep step) => this with
    {
        State = step.State,
        Pending = Pending.Add(NextEffect, step.Effects),
        NextEffect = NextEffect + step.Effects.Length,
    };
}
