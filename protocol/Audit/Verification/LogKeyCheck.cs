// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
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
    private readonly HashSet<Sha256Digest> _retired = [];

    // The time of the newest entry at each change and checkpoint decides when an overlap may end.
    private readonly Dictionary<long, DateTimeOffset> _times = [];
    private DateTimeOffset _newest = DateTimeOffset.MinValue;
    private int _next;

    public void Take(LoggedEntry logged)
    {
        while (_next < checkpoints.Sizes.Length && checkpoints.Sizes[_next] <= logged.Index)
        {
            _times[checkpoints.Sizes[_next++]] = _newest;
        }

        _newest = logged.Entry.Instant > _newest ? logged.Entry.Instant : _newest;
        LogKeyPhase phase = _phases[^1];
        if (LogKeyChange.Is(logged.Entry))
        {
            Change(logged, phase);
        }
        else if (string.Equals(logged.Type, EntryTypes.KeyRetired, StringComparison.Ordinal) && string.Equals(logged.Text("purpose"), "lk", StringComparison.Ordinal))
        {
            Retire(logged, phase);
        }
    }

    public void Finish()
    {
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
        bool overlaps = !_retired.Contains(phase.Before.P256?.Fingerprint ?? default) && _times.GetValueOrDefault(size, _newest) - changed < LogKeyChange.Overlap;
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

    private void Change(LoggedEntry logged, LogKeyPhase phase)
    {
        NoteKey next = NoteKey.Parse(logged.Roster.LogVkey);
        bool rotated = string.Equals(logged.Type, EntryTypes.KeyRotated, StringComparison.Ordinal);
        try
        {
            LogKeyChange.RequireRoster(logged.Entry, logged.Roster);
            if (phase.Key.P256?.Fingerprint != logged.Subject("old") || (rotated && phase.Before is not null && logged.Entry.Instant - phase.ChangedAt < LogKeyChange.Overlap))
            {
                throw new FedCloudException(ErrorCodes.LogKeyChange, "the old key is not the log's at this place, or its own change is not over");
            }

            _phases.Add(new LogKeyPhase(logged.Index, rotated ? phase.Key : null, next, logged.Entry.Instant));
        }
        catch (FedCloudException error)
        {
            findings.AtEntry(Check, error.Code, logged.Index, error.Found);
        }
    }

    private void Retire(LoggedEntry logged, LogKeyPhase phase)
    {
        bool replaced = phase.Before is null && _phases.Count > 1;
        bool over = phase.Before?.P256?.Fingerprint == logged.Subject("old") && logged.Entry.Instant - phase.ChangedAt >= LogKeyChange.Overlap;
        if (over)
        {
            _retired.Add(logged.Subject("old"));
        }
        else if (!replaced)
        {
            findings.AtEntry(Check, ErrorCodes.LogKeyChange, logged.Index, "a log key is retired that was not rotated, or before both keys signed for 7 days");
        }
    }

    private sealed record LogKeyPhase(long From, NoteKey? Before, NoteKey Key, DateTimeOffset? ChangedAt);
}
