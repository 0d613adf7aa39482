// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Runs;

namespace FedCloud.Protocol.Silos;

/// <content>Uploads: each attempt has a name of its own, and the next one holds the same bytes.</content>
public static partial class SiloMachine
{
    private static SiloStep OnUploaded(SiloState state, RunId job, SiloRun run, UpdateUploaded uploaded)
    {
        if (Current(run, uploaded.Rid) is not { Phase: SiloRoundPhase.Uploading } round)
        {
            return Ignore(state, "no upload of this round is under way");
        }

        SiloRound announced = round with { Phase = SiloRoundPhase.Announced, Attempt = uploaded.Attempt };
        return new SiloStep(With(state, job, run with { Round = announced }), [.. Repeat(state, run, announced)]);
    }

    private static SiloStep OnUploadRefused(SiloState state, RunId job, SiloRun run, UploadRefused refused)
    {
        return Current(run, refused.Rid) is { Phase: SiloRoundPhase.Uploading } round && refused.Attempt == round.Attempt
            ? UploadNext(state, job, run, round)
            : Ignore(state, "no upload of this attempt is under way");
    }

    // The same bytes under a fresh data key and the newest version of the wrapping key; what was masked and signed does not change.
    private static SiloStep OnUploadAgain(SiloState state, RunId job, SiloRun run, UploadAgainReceived asked)
    {
        UploadAgainBody again = asked.Again;
        if (string.Equals(again.Upload, RunBody.Shares, StringComparison.Ordinal))
        {
            return FindSlot(state, again.Rid) is { Record: { Phase: SiloSlotPhase.Revealed } slot } found
                ? new SiloStep(state, [new SendUnmask(slot.Start.Job, slot.Start.Round, found.Epoch.Sid, found.Slot, slot.Rid)])
                : Ignore(state, "the silo revealed no shares for this round, or it is over");
        }

        bool isOpen = Current(run, again.Rid) is { Phase: SiloRoundPhase.Announced } sent && sent.Attempt == again.Attempt
            && (sent.Start.Slot is null || FindSlot(state, again.Rid) is { Record.Phase: SiloSlotPhase.Masked });
        return isOpen && run.Round is { } round
            ? UploadNext(state, job, run, round with { Phase = SiloRoundPhase.Uploading })
            : Ignore(state, "no upload of this attempt waits for the coordinator");
    }

    private static SiloStep UploadNext(SiloState state, RunId job, SiloRun run, SiloRound round)
    {
        if (round.Attempt + 1 >= UploadName.Attempts)
        {
            return Declined(state, job, run, round, ErrorCodes.UploadFailed.Name);
        }

        SiloRound next = round with { Attempt = round.Attempt + 1 };
        SiloEffect upload = round.Update is { } update
            ? new UploadUpdate(round.Rid, update, next.Attempt)
            : new UploadMasked(round.Start, FindSlot(state, round.Rid)?.Record.Masked ?? throw new InvalidOperationException("a masked vector is uploaded"), next.Attempt);
        return new SiloStep(With(state, job, run with { Round = next }), [upload]);
    }
}
