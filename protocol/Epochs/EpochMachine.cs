// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Epochs;

/// <summary>The coordinator's side of epochs as a pure function: open one ahead of need, collect E1, E3 and E5, give its slots to rounds (secure-aggregation, section 5.1).</summary>
/// <remarks>At most two epochs are open: the current one and the next. A silo that stalls an epoch is left out of the next one, as long as t remain.</remarks>
public static class EpochMachine
{
    /// <summary>How long an epoch lives at most (secure-aggregation, section 2).</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(7);

    // No slot is given out so late that a round could not end.
    private static readonly TimeSpan LastDay = TimeSpan.FromDays(1);

    private static readonly FrozenDictionary<Type, Transition> Transitions = new Dictionary<Type, Transition>
    {
        [typeof(SlotRequested)] = static (s, e) => OnRequested(s, (SlotRequested)e),
        [typeof(Advertised)] = static (s, e) => OnAdvertised(s, (Advertised)e),
        [typeof(ListSent)] = static (s, e) => OnListSent(s, (ListSent)e),
        [typeof(Shared)] = static (s, e) => OnShared(s, (Shared)e),
        [typeof(Acknowledged)] = static (s, e) => OnAcknowledged(s, (Acknowledged)e),
        [typeof(Complained)] = static (s, e) => OnComplained(s, (Complained)e),
        [typeof(EpochsReported)] = static (s, e) => OnReported(s, (EpochsReported)e),
        [typeof(EpochDeadlineReached)] = static (s, e) => OnDeadline(s, (EpochDeadlineReached)e),
        [typeof(EpochRosterChanged)] = static (s, e) => OnRosterChanged(s, (EpochRosterChanged)e),
    }.ToFrozenDictionary();

    private delegate EpochStep Transition(EpochsState state, EpochEvent @event);

