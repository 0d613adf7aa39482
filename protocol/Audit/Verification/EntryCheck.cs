// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Gives each entry its roster, and checks form, signer, signature and number (V5), the roster entries (V6), times (V12) and disclosures (V13).</summary>
internal sealed class EntryCheck(RosterFiles files, KeyRing keys, Findings findings)
{
    private const string Entries = "V5";
    private const string RosterEntries = "V6";

    private static readonly string[] TypesAfterClosing = [EntryTypes.Export, EntryTypes.Access, EntryTypes.KeyRetired];

    private readonly Dictionary<ActorKey, (long Seq, DateTimeOffset Time)> _actors = [];
    private readonly List<LoggedRoster> _rosters = [];
    private bool _isClosed;

    /// <summary>The rosters so far.</summary>
    public IReadOnlyList<LoggedRoster> Rosters => _rosters;

    /// <summary>Takes the next entry.</summary>
    /// <returns>The entry at its place; null where nothing can be said about it.</returns>
    public LoggedEntry? Take(long index, ReadEntry read)
    {
        if (read.Disclosure is { } path)
        {
            findings.AtEntry("V13", ErrorCodes.DisclosureFound, index, $"member {path} looks like personal data or a secret");
        }

        if (read.Entry is not { } entry)
        {
            findings.AtEntry(Entries, read.Error?.Code ?? ErrorCodes.EntryMalformed, index, read.Error?.Found ?? "the entry cannot be read");
            return null;
        }

        bool isRoster = string.Equals(entry.Type, EntryTypes.Roster, StringComparison.Ordinal);
        bool placed = isRoster ? TakeRoster(index, entry) : HasRoster(index);
        TakeNumber(index, entry);
        if (placed)
        {
            CheckSigner(index, entry, read.IsSigned, isRoster);
        }

        return placed ? new LoggedEntry(index, entry, _rosters[^1].Roster, _rosters.Count) : null;
    }

    private bool TakeRoster(long index, LogEntry entry)
    {
        Roster? next = _rosters.Count < files.Chain.Count ? files.Chain[_rosters.Count] : null;
        if (next is null || entry.Subjects["roster"] != next.Digest())
        {
            findings.AtEntry(RosterEntries, ErrorCodes.RosterMissing, index, $"roster version {_rosters.Count + 1} of this hash is missing in the evidence, or does not verify");
            return false;
        }

        try
        {
            EntryAuthority.RequireRosterNamed(entry, _rosters.LastOrDefault()?.Roster, next);
            if (entry.Fields["signatures"].Integer > files.Signatures(next.Version))
            {
                throw new FedCloudException(ErrorCodes.RosterSignaturesMissing, "the entry counts more signatures than the roster has");
            }
        }
        catch (FedCloudException error)
        {
            findings.AtEntry(RosterEntries, error.Code, index, error.Found);
        }

        _rosters.Add(new LoggedRoster(index, next));
        return true;
    }

    private bool HasRoster(long index)
    {
        if (index == 0)
        {
            findings.AtEntry(RosterEntries, ErrorCodes.RosterMissing, index, "entry 0 is of another type", "roster version 1");
        }

        return _rosters.Count > 0;
    }

    private void TakeNumber(long index, LogEntry entry)
    {
        (long seq, DateTimeOffset time) = _actors.GetValueOrDefault(entry.Actor.Key, (0, DateTimeOffset.MinValue));
        if (entry.Seq != seq + 1)
        {
            findings.AtEntry(Entries, ErrorCodes.EntrySequence, index, $"number {entry.Seq} of {entry.Actor.Key}", $"number {seq + 1}");
        }

        if (time != DateTimeOffset.MinValue && entry.Instant < time - LogState.MaxBackwards)
        {
            findings.AtEntry("V12", ErrorCodes.LogTimeBackwards, index, entry.Time, $"not before {LogEntry.FormatTime(time - LogState.MaxBackwards)}");
        }

        if (_isClosed && !TypesAfterClosing.Contains(entry.Type, StringComparer.Ordinal))
        {
            findings.AtEntry(Entries, ErrorCodes.LogClosed, index, $"an entry of type {entry.Type} after the federation was closed");
        }

        _isClosed |= string.Equals(entry.Type, EntryTypes.FederationClosed, StringComparison.Ordinal);
        _actors[entry.Actor.Key] = (Math.Max(seq, entry.Seq), LogState.Later(entry.Instant, time));
    }

    private void CheckSigner(long index, LogEntry entry, bool isSigned, bool isRoster)
    {
        try
        {
            // A stolen coordinator key is replaced by the new roster itself, so the key of either may sign its entry.
            Roster inForce = _rosters[^1].Roster;
            EntryAuthority.RequireListed(entry, isRoster && _rosters.Count > 1 ? [_rosters[^2].Roster, inForce] : [inForce]);
        }
        catch (FedCloudException error)
        {
            findings.AtEntry(Entries, error.Code, index, error.Found);
            return;
        }

        if (keys.Find(entry.Actor.KeyId) is null)
        {
            findings.AtEntry(Entries, ErrorCodes.PublicKeyMissing, index, $"key {entry.Actor.KeyId.Hex[..16]}… of {entry.Actor.Key} is not in the evidence");
        }
        else if (!isSigned)
        {
            findings.AtEntry(Entries, ErrorCodes.SignatureInvalid, index, $"no valid signature of key {entry.Actor.KeyId.Hex[..16]}…");
        }
    }
}
