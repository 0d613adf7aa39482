// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Silos;

/// <content>Epochs: keys once, shares once for one list, and an end for which nobody has to ask (secure-aggregation, sections 5.1 and 6).</content>
public static partial class SiloMachine
{
    /// <summary>The epochs that have lived for seven days by the latest time that the silo has seen.</summary>
    public static IEnumerable<Sha256Digest> Expired(SiloState state, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(state);
        DateTimeOffset latest = now > state.Latest ? now : state.Latest;
        return state.Epochs.Values.Where(epoch => latest >= epoch.CalledAt + EpochMachine.Lifetime).Select(epoch => epoch.Sid);
    }

    /// <summary>The slot that a round has, with its epoch; null when it has none.</summary>
    public static (SiloEpoch Epoch, int Slot, SiloSlot Record)? FindSlot(SiloState state, Sha256Digest rid)
    {
        ArgumentNullException.ThrowIfNull(state);
        foreach (SiloEpoch epoch in state.Epochs.Values)
        {
            foreach ((int slot, SiloSlot record) in epoch.Slots)
            {
                if (record.Rid == rid)
                {
                    return (epoch, slot, record);
                }
            }
        }

        return null;
    }

    /// <summary>The epoch of that identity; null when it is not held.</summary>
    public static SiloEpoch? FindEpoch(SiloState state, Sha256Digest sid)
    {
        ArgumentNullException.ThrowIfNull(state);
        return state.Epochs.Values.FirstOrDefault(epoch => epoch.Sid == sid);
    }

    // After a start that is not continuous the journal may be an old one: what it says of slots proves nothing, not even that one is burned.
    private static SiloStep OnRestarted(SiloState state, AgentRestarted restarted)
    {
        SiloState next = state with { Token = restarted.Token };
        return restarted.IsContinuous ? new SiloStep(next, [ReportOf(next)]) : BurnAll(next);
    }

    // The log shows a vector of this silo that its journal does not know of: the journal is an old one.
    private static SiloStep OnOlder(SiloState state, JournalOlder older) => state.Disowned == older.Head
        ? Ignore(state, "what followed that line is burned already")
        : BurnAll(state with { Disowned = older.Head });

    private static SiloStep BurnAll(SiloState next)
    {
        ImmutableArray<SiloEffect>.Builder effects = ImmutableArray.CreateBuilder<SiloEffect>();
        effects.AddRange(next.Epochs.Values.Select(epoch => new EraseEpoch(epoch.Sid)));
        foreach ((RunId job, SiloRun run) in next.Runs)
        {
            if (run.Round is { Start.Slot: not null } round)
            {
                effects.AddRange(StopOf(job, run));
                if (IsOpen(round))
                {
                    effects.Add(new SendDecline(DeclineOf(round.Start, round.Rid, run.Idx, ErrorCodes.EpochUnknown.Name)));
                }

                next = With(next, job, run with { Round = null, LostRound = round.Start.Round, LastRound = Math.Max(run.LastRound, round.Start.Round) });
            }
        }

        next = next with { Epochs = next.Epochs.Clear() };
        effects.Add(ReportOf(next));
        return new SiloStep(next, effects.ToImmutable());
    }

    private static ReportEpochs ReportOf(SiloState state) =>
        new([.. state.Epochs.Values.Where(epoch => !epoch.IsClosing).Select(epoch => epoch.Sid).OrderBy(sid => sid.Hex, StringComparer.Ordinal)]);

    /// <summary>What the newest roster means for the epochs that are held: what a member that goes or a key that changes ends, one that only comes does not cut short.</summary>
    /// <param name="state">The silo's state.</param>
    /// <param name="rosters">The verified rosters from version 1 on.</param>
    /// <param name="now">The time.</param>
    /// <returns>The event to take; null when it would change nothing.</returns>
    public static RosterFollowed? RosterEnding(SiloState state, ImmutableArray<Roster> rosters, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(state);
        if (state.Epochs.IsEmpty || rosters is not [.., { } current])
        {
            return null;
        }

        Sha256Digest newest = current.Digest();
        bool onlyGrew = state.Epochs.Values
            .Where(epoch => epoch.Parameters.RosterSha256 != newest)
            .All(epoch => rosters.LastOrDefault(roster => roster.Digest() == epoch.Parameters.RosterSha256) is { } old && current.OnlyGrewFrom(old));
        RosterFollowed followed = new(now, newest, onlyGrew);
        return OnRoster(state, followed).Ignored is null ? followed : null;
    }

    private static SiloStep OnRoster(SiloState state, RosterFollowed roster)
    {
        SiloStep step = new(state, []);
        foreach (SiloEpoch epoch in state.Epochs.Values.Where(epoch => epoch.Parameters.RosterSha256 != roster.RosterSha256 && !(epoch.IsClosing && roster.OnlyGrew)))
        {
            step = roster.OnlyGrew ? Close(step, epoch) : End(step, epoch);
        }

        return ReferenceEquals(step.State, state) ? Ignore(state, "no epoch is of another roster") : step;
    }

