// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Rounds;

/// <summary>One round as a pure function: collect updates, aggregate, publish, move the channel.</summary>
/// <remarks>Under secure aggregation the members agree on the list of masked vectors and reveal shares of its masks between collecting and aggregating.</remarks>
public static partial class RoundMachine
{
    private static readonly FrozenDictionary<(RoundPhase Phase, Type Event), Transition> Transitions = new Dictionary<(RoundPhase, Type), Transition>
    {
        [(RoundPhase.Collecting, typeof(UpdateAnnounced))] = static (c, s, e) => OnAnnounced(c, s, (UpdateAnnounced)e),
        [(RoundPhase.Collecting, typeof(UpdateVerified))] = static (c, s, e) => OnVerified(c, s, (UpdateVerified)e),
        [(RoundPhase.Collecting, typeof(UpdateRejected))] = static (c, s, e) => OnRejected(c, s, (UpdateRejected)e),
        [(RoundPhase.Collecting, typeof(RoundDeclined))] = static (c, s, e) => OnDeclined(c, s, (RoundDeclined)e),
        [(RoundPhase.Collecting, typeof(MetricsReported))] = static (c, s, e) => OnMetrics(c, s, (MetricsReported)e),
        [(RoundPhase.Collecting, typeof(DeadlineReached))] = static (c, s, e) => OnDeadline(c, s, (DeadlineReached)e),
        [(RoundPhase.Opening, typeof(DeadlineReached))] = static (c, s, e) => OnDeadline(c, s, (DeadlineReached)e),
        [(RoundPhase.Opening, typeof(CancelRequested))] = static (_, s, _) => Abandon(s, ErrorCodes.RunCancelled),
        [(RoundPhase.Agreeing, typeof(ConsistencyReceived))] = static (c, s, e) => OnConsistency(c, s, (ConsistencyReceived)e),
        [(RoundPhase.Agreeing, typeof(DeadlineReached))] = static (c, s, e) => OnStepDue(c, s, (DeadlineReached)e),
        [(RoundPhase.Agreeing, typeof(MetricsReported))] = static (c, s, e) => OnMetrics(c, s, (MetricsReported)e),
        [(RoundPhase.Agreeing, typeof(RosterChanged))] = static (c, s, e) => OnRosterChanged(c, s, (RosterChanged)e),
        [(RoundPhase.Agreeing, typeof(CancelRequested))] = static (_, s, _) => Abandon(s, ErrorCodes.RunCancelled),
        [(RoundPhase.Unmasking, typeof(ConsistencyReceived))] = static (_, s, e) => OnLateConsistency(s, (ConsistencyReceived)e),
        [(RoundPhase.Unmasking, typeof(UnmaskReceived))] = static (_, s, e) => OnUnmask(s, (UnmaskReceived)e),
        [(RoundPhase.Unmasking, typeof(DeadlineReached))] = static (c, s, e) => OnStepDue(c, s, (DeadlineReached)e),
        [(RoundPhase.Unmasking, typeof(MetricsReported))] = static (c, s, e) => OnMetrics(c, s, (MetricsReported)e),
        [(RoundPhase.Unmasking, typeof(RosterChanged))] = static (c, s, e) => OnRosterChanged(c, s, (RosterChanged)e),
        [(RoundPhase.Unmasking, typeof(CancelRequested))] = static (_, s, _) => Abandon(s, ErrorCodes.RunCancelled),
        [(RoundPhase.Aggregating, typeof(UnmaskReceived))] = static (_, s, e) => OnLateUnmask(s, (UnmaskReceived)e),
        [(RoundPhase.Aggregating, typeof(SumNeedsMore))] = static (c, s, e) => OnSumNeedsMore(c, s, (SumNeedsMore)e),
        [(RoundPhase.Aggregating, typeof(SumFailed))] = static (_, s, e) => OnSumFailed(s, (SumFailed)e),
        [(RoundPhase.Collecting, typeof(RosterChanged))] = static (c, s, e) => OnRosterChanged(c, s, (RosterChanged)e),
        [(RoundPhase.Collecting, typeof(CancelRequested))] = static (_, s, _) => Abandon(s, ErrorCodes.RunCancelled),
        [(RoundPhase.Aggregating, typeof(AggregateReady))] = static (c, s, e) => OnAggregateReady(c, s, (AggregateReady)e),
        [(RoundPhase.Aggregating, typeof(AggregateFailed))] = static (c, s, e) => OnAggregateFailed(c, s, (AggregateFailed)e),
        [(RoundPhase.Aggregating, typeof(MetricsReported))] = static (c, s, e) => OnMetrics(c, s, (MetricsReported)e),
        [(RoundPhase.Aggregating, typeof(CancelRequested))] = static (_, s, _) => Abandon(s, ErrorCodes.RunCancelled),
        [(RoundPhase.Publishing, typeof(VersionPublished))] = static (_, s, e) => OnVersionPublished(s, (VersionPublished)e),
        [(RoundPhase.Publishing, typeof(MetricsReported))] = static (c, s, e) => OnMetrics(c, s, (MetricsReported)e),
        [(RoundPhase.MovingChannel, typeof(ChannelMoved))] = static (_, s, e) => OnChannelMoved(s, (ChannelMoved)e),
        [(RoundPhase.MovingChannel, typeof(MetricsReported))] = static (c, s, e) => OnMetrics(c, s, (MetricsReported)e),
    }.ToFrozenDictionary();

