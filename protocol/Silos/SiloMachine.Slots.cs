// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Epochs;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Silos;

/// <content>Slots: one round each, one list each, one opening for each round (secure-aggregation, section 6, J2 to J10).</content>
public static partial class SiloMachine
{
    // What forbids a round under secure aggregation before it is trained for; null when nothing does.
    private static ErrorCode? WhyNotMasked(SiloState state, SiloRun run, StartReceived start)
    {
        RoundOpening opening = start.Start;
        if (opening.Slot is not { } slot)
        {
            return null;
        }

        if (FindEpoch(state, slot.Sid) is not { Phase: SiloEpochPhase.Acknowledged, IsClosing: false } epoch
            || opening.Deadline > (epoch.CalledAt + EpochMachine.Lifetime).ToUnixTimeSeconds())
        {
            return ErrorCodes.EpochUnknown;
        }

        if (epoch.Slots.TryGetValue(slot.Slot, out SiloSlot? record) && record.Rid != start.Rid)
        {
            return ErrorCodes.SlotConflict;
        }

        if (opening.Round <= run.OpenedRound)
        {
            return ErrorCodes.RoundOpened;
        }

        return start.MayRepeat || EarlierFrom(state, opening).All(earlier => BurnedOf(start, earlier) >= earlier.Needed) ? null : ErrorCodes.BurnedTooFew;
    }

    // Retries of the same round (J8) mask the same update, so only other rounds and other runs count.
    private static IEnumerable<MaskedFrom> EarlierFrom(SiloState state, RoundOpening opening) =>
        state.MaskedFrom.GetValueOrDefault(opening.ModelSha256.Hex, []).Where(earlier => earlier.Job != opening.Job || earlier.Round != opening.Round);

    // Of a round that was opened no silo can say that its slot is burned, so no other run can ever begin from its model (J10).
    private static bool HasOpenedFrom(SiloState state, Sha256Digest model) =>
        state.MaskedFrom.GetValueOrDefault(model.Hex, []).Any(earlier => state.Runs.GetValueOrDefault(earlier.Job)?.OpenedRound >= earlier.Round);

    private static int BurnedOf(StartReceived start, MaskedFrom earlier) =>
        start.Burned?.GetValueOrDefault(earlier.Rid.Hex, []).Distinct().Count(earlier.Cohort.Contains) ?? 0;

    // The round is witnessed: from here on the slot is this round's alone.
    private static SiloStep Arm(SiloState state, RunId job, SiloRun run, SiloRound round, RoundSlot slot, DateTimeOffset at)
    {
        if (FindEpoch(state, slot.Sid) is not { Phase: SiloEpochPhase.Acknowledged, IsClosing: false } epoch)
        {
            return Declined(state, job, run, round, ErrorCodes.EpochUnknown.Name);
        }

        if (EarlierFrom(state, round.Start).Count() > round.Cleared)
        {
            // Another run was masked from the model while this one trained.
            return Declined(state, job, run, round, ErrorCodes.BurnedTooFew.Name);
        }

        if (at.ToUnixTimeSeconds() >= round.Start.Deadline)
        {
            return Declined(state, job, run, round, ErrorCodes.DeadlineMissed.Name);
        }

        if (epoch.Slots.TryGetValue(slot.Slot, out SiloSlot? taken) && taken.Rid != round.Rid)
        {
            return Alarmed(Declined(state, job, run, round, ErrorCodes.SlotConflict.Name), job, ErrorCodes.SlotConflict, taken.Rid, round.Rid);
        }

        SiloSlot armed = new() { Phase = SiloSlotPhase.Armed, Rid = round.Rid, Start = round.Start };
        CohortBounds bounds = CohortBounds.Of(epoch.Parameters.N);
        MaskedFrom masked = new(round.Rid, job, round.Start.Round, epoch.Parameters.RosterSha256, epoch.Cohort, epoch.Cohort.Length - bounds.Threshold + bounds.MaxColluders + 1);
        string model = round.Start.ModelSha256.Hex;
        SiloState next = With(state, epoch with { Slots = epoch.Slots.SetItem(slot.Slot, armed) });
        next = With(next, job, run with { Round = round with { Phase = SiloRoundPhase.Masking } });
        SiloStep step = new(next with { MaskedFrom = next.MaskedFrom.SetItem(model, next.MaskedFrom.GetValueOrDefault(model, []).Add(masked)) }, []);

        // The free slots of older epochs are no use any more (J11).
        foreach (SiloEpoch older in next.Epochs.Values.Where(other => other.Parameters.Epoch < epoch.Parameters.Epoch && !other.IsClosing))
        {
            step = Close(step, older);
        }

        return step with { Effects = step.Effects.Add(new MaskUpdate(round.Rid, round.Start, run.Idx, round.Weight)) };
    }

    private static SiloStep OnMasked(SiloState state, RunId job, SiloRun run, UpdateMasked masked)
    {
        if (Current(run, masked.Body.Rid) is not { Phase: SiloRoundPhase.Masking } round || FindSlot(state, masked.Body.Rid) is not { Record.Phase: SiloSlotPhase.Armed } found)
        {
            return Ignore(state, "no slot is armed for the round");
        }

        SiloState next = With(state, found, found.Record with { Phase = SiloSlotPhase.Masked, Masked = masked.Body });
        return new SiloStep(
            With(next, job, run with { Round = round with { Phase = SiloRoundPhase.Uploading, Attempt = 0 } }),
            [new UploadMasked(round.Start, masked.Body, 0)]);
    }

