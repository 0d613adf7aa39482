// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Rounds;

/// <content>Rounds under secure aggregation: a slot for each attempt, retries of the same round until somebody may have agreed to open it, later rounds only after the earlier slots are burned (J8 to J10).</content>
public static partial class RunMachine
{
    // A roster that shrank below three silos has no quorum.
    private static int QuorumOf(RunState state) => state switch
    {
        { IsSecure: false } => state.Config.Participation.Quorum,
        { Roster.Members.Count: < Fcsa1.MinSilos } => int.MaxValue,
        _ => CohortBounds.Of(state.Roster.Members.Count).Quorum(state.Config.Participation.Quorum),
    };

    // The round waits for a slot, and where an earlier round from this model came to nothing, for its members to burn it.
    private static RunStep OpenRound(RunState state, int round, int attempt, DateTimeOffset at, ImmutableArray<RunEffect> before)
    {
        if (state.Participants().Count() < QuorumOf(state))
        {
            return Fail(state with { Round = null }, at, ErrorCodes.QuorumNotMet.Name, before);
        }

        if (state.Model is not { } model || state.UpdateLengths is not { } lengths)
        {
            throw new InvalidOperationException("a run starts rounds only after version 0 exists");
        }

        ExchangedFactor exchanged = state.Config.FactorsOf(state.CommittedRounds);
        DateTimeOffset deadline = at + TimeSpan.FromSeconds(state.Config.Participation.RoundDeadline);
        RoundState waiting = new()
        {
            Round = round,
            Rid = Sha256Digest.Zero,
            Start = new RoundOpening
            {
                Job = state.Config.Job,
                Round = round,
                ConfigSha256 = state.ConfigSha256,
                ModelVersion = model.Version,
                ModelSha256 = model.Sha256,
                Exchanged = exchanged.ToWire(),
                UpdateLen = lengths.Of(exchanged),
                Cohort = [],
                Deadline = deadline.ToUnixTimeSeconds(),
            },
            Phase = RoundPhase.Opening,
            Members = ImmutableSortedDictionary<SiloId, RoundMember>.Empty,
            Quorum = QuorumOf(state),
            StartedAt = attempt > 1 && state.Round is { } tried ? tried.StartedAt : at,
            Deadline = deadline,
            Secure = new SecureRound { Attempt = attempt },
        };
        RunState next = state with { Round = waiting, LastRound = round };
        return new RunStep(next, IsBurned(next, round) ? [.. before, RequestOf(next, waiting)] : before);
    }

    private static bool IsBurned(RunState state, int round) =>
        state.Config.IsPublic || state.Config.Privacy.IsClaimed || state.Unfinished.All(earlier => earlier.Round == round || earlier.Burned.Count >= earlier.Needed);

    private static RequestSlot RequestOf(RunState state, RoundState round) =>
        new(new SlotRequest(state.Config.Job, round.Round, round.Secure?.Attempt ?? throw new InvalidOperationException("only secure rounds have slots"), round.Quorum));

    private static RunStep OnSlotGranted(RunState state, SlotGranted granted)
    {
        SlotGrant grant = granted.Grant;
        if (state.Round is not { Phase: RoundPhase.Opening, Secure: { } secure } round || grant.Request != RequestOf(state, round).Request)
        {
            return Ignore(state, "no round waits for this slot");
        }

        if (grant.RosterSha256 != state.Roster.Sha256)
        {
            // The slot is of the roster before.
            return AskAgain(state, round, secure, granted.At);
        }

        RoundState opened = Open(state, round, grant, granted.At);
        ImmutableArray<SiloId> asked = [.. opened.Members.Where(member => member.Value.Phase == MemberPhase.Invited).Select(member => member.Key)];
        RunState next = state with { Round = opened };
        if (asked.Length < opened.Quorum)
        {
            // Nobody was asked, so nobody has to burn anything.
            RoundState given = opened with { Phase = RoundPhase.Abandoned, Reason = ErrorCodes.QuorumNotMet.Name, Start = round.Start };
            return OnAbandoned(next with { Round = given }, given, granted.At);
        }

        ImmutableArray<BurnedSlot> burned = [.. state.Unfinished
            .Where(earlier => earlier.Round != round.Round)
            .SelectMany(earlier => earlier.Burned.Select(body => new BurnedSlot(earlier.Round, earlier.Rid, body.Key, body.Value)))];
        return new RunStep(next, [new SendSecureStart(asked, opened.Start.ToStart(opened.Rid), opened.Start, state.LastVersion, burned)]);
    }

