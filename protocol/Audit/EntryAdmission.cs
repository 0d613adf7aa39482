// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>What the writer knows beside the log itself when it admits entries.</summary>
public sealed record AdmissionContext
{
    /// <summary>The roster in force; null before entry 0.</summary>
    public required Roster? Roster { get; init; }

    /// <summary>Rosters that their quorum signed, by hash; null for an unknown one.</summary>
    public required Func<Sha256Digest, Roster?> Rosters { get; init; }

    /// <summary>Public keys by fingerprint.</summary>
    public required IReadOnlyDictionary<Sha256Digest, VerificationKey> Keys { get; init; }
}

/// <summary>An entry that the log does not take, and why.</summary>
/// <param name="Entry">The entry.</param>
/// <param name="Code">The reason.</param>
public sealed record RefusedEntry(LogEntry Entry, ErrorCode Code);

/// <summary>What becomes of the entries that were offered.</summary>
/// <param name="Batch">The next batch, in order.</param>
/// <param name="Waiting">Entries that wait for an earlier one of their actor, or for the next batch.</param>
/// <param name="Duplicates">Entries whose number the log has; dropped.</param>
/// <param name="Refused">Entries that the log never takes.</param>
/// <param name="MustFlush">Whether the batch is written at once: it is full, a round starts, or the roster changes.</param>
public sealed record AdmittedBatch(
    ImmutableArray<LogEntry> Batch,
    ImmutableArray<LogEntry> Waiting,
    ImmutableArray<LogEntry> Duplicates,
    ImmutableArray<RefusedEntry> Refused,
    bool MustFlush);

/// <summary>Chooses a batch out of entries that arrive doubled, late and in any order (audit-log, A5 to A8).</summary>
/// <remarks>
/// A roster ends its batch, so that a checkpoint has at most one new version (W4) and every other entry of the batch stands
/// under one roster. Only the replacement of a lost log key may follow it, since that checkpoint can be signed by the new key alone.
/// </remarks>
public static class EntryAdmission
{
    private static readonly string[] TypesAfterClosing = [EntryTypes.Export, EntryTypes.Access, EntryTypes.KeyRetired];

    /// <summary>Chooses the next batch.</summary>
    /// <param name="state">The log.</param>
    /// <param name="offered">Entries in order of arrival, each of the right form.</param>
    /// <param name="context">Rosters and keys.</param>
    public static AdmittedBatch Admit(LogState state, IEnumerable<LogEntry> offered, AdmissionContext context)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(offered);
        ArgumentNullException.ThrowIfNull(context);
        Selection selection = new(state, context);
        foreach (LogEntry entry in offered)
        {
            selection.Offer(entry);
        }