    private static SiloStep OnU3(SiloState state, U3Shown shown)
    {
        if (FindSlot(state, shown.Rid) is not { } found || !state.Runs.TryGetValue(found.Record.Start.Job, out SiloRun? run))
        {
            return Ignore(state, "no slot is held for the round");
        }

        SiloSlot slot = found.Record;
        if (slot.U3Sha256 is { } signed)
        {
            return signed == shown.U3Sha256
                ? new SiloStep(state, [new SendConsistency(slot.Start.Job, slot.Start.Round, ConsistencyOf(found))])
                : new SiloStep(state, [new RaiseAlarm(slot.Start.Job, ErrorCodes.U3Conflict.Name, [signed, shown.U3Sha256, shown.Identity])]);
        }

        if (slot.Phase != SiloSlotPhase.Masked)
        {
            return Ignore(state, "nothing was masked for the round, or its slot is burned");
        }

        if (slot.Start.Round <= run.OpenedRound)
        {
            return new SiloStep(state, [new RaiseAlarm(slot.Start.Job, ErrorCodes.RoundOpened.Name, [slot.Rid, shown.Identity])]);
        }

        SiloSlot agreed = slot with { Phase = SiloSlotPhase.Consistent, U3Sha256 = shown.U3Sha256 };
        SiloState next = With(With(state, found, agreed), slot.Start.Job, run with { OpenedRound = slot.Start.Round });
        return new SiloStep(next, [new SendConsistency(slot.Start.Job, slot.Start.Round, ConsistencyOf((found.Epoch, found.Slot, agreed)))]);
    }

    private static SiloStep OnAgreement(SiloState state, AgreementShown shown)
    {
        if (FindSlot(state, shown.Rid) is not { Record: { Phase: SiloSlotPhase.Consistent or SiloSlotPhase.Revealed, U3Sha256: { } signed } slot } found)
        {
            return Ignore(state, "the silo did not agree to open this round, or it is over");
        }

        SendUnmask reveal = new(slot.Start.Job, slot.Start.Round, found.Epoch.Sid, found.Slot, slot.Rid);
        if (signed != shown.U3Sha256)
        {
            return new SiloStep(state, [new RaiseAlarm(slot.Start.Job, ErrorCodes.U3Conflict.Name, [signed, shown.U3Sha256])]);
        }

        return slot.Phase == SiloSlotPhase.Revealed
            ? new SiloStep(state, [reveal])
            : new SiloStep(With(state, found, slot with { Phase = SiloSlotPhase.Revealed }), [reveal]);
    }

    // The sums of these rounds are known or never will be, so their slots serve nobody any more.
    private static SiloStep Settle(SiloStep step, RunId job, int round)
    {
        foreach (SiloSlot slot in step.State.Epochs.Values.SelectMany(epoch => epoch.Slots.Values).Where(slot => slot.IsInUse && slot.Start.Job == job && slot.Start.Round <= round))
        {
            if (FindSlot(step.State, slot.Rid) is { } found)
            {
                step = found.Record.Phase is SiloSlotPhase.Armed or SiloSlotPhase.Masked ? Burn(step, found) : Erase(step, found, SiloSlotPhase.Done);
            }
        }

        return step;
    }

    // Whoever revealed nothing, and never will, says so.
    private static SiloStep Burn(SiloStep step, (SiloEpoch Epoch, int Slot, SiloSlot Record) found)
    {
        SendBurned burned = new(BurnedOf(found.Record.Start.Job, found.Record.Start.Round, found.Record.Rid, found.Epoch.Idx));
        return Erase(step with { Effects = step.Effects.Add(burned) }, found, SiloSlotPhase.Burned);
    }

    private static SiloStep Erase(SiloStep step, (SiloEpoch Epoch, int Slot, SiloSlot Record) found, SiloSlotPhase phase)
    {
        SiloState next = With(step.State, found, found.Record with { Phase = phase });
        SiloStep erased = new(next, step.Effects.Add(new EraseSlot(found.Epoch.Sid, found.Slot)));
        return FindEpoch(next, found.Epoch.Sid) is { IsClosing: true } closing ? Close(erased, closing) : erased;
    }

    // An attempt came to nothing: its slot is burned unless the silo agreed to open it.
    private static SiloStep BurnAttempt(SiloStep step, RunId job, SiloRun run, SiloRound round)
    {
        if (round is { Start.Slot: null } or { Phase: SiloRoundPhase.Given })
        {
            return step;
        }

        if (FindSlot(step.State, round.Rid) is { } found)
        {
            return found.Record.Phase is SiloSlotPhase.Armed or SiloSlotPhase.Masked ? Burn(step, found) : step;
        }

        // It never had a slot, or its epoch is over. What the silo agreed to open may be opened by now.
        return round.Start.Round <= run.OpenedRound
            ? step
            : step with { Effects = step.Effects.Add(new SendBurned(BurnedOf(job, round.Start.Round, round.Rid, run.Idx))) };
    }

    private static ConsistencyBody ConsistencyOf((SiloEpoch Epoch, int Slot, SiloSlot Record) found) => new()
    {
        Rid = found.Record.Rid,
        Idx = found.Epoch.Idx,
        U3Sha256 = found.Record.U3Sha256 ?? throw new InvalidOperationException("a list is agreed to"),
    };

    private static SiloStep Alarmed(SiloStep step, RunId job, ErrorCode code, params ReadOnlySpan<Sha256Digest> evidence) =>
        step with { Effects = step.Effects.Add(new RaiseAlarm(job, code.Name, [.. evidence])) };

    private static SiloState With(SiloState state, (SiloEpoch Epoch, int Slot, SiloSlot Record) found, SiloSlot slot)
    {
        SiloEpoch epoch = FindEpoch(state, found.Epoch.Sid) ?? throw new InvalidOperationException("the slot's epoch is held");
        return With(state, epoch with { Slots = epoch.Slots.SetItem(found.Slot, slot) });
    }
}
