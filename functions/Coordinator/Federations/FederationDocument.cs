// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;

namespace FedCloud.Coordinator.Federations;

/// <summary>The federation's document: state and pending effects, replaced together.</summary>
public sealed record FederationDocument
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The state.</summary>
    public required FederationState State { get; init; }

    /// <summary>Effects to carry out, oldest first.</summary>
    public ImmutableArray<Pending<FederationEffect>> Pending { get; init; } = [];

    /// <summary>The number of the next effect.</summary>
    public long NextEffect { get; init; } = 1;

    /// <summary>Takes an event.</summary>
    public FederationDocument Apply(FederationEvent @event, out ErrorCode? ignored)
    {
        FederationStep step = FederationMachine.Step(State, @event);
        ignored = step.Ignored;
        return ignored is not null
            ? this
            : this with
            {
                State = step.State,
                Pending = Pending.Add(NextEffect, step.Effects),
                NextEffect = NextEffect + step.Effects.Length,
            };
    }

    /// <summary>Removes an effect that is done.</summary>
    public FederationDocument Complete(long effect) => this with { Pending = Pending.Without(effect) };
}
