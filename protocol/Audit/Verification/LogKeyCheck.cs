// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Follows the log key through its changes (V11; audit-log, section 6), and checks the signatures of all checkpoints with the keys of their place (V1).</summary>
/// <param name="checkpoints">The checkpoints.</param>
/// <param name="first">The first log key: pinned, or of roster version 1.</param>
/// <param name="findings">The findings.</param>
internal sealed class LogKeyCheck(CheckpointFiles checkpoints, NoteKey first, Findings findings) : IEntryCheck
{
    private const string Check = "V11";

    private readonly List<LogKeyPhase> _phases = [new LogKeyPhase(0, null, first, null)];

    // The time of the newest entry at each change and checkpoint decides when an overlap may end.
    private readonly Dictionary<long, DateTimeOffset> _times = [];
    private DateTimeOffset _newest = DateTimeOffset.MinValue;
    private LogKeyChanged? _last;
    private int _next;

    public void Take(LoggedEntry logged)
    {
        while (_next < checkpoints.Sizes.Length && checkpoints.Sizes[_next] <= logged.Index)
        {
            _times[checkpoints.Sizes[_next++]] = _newest;
        }

        _newest = logged.Entry.Instant > _newest ? logged.Entry.Instant : _newest;
        if (LogKeyChange.Is(logged.Entry) || LogKeyChange.IsRetirement(logged.Entry))
        {
            Change(logged);
        }
    }

    public void Finish()
    {
        CheckGaps();
        foreach (long size in checkpoints.Sizes)
        {
            string path = CheckpointFiles.PathOf(size);
            NoteKey[] required = RequiredAt(size);
            SignedNote archived = checkpoints.NoteAt(size);
            bool passed = findings.Try("V1", path, () => Require(archived, required));
            foreach ((Identity.SiloId witness, SignedNote note) in checkpoints.CosignedAt(size).Where(cosigned => !passed || !Continues(cosigned.Note, archived)))
            {
                findings.Try("V1", EvidenceLayout.Of(LogContainer.Log, LogPaths.Cosigned(size, witness)), () => Require(note, required));
            }
        }

        if (checkpoints.Head is { } head)
        {
            findings.Try("V1", EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Head), () => Require(head, RequiredAt(checkpoints.Size)));
        }
    }

    /// <summary>Between which checkpoints the key was replaced: entries that the lost key had not signed are signed by the new one, together with its own entry.</summary>
    public IReadOnlyCollection<(long Before, long After)> Replaced() =>
        [.. Gaps().Where(gap => _phases.Any(phase => phase is { Before: null, ChangedAt: not null } && phase.From >= gap.Before && phase.From < gap.After))];

    /// <summary>The keys that must all have signed the checkpoint of a size.</summary>
    public NoteKey[] RequiredAt(long size)
    {
        LogKeyPhase phase = _phases.Last(phase => phase.From < size || phase.From == 0);
        if (phase.Before is null || phase.ChangedAt is not { } changed)
        {
            return [phase.Key];
        }

        // The checkpoint that first holds the rotation is signed by the old key: the new one has no other voucher yet.
        bool isFirst = !checkpoints.Sizes.Any(other => other > phase.From && other < size);
        bool overlaps = _times.GetValueOrDefault(size, _newest) - changed < LogKeyChange.Overlap;
        return isFirst ? [phase.Before] : overlaps ? [phase.Before, phase.Key] : [phase.Key];
    }

    // A witness adds its line to the archived note; lines that are the same bytes need not be verified twice.
    private static bool Continues(SignedNote note, SignedNote archived) =>
        note.Signatures.Length > archived.Signatures.Length
        && archived.Signatures.Zip(note.Signatures).All(lines => string.Equals(lines.First.ToLine(), lines.Second.ToLine(), StringComparison.Ordinal));

    private static void Require(SignedNote note, NoteKey[] required)
    {
        if (note.Verify(required).Length < required.Length)
        {
            throw new FedCloudException(ErrorCodes.NoteUnsigned, $"expected lines of {required.Length} log keys, found fewer");
        }
    }

    private void Change(LoggedEntry logged)
    {
        try
        {
            LogKeyChange.Require(logged.Entry, logged.Roster, first.P256?.Fingerprint ?? default, _last);
        }
        catch (FedCloudException error)
        {
            findings.AtEntry(Check, error.Code, logged.Index, error.Found);
            return;
        }

        _last = LogKeyChange.After(_last, logged.Entry, logged.Index);
        if (_last is { } last && last.Index == logged.Index)
        {
            _phases.Add(new LogKeyPhase(logged.Index, last.IsRotation ? _phases[^1].Key : null, NoteKey.Parse(logged.Roster.LogVkey), last.At));
        }
    }

    private void CheckGaps()
    {
        foreach ((long before, long size) in Gaps().Except(Replaced()).Where(gap => gap.After - gap.Before > LogSequencer.MaxBatchEntries))
        {
            findings.AtFile("V3", ErrorCodes.LogFileMissing, CheckpointFiles.PathOf(size), $"the checkpoint before it has size {before}; a checkpoint is missing between them", $"a checkpoint every {LogSequencer.MaxBatchEntries} entries at least");
        }
    }

    private IEnumerable<(long Before, long After)> Gaps() => checkpoints.Sizes.Prepend(0).Zip(checkpoints.Sizes);

    private sealed record LogKeyPhase(long From, NoteKey? Before, NoteKey Key, DateTimeOffset? ChangedAt);
}