    private static RoundState Open(RunState state, RoundState round, SlotGrant grant, DateTimeOffset at)
    {
        ExchangedFactor exchanged = state.Config.FactorsOf(state.CommittedRounds);
        long coordinates = state.UpdateCoordinates?.Of(exchanged) ?? throw new InvalidOperationException("a run starts rounds only after version 0 exists");
        RingLayout layout = PlannedRing.LayoutOf(state.Config, grant.N, coordinates);
        DateTimeOffset asked = at + TimeSpan.FromSeconds(state.Config.Participation.RoundDeadline);
        DateTimeOffset deadline = asked < grant.EndsAt ? asked : grant.EndsAt;
        RoundOpening start = round.Start with
        {
            Cohort = grant.Cohort,
            Deadline = deadline.ToUnixTimeSeconds(),
            Slot = new RoundSlot { Sid = grant.Sid, RosterSha256 = grant.RosterSha256, Silos = grant.N, Slot = grant.Slot, D = layout.D, K = layout.Ring.Bits, AckSha256 = grant.AckSha256 },
        };
        return round with
        {
            Rid = Derivations.Rid(grant.Sid, grant.Slot, round.Round, start.ModelSha256, start.ConfigSha256, layout.D, layout.Ring, grant.U2Sha256),
            Start = start,
            Phase = RoundPhase.Collecting,
            Members = state.Roster.Members
                .Where(member => grant.Cohort.Contains(member.Value))
                .ToImmutableSortedDictionary(member => member.Key, member => MemberOf(state, member.Key, member.Value, grant)),
            Deadline = deadline,
        };
    }

    private static RoundMember MemberOf(RunState state, SiloId silo, int idx, SlotGrant grant)
    {
        SiloStanding? standing = state.Silos.GetValueOrDefault(silo);
        return standing?.Approval switch
        {
            Approval.Approved when grant.Lost.Contains(idx) => new RoundMember { Idx = idx, Phase = MemberPhase.Dropped, Reason = ErrorCodes.EpochUnknown.Name },
            Approval.Approved => new RoundMember { Idx = idx, Phase = MemberPhase.Invited },
            Approval.Refused => new RoundMember { Idx = idx, Phase = MemberPhase.Declined, Reason = standing.Reason },
            _ => new RoundMember { Idx = idx, Phase = MemberPhase.Dropped, Reason = ErrorCodes.PlanNotApproved.Name },
        };
    }

    private static RunStep OnBurned(RunState state, BurnedReceived burned)
    {
        int at = state.Unfinished.ToList().FindIndex(earlier => earlier.Rid == burned.Rid);
        if (at < 0 || !state.Unfinished[at].Cohort.Contains(burned.Idx) || state.Unfinished[at].Burned.ContainsKey(burned.Idx))
        {
            return Ignore(state, "the slot is not waited for, or burned before");
        }

        UnfinishedRound known = state.Unfinished[at];
        RunState next = state with { Unfinished = state.Unfinished.SetItem(at, known with { Burned = known.Burned.Add(burned.Idx, burned.Identity) }) };
        bool waited = state.Round is { Phase: RoundPhase.Opening } waiting && !IsBurned(state, waiting.Round);
        return waited && state.Round is { } round && IsBurned(next, round.Round)
            ? new RunStep(next, [RequestOf(next, round)])
            : new RunStep(next, []);
    }

    private static RunStep OnRosterChangedInRound(RunState state, RosterChanged changed)
    {
        RunState next = WithRoster(state, changed);
        if (next.Round is { Phase: RoundPhase.Opening, Secure: { } secure } waiting)
        {
            // The slot that it asked for is of the roster before.
            return AskAgain(next, waiting, secure, changed.At);
        }

        return StepRound(next, changed) with { Ignored = null };
    }