    private delegate RoundStep Transition(RunConfig config, RoundState state, RunEvent @event);

    /// <summary>Takes one event.</summary>
    /// <param name="config">The run's plan.</param>
    /// <param name="state">The round.</param>
    /// <param name="event">The event.</param>
    /// <returns>The new state, effects, and why the event was ignored where it was.</returns>
    public static RoundStep Step(RunConfig config, RoundState state, RunEvent @event)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(@event);
        return Transitions.TryGetValue((state.Phase, @event.GetType()), out Transition? transition)
            ? transition(config, state, @event)
            : RoundStep.Ignore(state, "not expected in this phase of the round");
    }

    /// <summary>The next deadline of the round, or null when none is running.</summary>
    public static RunDeadline? NextDeadline(RoundState state)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state is { Phase: RoundPhase.Agreeing or RoundPhase.Unmasking, Secure.StepDue: { } due })
        {
            return new RunDeadline(StepKey(state), due);
        }

        if (state.Phase is not (RoundPhase.Opening or RoundPhase.Collecting))
        {
            return null;
        }

        return state.GraceEnds is { } grace && grace < state.Deadline
            ? new RunDeadline(GraceKey(state), grace)
            : new RunDeadline(DeadlineKey(state), state.Deadline);
    }

    private static string DeadlineKey(RoundState state) => string.Create(CultureInfo.InvariantCulture, $"round-{state.Round}");

    private static string GraceKey(RoundState state) => string.Create(CultureInfo.InvariantCulture, $"grace-{state.Round}");

    private static RoundStep OnAnnounced(RunConfig config, RoundState state, UpdateAnnounced announced)
    {
        if (MemberOf(state, announced.Silo, announced.Rid, out string ignored) is not { } member)
        {
            return RoundStep.Ignore(state, ignored);
        }

        if (member.Phase is not (MemberPhase.Invited or MemberPhase.Announced))
        {
            return RoundStep.Ignore(state, ignored);
        }

        if ((state.Secure is null) != (announced.Update.Masked is null))
        {
            return RoundStep.Ignore(state, "the announcement is of the other mode");
        }

        // An update that waits for its check is replaced only by the same update under another name: the frame that
        // names the blob is unsigned, so a forged first one must not shut out the true one.
        if (member.Update == announced.Update || (member.Update is { } first && first.Sha256 != announced.Update.Sha256))
        {
            return RoundStep.Ignore(state, "the silo has already announced this round");
        }

        if (announced.Update.Length != LengthOf(state))
        {
            return Turn(config, announced.At, state, announced.Silo, member, ErrorCodes.UpdateLengthMismatch);
        }

        if (state.Secure is null && !WeightIsAllowed(config, announced.Update.Weight))
        {
            return Turn(config, announced.At, state, announced.Silo, member, ErrorCodes.WeightOutOfRange);
        }

        RoundState next = With(state, announced.Silo, member with { Phase = MemberPhase.Announced, Update = announced.Update, Reason = null });
        return new RoundStep(
            next,
            [
                state.Secure is null
                    ? VerifyOf(state, announced.Silo, member, announced.Update)
                    : new IngestMasked(announced.Silo, member.Idx, state.Round, state.Rid, announced.Update),
            ]);
    }

    private static RoundStep OnVerified(RunConfig config, RoundState state, UpdateVerified verified)
    {
        // The check proves the signed digest, wherever the bytes lay: it counts also when another frame for the same
        // signed body has taken the announcement's place meanwhile.
        if (MemberOf(state, verified.Silo, verified.Rid, out string ignored) is not { Phase: MemberPhase.Invited or MemberPhase.Announced } member
            || (member.Update is { } update && update.Sha256 != verified.Update.Sha256))
        {
            return RoundStep.Ignore(state, ignored);
        }

        RoundState next = With(state, verified.Silo, member with { Phase = MemberPhase.Verified, Update = verified.Update, Reason = null });
        if (next.GraceEnds is null && next.Count(MemberPhase.Verified) >= next.Quorum)
        {
            next = next with { GraceEnds = verified.At + TimeSpan.FromSeconds(config.Participation.StragglerGrace) };
        }

        return CloseIfSettled(config, verified.At, next);
    }

    private static RoundStep OnRejected(RunConfig config, RoundState state, UpdateRejected rejected)
    {
        _ = config;
        if (CheckedMember(state, rejected) is not { } member)
        {
            return RoundStep.Ignore(state, "no such announcement waits for its check");
        }

        // Back to invited: the silo may announce the true blob until the deadline, since the frame is unsigned.
        RoundState next = With(state, rejected.Silo, member with { Phase = MemberPhase.Invited, Update = null, Reason = rejected.Reason });
        return new RoundStep(next, IsRetired(rejected.Reason) ? [AskAgainOf(state, rejected.Silo, member, RunBody.Update, rejected.Update.Attempt)] : []);
    }

    private static RoundStep OnDeclined(RunConfig config, RoundState state, RoundDeclined declined)
    {
        if (MemberOf(state, declined.Silo, declined.Rid, out string ignored) is not { } member)
        {
            return RoundStep.Ignore(state, ignored);
        }

        return member.Phase is MemberPhase.Invited or MemberPhase.Announced
            ? CloseIfSettled(config, declined.At, With(state, declined.Silo, member with { Phase = MemberPhase.Declined, Update = null, Reason = declined.Reason }))
            : RoundStep.Ignore(state, "the silo has already answered this round");
    }

    private static RoundStep OnMetrics(RunConfig config, RoundState state, MetricsReported metrics)
    {
        if (!config.AdmitsFigures)
        {
            return RoundStep.Ignore(state, "the plan asks for no figures, or its privacy claim forbids them");
        }

        return metrics.Round == state.Round && state.Members.TryGetValue(metrics.Silo, out RoundMember? member) && member.Metrics.IsEmpty
            ? new RoundStep(With(state, metrics.Silo, member with { Metrics = metrics.Values }), [new KeepFigures(metrics.Silo, metrics.Round, metrics.Signed)])
            : RoundStep.Ignore(state, "the figures belong to another round or came twice");
    }

    private static RoundStep OnDeadline(RunConfig config, RoundState state, DeadlineReached deadline)
    {
        bool grace = string.Equals(deadline.Key, GraceKey(state), StringComparison.Ordinal) && state.GraceEnds <= deadline.At;
        bool round = string.Equals(deadline.Key, DeadlineKey(state), StringComparison.Ordinal) && state.Deadline <= deadline.At;
        if (round && state.Phase == RoundPhase.Opening)
        {
            return Abandon(state, ErrorCodes.EpochUnavailable);
        }

        return grace || round ? Close(config, deadline.At, state) : RoundStep.Ignore(state, "the deadline belongs to another round or has not passed");
    }

    private static RoundStep OnRosterChanged(RunConfig config, RoundState state, RosterChanged changed)
    {
        if (state.Secure is not null)
        {
            // The epoch ends when a member goes, and with it the slot; a roster that only grew ends it at the next round.
            return state.Members.Keys.All(changed.Roster.Members.ContainsKey)
                ? RoundStep.Ignore(state, "no member of the cohort left")
                : Abandon(state, ErrorCodes.RosterChanged);
        }

        RoundState next = state;
        foreach ((SiloId silo, RoundMember member) in state.Members)
        {
            if (!changed.Roster.Members.ContainsKey(silo) && member.Phase != MemberPhase.Dropped)
            {
                next = With(next, silo, member with { Phase = MemberPhase.Dropped, Update = null, Reason = ErrorCodes.SiloRevoked.Name });
            }
        }

        return ReferenceEquals(next, state) ? RoundStep.Ignore(state, "no member of the cohort left") : CloseIfSettled(config, changed.At, next);
    }

    private static RoundStep OnAggregateReady(RunConfig config, RoundState state, AggregateReady ready)
    {
        if (ready.Rid != state.Rid)
        {
            return RoundStep.Ignore(state, "the aggregate belongs to another round");
        }

        if (state.Secure is null && config.Aggregation.AggregateNormMax is { } limit && !(ready.Aggregate.Norm <= (double)limit))
        {
            return Abandon(state, ErrorCodes.GateFailed);
        }

        ModelReference previous = state.Start.Model;
        ModelReference version = new(previous.Version + 1, ready.Aggregate.NewModelSha256);
        return new RoundStep(
            state with { Phase = RoundPhase.Publishing, Aggregate = ready.Aggregate },
            [new PublishVersion(state.Round, state.Rid, previous, version, ready.Aggregate.AggregateSha256, [.. state.Contributors().Select(member => member.Key)])]);
    }

    private static RoundStep OnAggregateFailed(RunConfig config, RoundState state, AggregateFailed failed)
    {
        if (failed.Rid != state.Rid || !state.Members.TryGetValue(failed.Silo, out RoundMember? member) || member.Phase != MemberPhase.Verified)
        {
            return RoundStep.Ignore(state, "the failure belongs to another round or to no summand");
        }

        if (IsRetired(failed.Reason) && member.Update is { } update)
        {
            // Verified, and since then its key version was taken out of use at once: it is collected again, until the deadline. The others are checked again, so that all whom it concerns are asked at once.
            RoundState again = With(state, failed.Silo, member with { Phase = MemberPhase.Invited, Update = null, Reason = failed.Reason });
            return new RoundStep(
                again with { Phase = RoundPhase.Collecting },
                [AskAgainOf(state, failed.Silo, member, RunBody.Update, update.Attempt), .. again.Contributors().Select(other => VerifyOf(again, other.Key, other.Value, UpdateOf(other.Value)))]);
        }

        return Close(config, failed.At, With(state, failed.Silo, member with { Phase = MemberPhase.Dropped, Update = null, Reason = failed.Reason }));
    }

    private static bool IsRetired(string reason) => string.Equals(reason, ErrorCodes.KeyRetired.Name, StringComparison.Ordinal);

    private static AskAgain AskAgainOf(RoundState state, SiloId silo, RoundMember member, string upload, int attempt) => new(silo, new UploadAgainBody
    {
        Type = RunBody.UploadAgain,
        Job = state.Start.Job,
        Round = state.Round,
        Rid = state.Rid,
        Idx = member.Idx,
        Upload = upload,
        Attempt = attempt,
    });

    private static RoundStep OnVersionPublished(RoundState state, VersionPublished published) =>
        state.Aggregate is { } aggregate && published.Version == state.Start.ModelVersion + 1
            ? new RoundStep(state with { Phase = RoundPhase.MovingChannel }, [new MoveChannel(new ModelReference(published.Version, aggregate.NewModelSha256))])
            : RoundStep.Ignore(state, "another version was published");

    private static RoundStep OnChannelMoved(RoundState state, ChannelMoved moved) =>
        moved.Version == state.Start.ModelVersion + 1
            ? new RoundStep(state with { Phase = RoundPhase.Committed }, [])
            : RoundStep.Ignore(state, "the channel moved to another version");

    private static RoundStep CloseIfSettled(RunConfig config, DateTimeOffset at, RoundState state)
    {
        int open = state.Count(MemberPhase.Invited) + state.Count(MemberPhase.Announced);
        bool hopeless = state.Count(MemberPhase.Verified) + open < state.Quorum;
        return open == 0 || hopeless ? Close(config, at, state) : new RoundStep(state, []);
    }

    private static RoundStep Close(RunConfig config, DateTimeOffset at, RoundState state)
    {
        ImmutableSortedDictionary<SiloId, RoundMember> members = state.Members;
        foreach ((SiloId silo, RoundMember member) in state.Members)
        {
            if (member.Phase is MemberPhase.Invited or MemberPhase.Announced)
            {
                members = members.SetItem(silo, member with { Phase = MemberPhase.Dropped, Update = null, Reason = member.Reason ?? ErrorCodes.DeadlineMissed.Name });
            }
        }

        RoundState closed = state with { Members = members, GraceEnds = null };
        if (closed.Count(MemberPhase.Verified) < closed.Quorum)
        {
            return Abandon(closed, ErrorCodes.QuorumNotMet);
        }

        if (closed.Secure is { } secure)
        {
            return ShowList(config, at, closed, secure);
        }

        ImmutableArray<Summand> summands = [.. closed.Contributors().Select(member => new Summand(member.Key, member.Value.Idx, member.Value.Update ?? throw new InvalidOperationException("a verified member has an update")))];
        ModelReference model = closed.Start.Model;
        return new RoundStep(
            closed with { Phase = RoundPhase.Aggregating },
            [new AggregateRound(closed.Round, closed.Rid, closed.Start.Exchanged, model, summands)]);
    }

    private static RoundStep Abandon(RoundState state, ErrorCode reason) =>
        new(state with { Phase = RoundPhase.Abandoned, Reason = reason.Name, Aggregate = null, GraceEnds = null }, []);

    // A signed body that can never count: the member is out of this round, and the reason says why.
    private static RoundStep Turn(RunConfig config, DateTimeOffset at, RoundState state, SiloId silo, RoundMember member, ErrorCode reason) =>
        CloseIfSettled(config, at, With(state, silo, member with { Phase = MemberPhase.Dropped, Update = null, Reason = reason.Name }));

    private static bool WeightIsAllowed(RunConfig config, long weight) =>
        config.Aggregation.Weighting == Weighting.Uniform ? weight == 1 : weight >= 1 && weight <= config.Aggregation.WeightMax;

    private static RoundMember? MemberOf(RoundState state, SiloId silo, Canonical.Sha256Digest rid, out string ignored)
    {
        ignored = rid != state.Rid
            ? "the message belongs to another round"
            : state.Members.ContainsKey(silo) ? "the silo has already answered this round" : "the silo is not in the cohort";
        return rid == state.Rid && state.Members.TryGetValue(silo, out RoundMember? member) ? member : null;
    }

    // One that waits for its check, or one that was checked again after a key version ended at once.
    private static RoundMember? CheckedMember(RoundState state, UpdateRejected rejected) =>
        MemberOf(state, rejected.Silo, rejected.Rid, out _) is { } member && member.Update == rejected.Update
            && (member.Phase == MemberPhase.Announced || (member.Phase == MemberPhase.Verified && IsRetired(rejected.Reason)))
                ? member
                : null;

    private static VerifyUpdate VerifyOf(RoundState state, SiloId silo, RoundMember member, UpdateReference update) =>
        new(silo, member.Idx, state.Round, state.Rid, state.Start.Exchanged, update);

    private static RoundState With(RoundState state, SiloId silo, RoundMember member) =>
        state with { Members = state.Members.SetItem(silo, member) };
}

/// <summary>What a step of a round leads to.</summary>
/// <param name="State">The new state.</param>
/// <param name="Effects">What the host is asked to do, in order.</param>
/// <param name="Ignored">Why the event had no effect; null when it had one.</param>
public sealed record RoundStep(RoundState State, ImmutableArray<RunEffect> Effects, string? Ignored = null)
{
    /// <summary>A step that changes nothing, and says why.</summary>
    public static RoundStep Ignore(RoundState state, string reason) => new(state, [], reason);
}