    private static SiloStep OnCalled(SiloState state, EpochCalled called)
    {
        long number = called.Parameters.Epoch;
        Sha256Digest sid = called.Parameters.Sid();
        if (number <= state.LastEpoch || state.LogRefusal is not null)
        {
            return state.Epochs.TryGetValue(number, out SiloEpoch? known) switch
            {
                true when known!.Sid != sid => new SiloStep(state, [new RaiseAlarm(null, ErrorCodes.EpochConflict.Name, [known.Sid, sid])]),
                true when known!.Advertise is { } advertise => new SiloStep(state, [new SendAdvertise(advertise)]),

                // It was burned here before the coordinator had its keys: whoever waits for them must hear that they never come.
                false when number == state.LastEpoch && state.LogRefusal is null => new SiloStep(state, [ReportOf(state)]),
                _ => Ignore(state, "the epoch is over, its keys are being made, or the log is refused"),
            };
        }

        // What the coordinator gave up before it was usable.
        SiloStep step = new(state with { LastEpoch = number }, []);
        foreach (SiloEpoch stalled in state.Epochs.Values.Where(epoch => epoch.Phase != SiloEpochPhase.Acknowledged))
        {
            step = End(step, stalled);
        }

        SiloEpoch opened = new() { Parameters = called.Parameters, Sid = sid, Idx = called.Idx, Phase = SiloEpochPhase.New, CalledAt = called.At };
        return new SiloStep(With(step.State, opened), [.. step.Effects, new MakeEpochKeys(called.Parameters, called.Idx)]);
    }

    private static SiloStep OnKeysMade(SiloState state, EpochKeysMade made) => FindEpoch(state, made.Sid) is { Phase: SiloEpochPhase.New } epoch
        ? new SiloStep(With(state, epoch with { Phase = SiloEpochPhase.Advertised, Advertise = made.Body }), [new SendAdvertise(made.Body)])
        : Ignore(state, "the epoch is over, or has its keys");

    private static SiloStep OnList(SiloState state, ListReceived list) => FindEpoch(state, list.Sid) switch
    {
        { Phase: SiloEpochPhase.Advertised, L1: null } epoch => new SiloStep(With(state, epoch with { L1 = list.L1 }), [new DealShares(epoch.Sid)]),
        { L1: { } known } when known != list.L1 => new SiloStep(state, [new RaiseAlarm(null, ErrorCodes.EpochConflict.Name, [known, list.L1])]),
        { Shares: { } shares } => new SiloStep(state, [new SendShares(shares)]),
        _ => Ignore(state, "the epoch is over, or its shares are being dealt"),
    };

    private static SiloStep OnDealt(SiloState state, SharesDealt dealt) => FindEpoch(state, dealt.Sid) is { Phase: SiloEpochPhase.Advertised, L1: { } l1 } epoch && dealt.Body.L1 == l1
        ? new SiloStep(With(state, epoch with { Phase = SiloEpochPhase.Shared, Shares = dealt.Body }), [new SendShares(dealt.Body)])
        : Ignore(state, "the epoch is over, or its shares are dealt");

    private static SiloStep OnAccepted(SiloState state, SharesAccepted accepted) => FindEpoch(state, accepted.Sid) switch
    {
        { Phase: SiloEpochPhase.Shared } epoch => new SiloStep(
            With(state, epoch with { Phase = SiloEpochPhase.Acknowledged, Cohort = accepted.Cohort, Acknowledgement = accepted.Body }),
            [new SendAcknowledgement(accepted.Body)]),
        { Acknowledgement: { } known } when known.U2Sha256 != accepted.Body.U2Sha256 =>
            new SiloStep(state, [new RaiseAlarm(null, ErrorCodes.EpochConflict.Name, [known.U2Sha256, accepted.Body.U2Sha256])]),
        { Acknowledgement: { } known } => new SiloStep(state, [new SendAcknowledgement(known)]),
        _ => Ignore(state, "the epoch is over, or waits for no shares"),
    };

    private static SiloStep OnRefused(SiloState state, SharesRefused refused) => FindEpoch(state, refused.Sid) is { Phase: SiloEpochPhase.Shared } epoch
        ? new SiloStep(state with { Epochs = state.Epochs.Remove(epoch.Parameters.Epoch) }, [new SendComplaint(refused.Body), new EraseEpoch(epoch.Sid)])
        : Ignore(state, "the epoch is over, or waits for no shares");

    private static SiloStep OnExpired(SiloState state, EpochExpired expired) => FindEpoch(state, expired.Sid) is { } epoch
        ? End(new SiloStep(state, []), epoch)
        : Ignore(state, "the epoch is over");

    // No more rounds; those in progress may end.
    private static SiloStep Close(SiloStep before, SiloEpoch epoch) => epoch.Slots.Values.Any(slot => slot.IsInUse)
        ? before with { State = With(before.State, epoch with { IsClosing = true }) }
        : End(before, epoch);

    // Slots in use are burned, and their members told: whoever revealed nothing says so.
    private static SiloStep End(SiloStep before, SiloEpoch epoch)
    {
        SiloState state = before.State with { Epochs = before.State.Epochs.Remove(epoch.Parameters.Epoch) };
        ImmutableArray<SiloEffect>.Builder effects = before.Effects.ToBuilder();
        foreach (SiloSlot slot in epoch.Slots.Values.Where(slot => slot.IsInUse && slot.Phase != SiloSlotPhase.Revealed))
        {
            effects.Add(new SendBurned(BurnedOf(slot.Start.Job, slot.Start.Round, slot.Rid, epoch.Idx)));
        }

        foreach ((RunId job, SiloRun run) in state.Runs)
        {
            if (run is { Phase: SiloRunPhase.Approved, Round: { Start.Slot: { } slot } round } && slot.Sid == epoch.Sid && IsOpen(round))
            {
                SiloStep declined = Declined(state, job, run, round, ErrorCodes.EpochUnknown.Name);
                state = declined.State;
                effects.AddRange(declined.Effects);
            }
        }

        effects.Add(new EraseEpoch(epoch.Sid));
        return new SiloStep(state, effects.ToImmutable());
    }

    private static BurnedBody BurnedOf(RunId job, int round, Sha256Digest rid, int idx) => new() { Job = job, Round = round, Rid = rid, Idx = idx };

    private static SiloState With(SiloState state, SiloEpoch epoch) => state with { Epochs = state.Epochs.SetItem(epoch.Parameters.Epoch, epoch) };
}