    // A round that was tried under one roster is not tried again under another (J8): a later one takes its place.
    private static RunStep AskAgain(RunState state, RoundState waiting, SecureRound secure, DateTimeOffset at)
    {
        if (state.Unfinished.Any(earlier => earlier.Round == waiting.Round))
        {
            RoundState given = waiting with { Phase = RoundPhase.Abandoned, Reason = ErrorCodes.RosterChanged.Name };
            return OpenRound(state, waiting.Round + 1, attempt: 1, at, [new RecordRound(RoundRecord.Of(state, given, "abandoned", at, newModel: null))]);
        }

        RoundState again = waiting with { Quorum = QuorumOf(state), Secure = secure with { Attempt = secure.Attempt + 1 } };
        return state.Participants().Count() < again.Quorum
            ? Fail(state with { Round = null }, at, ErrorCodes.QuorumNotMet.Name)
            : new RunStep(state with { Round = again }, IsBurned(state, again.Round) ? [RequestOf(state, again)] : []);
    }

    private static RunStep OnOpened(RunState state, RoundState round, AggregateReference aggregate, ModelReference model, DateTimeOffset at)
    {
        ResultBody result = new()
        {
            Rid = round.Rid,
            U3Sha256 = round.Secure?.List?.U3Sha256 ?? throw new InvalidOperationException("an opened round has a list"),
            SeedsSha256 = aggregate.SeedsSha256 ?? throw new InvalidOperationException("an opened round has secrets"),
            AggregateSha256 = aggregate.AggregateSha256,
            NewModelSha256 = model.Sha256,
        };
        VersionBody version = new()
        {
            Type = RunBody.Version,
            Job = state.Config.Job,
            Round = round.Round,
            Rid = round.Rid,
            ModelVersion = model.Version,
            ModelSha256 = model.Sha256,
        };
        RunState next = Commit(state, model) with { LastVersion = version, Unfinished = [] };
        return GoOn(
            next,
            at,
            [new RecordRound(RoundRecord.Of(state, round, "committed", at, model)), new SendSecureResult([.. next.Participants()], round.Round, result, version)]);
    }

    private static RunStep OnSecureAbandoned(RunState state, RoundState round, SendAbandoned tell, DateTimeOffset at)
    {
        string reason = tell.Body.Reason;
        RunState next = round.Start.Slot is { } slot
            ? state with { Unfinished = state.Unfinished.Add(UnfinishedOf(round, slot, reason)) }
            : state;
        ImmutableArray<RunEffect> told = round.Start.Slot is null ? [] : [tell];
        ImmutableArray<RunEffect> ended = [new RecordRound(RoundRecord.Of(next, round, "abandoned", at, newModel: null)), .. told];
        if (next.CancelRequested)
        {
            return End(next, RunPhase.Cancelled, at, ErrorCodes.RunCancelled.Name, ended);
        }

        if (next.AbandonedInARow > next.Config.Participation.MaxAbandonedRounds || string.Equals(reason, ErrorCodes.EpochUnavailable.Name, StringComparison.Ordinal))
        {
            return Fail(next, at, reason, ended);
        }

        // Until a silo may have agreed to open it, the same round goes on in another slot with the same updates. Not under another
        // roster (J8), nor without those whose start was not continuous: they cannot know what they signed, and join the next round.
        bool again = !RoundMachine.MayBeOpened(round) && !string.Equals(reason, ErrorCodes.RosterChanged.Name, StringComparison.Ordinal)
            && (round.Start.Slot is not { } tried || (tried.RosterSha256 == next.Roster.Sha256 && !round.Members.Values.Any(HasLostItsEpoch)));
        return again
            ? OpenRound(next, round.Round, (round.Secure?.Attempt ?? 0) + 1, at, told)
            : OpenRound(next, round.Round + 1, attempt: 1, at, ended);
    }

    private static bool HasLostItsEpoch(RoundMember member) => string.Equals(member.Reason, ErrorCodes.EpochUnknown.Name, StringComparison.Ordinal);

    private static UnfinishedRound UnfinishedOf(RoundState round, RoundSlot slot, string reason)
    {
        CohortBounds bounds = CohortBounds.Of(slot.Silos);
        return new UnfinishedRound
        {
            Round = round.Round,
            Rid = round.Rid,
            Cohort = round.Start.Cohort,
            Needed = round.Start.Cohort.Length - bounds.Threshold + bounds.MaxColluders + 1,
            Reason = reason,
        };
    }
}
