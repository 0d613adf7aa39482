// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Epochs;

namespace FedCloud.Coordinator.Epochs;

/// <summary>The document of the federation's epochs: state and pending effects, replaced together.</summary>
public sealed record EpochDocument : IActorDocument<EpochDocument, EpochEvent, EpochEffect>
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The state.</summary>
    public required EpochsState State { get; init; }

    /// <summary>Effects to carry out, oldest first.</summary>
    public ImmutableArray<Pending<EpochEffect>> Pending { get; init; } = [];

    /// <summary>The number of the next effect.</summary>
    public long NextEffect { get; init; } = 1;

    /// <inheritdoc/>
    [JsonIgnore]
    public DateTimeOffset? Deadline => EpochMachine.NextDeadline(State)?.At;

    /// <summary>The number of the newest epoch.</summary>
    [JsonIgnore]
    public long Chapter => State.LastNumber;

    /// <summary>Never: epochs end with the federation.</summary>
    [JsonIgnore]
    public bool IsFinal => false;

    /// <summary>The document with other settings for epochs to come. An epoch in the making keeps its own: its slots are part of its identity.</summary>
    /// <param name="slots">Slots of an epoch.</param>
    /// <param name="stepTimeout">Seconds that a step of it may take.</param>
    public EpochDocument With(int slots, int stepTimeout) => State.Next is not null || (State.Slots == slots && State.StepTimeout == stepTimeout)
        ? this
        : this with { State = State with { Slots = slots, StepTimeout = stepTimeout } };

    /// <inheritdoc/>
    public EpochDocument Apply(string? id, EpochEvent @event, out string? ignored)
    {
        EpochStep step = EpochMachine.Step(State, @event);
        ignored = step.Ignored;
        return ignored is null ? Take(step) : this;
    }

    /// <inheritdoc/>
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

    /// <inheritdoc/>
    public EpochEvent DeadlineReached(DateTimeOffset at) =>
        new EpochDeadlineReached(at, EpochMachine.NextDeadline(State)?.Sid ?? throw new InvalidOperationException("the epochs have no deadline"));

    private EpochDocument Take(EpochStep step) => this with
    {
        State = step.State,
        Pending = Pending.Add(NextEffect, step.Effects),
        NextEffect = NextEffect + step.Effects.Length,
    };
}