        return selection.ToBatch();
    }

    private sealed class Selection(LogState state, AdmissionContext context)
    {
        private readonly Dictionary<ActorKey, long> _highest = [];
        private readonly Dictionary<ActorKey, DateTimeOffset> _newest = [];
        private readonly Dictionary<(ActorKey Actor, long Seq), List<LogEntry>> _waiting = [];
        private readonly List<LogEntry> _batch = [];
        private readonly List<LogEntry> _duplicates = [];
        private readonly List<RefusedEntry> _refused = [];
        private readonly Roster? _first = state.Rosters.IsEmpty ? null : context.Rosters(state.Rosters.Values.First());
        private LogKeyChanged? _keyChange = state.KeyChange;
        private Roster? _roster = context.Roster;
        private bool _isClosed = state.IsClosed;
        private bool _rosterChanged;

        public void Offer(LogEntry entry)
        {
            (ActorKey Actor, long Seq) place = (entry.Actor.Key, entry.Seq);
            if (entry.Seq <= Highest(place.Actor))
            {
                _duplicates.Add(entry);
                return;
            }

            // A forged entry must not hold the place of the true one, so all that claim it wait.
            if (!_waiting.TryGetValue(place, out List<LogEntry>? claims))
            {
                _waiting.Add(place, claims = []);
            }

            claims.Add(entry);
            TakeNext(place.Actor);
        }

        public AdmittedBatch ToBatch() => new(
            [.. _batch],
            [.. _waiting.OrderBy(place => place.Key.Actor.ToString(), StringComparer.Ordinal).ThenBy(place => place.Key.Seq).SelectMany(place => place.Value)],
            [.. _duplicates],
            [.. _refused],
            MustFlush: IsFull || _rosterChanged || _batch.Any(entry => string.Equals(entry.Type, EntryTypes.RoundStart, StringComparison.Ordinal)));

        private bool IsFull => _batch.Count == LogSequencer.MaxBatchEntries;

        private DateTimeOffset Newest(ActorKey actor) => _newest.TryGetValue(actor, out DateTimeOffset time) ? time : state.Newest.GetValueOrDefault(actor);

        private long Highest(ActorKey actor) => _highest.TryGetValue(actor, out long seq) ? seq : state.Highest.GetValueOrDefault(actor);

        private void TakeNext(ActorKey actor)
        {
            while (!IsFull && _waiting.TryGetValue((actor, Highest(actor) + 1), out List<LogEntry>? claims) && claims.TrueForAll(FitsBatch))
            {
                _waiting.Remove((actor, Highest(actor) + 1));
                if (!TakeOne(claims))
                {
                    return;
                }
            }
        }

        private bool TakeOne(List<LogEntry> claims)
        {
            bool taken = false;
            foreach (LogEntry entry in claims)
            {
                if (taken)
                {
                    _duplicates.Add(entry);
                }
                else if (Refusal(entry) is { } code)
                {
                    _refused.Add(new RefusedEntry(entry, code));
                }
                else
                {
                    Take(entry);
                    taken = true;
                }
            }

            return taken;
        }

        private void Take(LogEntry entry)
        {
            _keyChange = LogKeyChange.After(_keyChange, entry, state.Size + _batch.Count);
            _batch.Add(entry);
            _highest[entry.Actor.Key] = entry.Seq;
            _newest[entry.Actor.Key] = LogState.Later(entry.Instant, Newest(entry.Actor.Key));
            _isClosed |= string.Equals(entry.Type, EntryTypes.FederationClosed, StringComparison.Ordinal);
            if (string.Equals(entry.Type, EntryTypes.Roster, StringComparison.Ordinal))
            {
                _roster = context.Rosters(entry.Subjects["roster"]);
                _rosterChanged = true;
            }
        }

        private bool FitsBatch(LogEntry entry) => !_rosterChanged
            || (string.Equals(entry.Type, EntryTypes.KeyReplaced, StringComparison.Ordinal) && entry.Subjects.ContainsKey("roster"));

        private ErrorCode? Refusal(LogEntry entry)
        {
            if (_isClosed && !TypesAfterClosing.Contains(entry.Type, StringComparer.Ordinal))
            {
                return ErrorCodes.LogClosed;
            }

            // One entry of a hostile clock would otherwise make the whole log fail for every verifier, for ever.
            DateTimeOffset newest = Newest(entry.Actor.Key);
            if (newest != default && entry.Instant < newest - LogState.MaxBackwards)
            {
                return ErrorCodes.LogTimeBackwards;
            }

            try
            {
                RequireAuthority(entry);
                return DisclosurePattern.Find(entry.ToBytes()) is null ? null : ErrorCodes.DisclosureFound;
            }
            catch (FedCloudException error)
            {
                return error.Code;
            }
        }

        private void RequireAuthority(LogEntry entry)
        {
            if (string.Equals(entry.Type, EntryTypes.Roster, StringComparison.Ordinal))
            {
                Roster next = context.Rosters(entry.Subjects["roster"]) ?? throw new FedCloudException(ErrorCodes.RosterMissing, "the entry names a roster that is not known");
                EntryAuthority.RequireRoster(entry, _roster, next, context.Keys);
                return;
            }

            Roster roster = _roster ?? throw new FedCloudException(ErrorCodes.RosterMissing, "entry 0 of a log is its first roster");
            EntryAuthority.Require(entry, roster, context.Keys);
            LogKeyChange.Require(entry, roster, VerificationKey.FromVKey((_first ?? roster).LogVkey).Fingerprint, _keyChange);
        }
    }
}
