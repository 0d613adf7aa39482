// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>A witness as a pure function: it signs one history of a log and no other (audit-log, section 5).</summary>
/// <remarks>
/// A line is sent only after the state that remembers it was flushed. So a witness that crashed between the two signs the
/// same checkpoint again, and never another one of its size.
/// </remarks>
public static class WitnessMachine
{
    /// <summary>Takes one event.</summary>
    /// <param name="state">The last state written; null at the first start, for a new member and after a loss.</param>
    /// <param name="settings">What is pinned.</param>
    /// <param name="event">What the witness is shown.</param>
    public static WitnessStep Step(WitnessState? state, WitnessSettings settings, WitnessEvent @event)
    {
        ArgumentNullException.ThrowIfNull(settings);
        ArgumentNullException.ThrowIfNull(@event);
        try
        {
            Checkpoint shown = Read(settings, @event.Note);
            return (state, @event) switch
            {
                (null, LogRead read) => Begin(settings, shown, read),
                (null, _) => new WitnessStep(null, [new ReadLog(shown.Size)]),
                (_, CheckpointShown next) => Continue(state, shown, next),
                _ => new WitnessStep(state, []),
            };
        }
        catch (FedCloudException error)
        {
            return new WitnessStep(state, [], error.Code);
        }
    }

    private static Checkpoint Read(WitnessSettings settings, SignedNote note)
    {
        note.Verify(settings.LogKeys);
        Checkpoint checkpoint = Checkpoint.Parse(note.Text);
        return checkpoint is { Size: > 0, Extensions: [] } && string.Equals(checkpoint.Origin, settings.Origin, StringComparison.Ordinal)
            ? checkpoint
            : throw new FedCloudException(ErrorCodes.CheckpointOrigin, "expected a checkpoint of the witnessed log with entries, found another");
    }

    private static WitnessStep Begin(WitnessSettings settings, Checkpoint shown, LogRead read)
    {
        if (read.Reading.Size != shown.Size || read.Reading.Root != shown.Root)
        {
            return new WitnessStep(null, [], ErrorCodes.RootMismatch);
        }

        return read.Reading.FirstRoster == settings.FirstRoster
            ? Sign(read.Note)
            : new WitnessStep(null, [], ErrorCodes.LogFork);
    }

    private static WitnessStep Continue(WitnessState state, Checkpoint shown, CheckpointShown next)
    {
        SignedNote signed = state.Signed;
        Checkpoint last = Checkpoint.Parse(signed.Text);
        if (shown.Size < last.Size)
        {
            return new WitnessStep(state, [], ErrorCodes.CheckpointOlder);
        }

        if (shown.Size == last.Size)
        {
            return shown.Root == last.Root
                ? new WitnessStep(state, [new SendLine(next.Note)])
                : new WitnessStep(state, [new ReportFork(signed, next.Note)], ErrorCodes.LogFork);
        }

        return MerkleProof.VerifyConsistency(last.Size, shown.Size, last.Root, shown.Root, next.Consistency)
            ? Sign(next.Note)
            : new WitnessStep(state, [new ReportFork(signed, next.Note)], ErrorCodes.ConsistencyFailed);
    }

    private static WitnessStep Sign(SignedNote note)
    {
        WitnessState state = WitnessState.Of(note);
        return new WitnessStep(state, [new WriteState(state), new SendLine(note)]);
    }
}
