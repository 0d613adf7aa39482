// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;

namespace FedCloud.Protocol.Silos;

/// <content>What the log decides: an update leaves when its round is witnessed, and no round is taken while the log is refused.</content>
public static partial class SiloMachine
{
    private static SiloStep OnWitnessed(SiloState state, RunId job, SiloRun run, RoundWitnessed witnessed)
    {
        if (Current(run, witnessed.Rid) is not { Phase: SiloRoundPhase.Held } round)
        {
            return Ignore(state, "no update of this round is held");
        }

        if (round.Start.Slot is { } slot)
        {
            return Arm(state, job, run, round, slot, witnessed.At);
        }

        PlainUpdateBody update = round.Update ?? throw new InvalidOperationException("an update of plain mode is held with its announcement");

        SiloRound uploading = round with { Phase = SiloRoundPhase.Uploading };
        return new SiloStep(With(state, job, run with { Round = uploading }), [new UploadUpdate(round.Rid, update, round.Attempt)]);
    }

    private static SiloStep OnMisrecorded(SiloState state, RunId job, SiloRun run, RoundMisrecorded misrecorded)
    {
        if (Current(run, misrecorded.Rid) is not { Phase: SiloRoundPhase.Held } round)
        {
            return Ignore(state, "no update of this round is held");
        }

        SiloStep declined = Declined(state, job, run, round, ErrorCodes.RoundMisrecorded.Name);
        return declined with { Effects = declined.Effects.Add(new RaiseAlarm(job, ErrorCodes.RoundMisrecorded.Name, [misrecorded.Rid, misrecorded.Entry])) };
    }

    private static SiloStep OnLogRefused(SiloState state, LogRefused refused)
    {
        if (state.LogRefusal is not null)
        {
            return Ignore(state, "the log is refused already");
        }

        SiloState stopped = state with { LogRefusal = refused.Code };
        ImmutableArray<SiloEffect>.Builder effects = ImmutableArray.CreateBuilder<SiloEffect>();
        foreach ((RunId job, SiloRun run) in state.Runs)
        {
            if (run is { Phase: SiloRunPhase.Approved, Round: { } round } && IsOpen(round))
            {
                SiloStep declined = Declined(stopped, job, run, round, refused.Code);
                stopped = declined.State;
                effects.AddRange(declined.Effects);
            }
        }

        effects.Add(new RaiseAlarm(null, refused.Code, refused.Evidence));
        return new SiloStep(stopped, effects.ToImmutable());
    }

    private static SiloStep OnLogResumed(SiloState state) =>
        state.LogRefusal is null ? Ignore(state, "the log is not refused") : new SiloStep(state with { LogRefusal = null }, []);
}
