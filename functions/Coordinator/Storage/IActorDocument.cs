// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Coordinator.Storage;

/// <summary>The one document of an actor: state, processed event ids and pending effects, replaced together under one ETag.</summary>
/// <typeparam name="TSelf">The document.</typeparam>
/// <typeparam name="TEvent">Its machine's events.</typeparam>
/// <typeparam name="TEffect">Its machine's effects.</typeparam>
public interface IActorDocument<TSelf, TEvent, TEffect>
    where TSelf : class, IActorDocument<TSelf, TEvent, TEffect>
    where TEvent : class
{
    /// <summary>Effects to carry out, oldest first.</summary>
    ImmutableArray<Pending<TEffect>> Pending { get; }

    /// <summary>The number of the next effect.</summary>
    long NextEffect { get; }

    /// <summary>When the next deadline is; null for none.</summary>
    DateTimeOffset? Deadline { get; }

    /// <summary>Which part of its story the actor is in; it never goes back.</summary>
    long Chapter { get; }

    /// <summary>Whether nothing can happen to the actor any more.</summary>
    bool IsFinal { get; }

    /// <summary>Takes an event that is not the result of an effect.</summary>
    /// <param name="id">The event's id, by which a redelivery is known; null where the machine itself recognises one.</param>
    /// <param name="event">The event.</param>
    /// <param name="ignored">Why it had no effect; null when it had one.</param>
    /// <returns>The new document, or this one when nothing changed.</returns>
    TSelf Apply(string? id, TEvent @event, out string? ignored);

    /// <summary>Removes an effect that is done and takes the event that reports its result.</summary>
    /// <param name="effect">The effect's number.</param>
    /// <param name="result">The result; null for effects that have none.</param>
    /// <returns>The new document, or this one when the effect is not pending any more.</returns>
    TSelf Complete(long effect, TEvent? result);

    /// <summary>The event of the next deadline.</summary>
    /// <param name="at">The time.</param>
    TEvent DeadlineReached(DateTimeOffset at);
}
