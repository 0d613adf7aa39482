// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Coordinator.Storage;

/// <summary>An effect that is not yet done.</summary>
/// <typeparam name="TEffect">The machine's effects.</typeparam>
/// <param name="Id">Its number in the document, from 1; never used again.</param>
/// <param name="Effect">What is to be done.</param>
public sealed record Pending<TEffect>(long Id, TEffect Effect);

/// <summary>Lists of effects that are not yet done, oldest first.</summary>
public static class PendingList
{
    /// <summary>Adds what a step asks for.</summary>
    /// <param name="pending">The list.</param>
    /// <param name="next">The number of the next effect.</param>
    /// <param name="effects">What the step asks for.</param>
    public static ImmutableArray<Pending<TEffect>> Add<TEffect>(this ImmutableArray<Pending<TEffect>> pending, long next, ImmutableArray<TEffect> effects) =>
        pending.AddRange(effects.Select((effect, i) => new Pending<TEffect>(next + i, effect)));

    /// <summary>Removes an effect that is done; the same list when it is not pending any more.</summary>
    public static ImmutableArray<Pending<TEffect>> Without<TEffect>(this ImmutableArray<Pending<TEffect>> pending, long effect) =>
        pending.RemoveAll(one => one.Id == effect);
}
