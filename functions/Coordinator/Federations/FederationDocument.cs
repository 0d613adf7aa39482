// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;

namespace FedCloud.Coordinator.Federations;

/// <summary>An effect that is not yet done.</summary>
/// <param name="Id">Its number, from 1.</param>
/// <param name="Effect">What is to be done.</param>
public sealed record PendingFederationEffect(long Id, FederationEffect Effect);

/// <summary>The federation's document: state and pending effects, replaced together.</summary>
public sealed record FederationDocument
{
    /// <summary>The version of this record's shape.</summary>
    public int V { get; init; } = 1;

    /// <summary>The state.</summary>
    public required FederationState State { get; init; }

    /// <summary>Effects to carry out, oldest first.</summary>
    public ImmutableArray<PendingFederationEffect> Pending { get; init; } = [];

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
                Pending = Pending.AddRange(step.Effects.Select((effect, i) => new PendingFederationEffect(NextEffect + i, effect))),
                NextEffect = NextEffect + step.Effects.Length,
            };
    }

    /// <summary>Removes an effect that is done.</summary>
    public FederationDocument Complete(long effect) => this with { Pending = Pending.RemoveAll(pending => pending.Id == effect) };
}