    /// <summary>Takes one event.</summary>
    public static EpochStep Step(EpochsState state, EpochEvent @event)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(@event);
        return Transitions[@event.GetType()](state, @event);
    }

    /// <summary>The next deadline that the host must report, or null when none is running.</summary>
    public static EpochDeadline? NextDeadline(EpochsState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state switch
        {
            { Next: { Phase: not EpochPhase.Ready } next } => new EpochDeadline(next.Sid, next.Deadline),
            { Next: null, PausedUntil: { } until } => new EpochDeadline(Sha256Digest.Zero, until),
            _ => null,
        };
    }

    private static EpochStep OnRequested(EpochsState state, SlotRequested requested)
    {
        SlotRequest request = requested.Request;
        if (state.Granted.GetValueOrDefault(request.Job) is { } grant && grant.Request == request)
        {
            return new EpochStep(state, [new GrantSlot(grant)]);
        }

        // A run has one round at a time: a newer request takes the place of the older one.
        ImmutableArray<SlotRequest> requests = [.. state.Requests.Where(waiting => waiting.Job != request.Job), request];
        return Serve(state with { Requests = requests }, requested.At, []);
    }

    private static EpochStep OnAdvertised(EpochsState state, Advertised advertised)
    {
        if (Opening(state, advertised.Sid, EpochPhase.Advertising) is not { } next || !next.Called.Contains(advertised.Idx) || next.Advertised.ContainsKey(advertised.Idx))
        {
            return Ignore(state, "the epoch does not wait for this silo's keys");
        }

        EpochState grown = next with { Advertised = next.Advertised.Add(advertised.Idx, advertised.Identity) };
        return grown.Advertised.Count == grown.Called.Count
            ? CloseList(state, grown, advertised.At)
            : new EpochStep(state with { Next = grown }, []);
    }

    private static EpochStep CloseList(EpochsState state, EpochState next, DateTimeOffset at)
    {
        EpochState sharing = next with { Phase = EpochPhase.Sharing, Deadline = Due(state, at), Lost = [] };
        return new EpochStep(state with { Next = sharing }, [new SendList(next.Sid, next.Number, next.Advertised)]);
    }

    // In any phase: silos may answer a list before the report that it was sent.
    private static EpochStep OnListSent(EpochsState state, ListSent sent) => state.Next is { L1: null } next && next.Sid == sent.Sid
        ? new EpochStep(state with { Next = next with { L1 = sent.L1 } }, [])
        : Ignore(state, "the list is known");

    private static EpochStep OnShared(EpochsState state, Shared shared)
    {
        if (Opening(state, shared.Sid, EpochPhase.Sharing) is not { } next || !next.Advertised.ContainsKey(shared.Idx) || next.Shared.ContainsKey(shared.Idx))
        {
            return Ignore(state, "the epoch does not wait for this silo's shares");
        }

        EpochState grown = next with { Shared = next.Shared.Add(shared.Idx, shared.Identity) };
        return grown.Shared.Count == grown.Advertised.Count
            ? Deliver(state, grown, shared.At)
            : new EpochStep(state with { Next = grown }, []);
    }

    private static EpochStep Deliver(EpochsState state, EpochState next, DateTimeOffset at)
    {
        EpochState waiting = next with
        {
            Phase = EpochPhase.Acknowledging,
            U2Sha256 = Derivations.CohortHash(next.Sid, next.Shared.Keys),
            Deadline = Due(state, at),
        };
        return new EpochStep(state with { Next = waiting }, [new DeliverShares(next.Sid, next.Number, next.Shared)]);
    }

    private static EpochStep OnAcknowledged(EpochsState state, Acknowledged acknowledged)
    {
        if (Opening(state, acknowledged.Sid, EpochPhase.Acknowledging) is not { U2Sha256: { } u2 } next
            || !next.Shared.ContainsKey(acknowledged.Idx) || next.Acknowledged.ContainsKey(acknowledged.Idx))
        {
            return Ignore(state, "the epoch does not wait for this silo's acknowledgement");
        }

        EpochState grown = next with { Acknowledged = next.Acknowledged.Add(acknowledged.Idx, acknowledged.Identity) };
        if (grown.Acknowledged.Count < grown.Shared.Count)
        {
            return new EpochStep(state with { Next = grown }, []);
        }

        EpochState ready = grown with { Phase = EpochPhase.Ready, AckSha256 = Derivations.AckHash(grown.Acknowledged.Values) };
        return Serve(state with { Next = ready, LeftOut = [] }, acknowledged.At, [new OpenSlots(ready.Sid, u2)]);
    }

    private static EpochStep OnComplained(EpochsState state, Complained complained) =>
        Opening(state, complained.Sid, EpochPhase.Acknowledging) is { } next && next.Shared.ContainsKey(complained.Idx) && next.Shared.ContainsKey(complained.Against)
            ? Abandon(state, next, complained.At, complained.Reason, [complained.Against], complained.Identity)
            : Ignore(state, "the epoch does not wait for this silo's acknowledgement");

    private static EpochStep OnReported(EpochsState state, EpochsReported reported)
    {
        EpochsState next = state with
        {
            Current = WithLoss(state.Current, reported),
            Next = WithLoss(state.Next, reported),
        };
        bool useless = next.Current is { } current && (!current.Cohort().Contains(reported.Idx) || current.Lost.Contains(reported.Idx));
        bool called = next.Next is { } opening && opening.Called.Contains(reported.Idx) && !opening.Lost.Contains(reported.Idx);
        if (useless)
        {
            return Serve(next with { Wanted = next.Wanted || !called }, reported.At, []);
        }

        return ReferenceEquals(next.Current, state.Current) && ReferenceEquals(next.Next, state.Next) ? Ignore(state, "the silo has what it needs") : new EpochStep(next, []);
    }

    // Before E2 it is whoever was called and has not advertised, and makes no other keys for the same number; of an epoch in use, a member of its cohort.
    private static EpochState? WithLoss(EpochState? epoch, EpochsReported reported)
    {
        bool isMissed = epoch switch
        {
            { Phase: EpochPhase.Advertising } => epoch.Called.Contains(reported.Idx) && !epoch.Advertised.ContainsKey(reported.Idx),
            { Phase: EpochPhase.Ready } => epoch.Cohort().Contains(reported.Idx),
            _ => false,
        };
        return isMissed && !reported.Sids.Contains(epoch!.Sid) && !epoch.Lost.Contains(reported.Idx)
            ? epoch with { Lost = epoch.Lost.Add(reported.Idx) }
            : epoch;
    }

    private static EpochStep OnDeadline(EpochsState state, EpochDeadlineReached deadline)
    {
        if (state is { Next: null, PausedUntil: { } until } && deadline.At >= until)
        {
            return Serve(state with { PausedUntil = null }, deadline.At, []);
        }

        if (state.Next is not { } next || next.Sid != deadline.Sid || next.Phase == EpochPhase.Ready || deadline.At < next.Deadline)
        {
            return Ignore(state, "the deadline belongs to another epoch or has not passed");
        }

        int threshold = Bounds(state).Threshold;
        return next.Phase switch
        {
            EpochPhase.Advertising when next.Advertised.Count >= threshold => CloseList(state, next, deadline.At),
            EpochPhase.Advertising when next.Lost.Except(next.Advertised.Keys).IsEmpty => CallAgain(state, next, deadline.At),
            EpochPhase.Advertising => CallAnother(state, next, deadline.At),
            EpochPhase.Sharing when next.Shared.Count >= threshold => Deliver(state, next, deadline.At),
            EpochPhase.Sharing => Abandon(state, next, deadline.At, ErrorCodes.EpochStalled.Name, next.Advertised.Keys.Except(next.Shared.Keys), complaint: null),
            _ => Abandon(state, next, deadline.At, ErrorCodes.EpochStalled.Name, next.Shared.Keys.Except(next.Acknowledged.Keys), complaint: null),
        };
    }

    // Too few have answered: nobody is left out any more, and those who are silent are asked again.
    private static EpochStep CallAgain(EpochsState state, EpochState next, DateTimeOffset at)
    {
        ImmutableSortedSet<int> all = Everyone(state);
        EpochState called = next with { Called = all, Deadline = Due(state, at) };
        return new EpochStep(
            state with { Next = called, LeftOut = [] },
            [new CallEpoch([.. all.Except(next.Advertised.Keys)], CallOf(state, next.Number))]);
    }

    // Under this number some members have no keys any more, and they are there: all can answer another.
    private static EpochStep CallAnother(EpochsState state, EpochState next, DateTimeOffset at) =>
        Serve(state with { Next = null, LeftOut = [], Wanted = true }, at, [new AbandonEpoch(next.Sid, null, ErrorCodes.EpochStalled.Name, null)]);

    private static EpochStep OnRosterChanged(EpochsState state, EpochRosterChanged changed)
    {
        if (state.Roster is { } known && changed.Roster.Version <= known.Version)
        {
            return Ignore(state, "the roster is known");
        }

        bool used = state.Current is not null || state.Next is not null;
        ImmutableArray<EpochEffect> given = state.Next is { Phase: not EpochPhase.Ready } next
            ? [new AbandonEpoch(next.Sid, next.U2Sha256, ErrorCodes.RosterChanged.Name, null)]
            : [];
        EpochsState fresh = state with { Roster = changed.Roster, Current = null, Next = null, LeftOut = [], Wanted = used, PausedUntil = null };
        return Serve(fresh, changed.At, given);
    }

    private static EpochStep Abandon(EpochsState state, EpochState next, DateTimeOffset at, string reason, IEnumerable<int> stalling, Sha256Digest? complaint)
    {
        // Only so many that t can still take part.
        ImmutableSortedSet<int> leftOut = [.. stalling.Take(Bounds(state).MaxDrops)];
        EpochsState without = state with { Next = null, LeftOut = leftOut, Wanted = true, PausedUntil = Due(state, at) };
        return new EpochStep(without, [new AbandonEpoch(next.Sid, next.U2Sha256, reason, complaint)]);
    }

    // Gives slots to whoever waits, and opens the next epoch when it will be needed.
    private static EpochStep Serve(EpochsState state, DateTimeOffset at, ImmutableArray<EpochEffect> before)
    {
        EpochsState next = state;
        ImmutableArray<EpochEffect>.Builder effects = ImmutableArray.CreateBuilder<EpochEffect>();
        effects.AddRange(before);
        while (true)
        {
            if (next.Next is { Phase: EpochPhase.Ready } ready && TakesOver(next, ready, at))
            {
                next = next with { Current = ready, Next = null, Wanted = false };
            }

            if (next.Requests.IsEmpty || next.Current is not { } current || !HasSlot(next, current, at) || !IsEnough(current, next.Requests[0]))
            {
                break;
            }

            SlotGrant grant = GrantOf(next, current, next.Requests[0]);
            effects.Add(new GrantSlot(grant));
            next = next with
            {
                Requests = next.Requests.RemoveAt(0),
                Granted = next.Granted.SetItem(grant.Request.Job, grant),
                Current = current with { NextSlot = current.NextSlot + 1 },
            };
        }

        return NeedsEpoch(next, at) ? Call(next, at, effects) : new EpochStep(next, effects.ToImmutable());
    }

    private static bool TakesOver(EpochsState state, EpochState ready, DateTimeOffset at) => state.Current is not { } current
        || !HasSlot(state, current, at)
        || ready.Cohort().Except(ready.Lost).Except(current.Cohort().Except(current.Lost)).Any();

    private static bool HasSlot(EpochsState state, EpochState epoch, DateTimeOffset at) =>
        epoch.NextSlot < epoch.Slots && at < epoch.CalledAt + Lifetime - LastDay && epoch.Shared.Count - epoch.Lost.Count >= Bounds(state).Threshold;

    // A plan may ask for more silos than t.
    private static bool IsEnough(EpochState epoch, SlotRequest request) => epoch.Shared.Count - epoch.Lost.Count >= request.Quorum;

    private static bool NeedsEpoch(EpochsState state, DateTimeOffset at) =>
        state is { Next: null, PausedUntil: null, Roster: { } roster } && roster.Members.Count >= Fcsa1.MinSilos
        && (state.Current is { } current
            ? state.Wanted || !HasSlot(state, current, at) || state.Requests.Any(request => !IsEnough(current, request)) || current.Slots - current.NextSlot <= Math.Max(1, current.Slots / 4)
            : state.Wanted || !state.Requests.IsEmpty);

    private static EpochStep Call(EpochsState state, DateTimeOffset at, ImmutableArray<EpochEffect>.Builder effects)
    {
        long number = state.LastNumber + 1;
        ImmutableSortedSet<int> called = Everyone(state).Except(state.LeftOut);
        EpochState opened = new()
        {
            Number = number,
            Sid = ParametersOf(state, number).Sid(),
            Slots = state.Slots,
            Phase = EpochPhase.Advertising,
            CalledAt = at,
            Deadline = Due(state, at),
            Called = called,
        };
        effects.Add(new CallEpoch([.. called], CallOf(state, number)));
        return new EpochStep(state with { LastNumber = number, Next = opened, Wanted = false }, effects.ToImmutable());
    }

    private static SlotGrant GrantOf(EpochsState state, EpochState epoch, SlotRequest request) => new()
    {
        Request = request,
        Sid = epoch.Sid,
        Slot = epoch.NextSlot,
        N = RosterOf(state).Members.Count,
        RosterSha256 = RosterOf(state).Sha256,
        Cohort = epoch.Cohort(),
        U2Sha256 = epoch.U2Sha256 ?? throw new InvalidOperationException("a ready epoch has a cohort"),
        AckSha256 = epoch.AckSha256 ?? throw new InvalidOperationException("a ready epoch is acknowledged"),
        Lost = [.. epoch.Lost],
        EndsAt = epoch.CalledAt + Lifetime,
    };

    /// <summary>The parameters of an epoch of this roster.</summary>
    public static EpochParams ParametersOf(EpochsState state, long number)
    {
        ArgumentNullException.ThrowIfNull(state);
        RosterView roster = RosterOf(state);
        return EpochParams.Create(state.Federation, number, roster.Sha256, roster.Members.Count, state.Slots);
    }

    private static EpochCallBody CallOf(EpochsState state, long number) => new()
    {
        Type = EpochBody.Call,
        Federation = state.Federation,
        Epoch = number,
        RosterSha256 = RosterOf(state).Sha256,
        Slots = state.Slots,
    };

    private static EpochState? Opening(EpochsState state, Sha256Digest sid, EpochPhase phase) =>
        state.Next is { } next && next.Sid == sid && next.Phase == phase ? next : null;

    private static ImmutableSortedSet<int> Everyone(EpochsState state) => [.. RosterOf(state).Members.Values];

    private static CohortBounds Bounds(EpochsState state) => CohortBounds.Of(RosterOf(state).Members.Count);

    private static RosterView RosterOf(EpochsState state) => state.Roster ?? throw new InvalidOperationException("epochs open under a roster");

    private static DateTimeOffset Due(EpochsState state, DateTimeOffset at) => at + TimeSpan.FromSeconds(state.StepTimeout);

    private static EpochStep Ignore(EpochsState state, string reason) => new(state, [], reason);
}
