// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Messaging;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The silo's own entries: numbered and journaled once, sent until the log shows them (audit-log, A8).</summary>
public sealed class OwnEntries : IDisposable
{
    private const string FrameType = "log_entry";
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly SiloHome _home;
    private readonly CoordinatorPost _post;
    private readonly TimeProvider _time;
    private readonly EntryJournal _journal;
    private readonly Dictionary<long, DateTimeOffset> _clocks = [];
    private ImmutableSortedDictionary<long, OwnPlace> _logged = ImmutableSortedDictionary<long, OwnPlace>.Empty;
    private bool _numbersKnown;
    private long _sent;
    private DateTimeOffset _sendAgain;

    /// <summary>Opens the journal of entries.</summary>
    /// <param name="home">The home folder.</param>
    /// <param name="post">Sends to the coordinator.</param>
    /// <param name="time">The clock.</param>
    /// <param name="isNewHome">Whether the silo has never run, so that a missing journal is not a lost one.</param>
    /// <exception cref="FedCloudException"><c>journal_broken</c> or <c>journal_locked</c>.</exception>
    public OwnEntries(SiloHome home, CoordinatorPost post, TimeProvider time, bool isNewHome)
    {
        ArgumentNullException.ThrowIfNull(home);
        _home = home;
        _post = post;
        _time = time;
        _numbersKnown = isNewHome || File.Exists(home.EntriesPath);
        Administrator = new AdministratorEntries(home);
        _journal = EntryJournal.Open(home.EntriesPath);
    }

    /// <summary>The administrator's entries, which travel with the silo's.</summary>
    public AdministratorEntries Administrator { get; }

    /// <summary>Journals an entry, unless it says what an earlier one said.</summary>
    /// <exception cref="FedCloudException"><c>log_unread</c>: the journal is lost, and the next number is not known before the log was read.</exception>
    public async Task LogAsync(EntryDraft draft, CancellationToken cancellation)
    {
        if (!_numbersKnown)
        {
            throw new FedCloudException(ErrorCodes.LogUnread, "the journal of entries is lost, so the next number is known only from the log");
        }

        if (!_journal.Entries.Any(entry => SiloEntries.IsRepeated(draft, entry)))
        {
            await AppendAsync(draft, cancellation);
        }
    }

    /// <summary>Takes what the log shows. An entry whose number another one took, after a journal was lost, gets the next number.</summary>
    /// <param name="logged">This silo's entries in the log, by number.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task ReconcileAsync(ImmutableSortedDictionary<long, OwnPlace> logged, CancellationToken cancellation)
    {
        _logged = logged;
        _numbersKnown = true;
        foreach (LogEntry displaced in _journal.Entries.Where(entry => logged.TryGetValue(entry.Seq, out OwnPlace? there) && there.Identity != entry.Identity).ToList())
        {
            EntryDraft draft = new(displaced.Type, displaced.Job, displaced.Round, displaced.Subjects, displaced.Fields);
            if (!_journal.Entries.Any(entry => entry.Seq > displaced.Seq && draft.Describes(entry)))
            {
                await AppendAsync(draft, cancellation);
            }
        }
    }

    /// <summary>The index of an entry in the log; null while the log lacks it.</summary>
    public long? IndexOf(EntryDraft draft) => _journal.Entries
        .Where(draft.Describes)
        .Select(entry => _logged.GetValueOrDefault(entry.Seq) is { } place && place.Identity == entry.Identity ? place.Index : (long?)null)
        .FirstOrDefault(index => index is not null);

    /// <summary>The newest entry of this start of the agent that the log shows; null while it shows none. A log that shows one is newer than this start.</summary>
    public ClockReading? Newest() => _journal.Entries
        .Where(entry => _clocks.ContainsKey(entry.Seq) && _logged.GetValueOrDefault(entry.Seq)?.Identity == entry.Identity)
        .Select(entry => new ClockReading(_logged[entry.Seq].Index, _clocks[entry.Seq]))
        .MaxBy(reading => reading.Index);

    /// <summary>Signs and sends what the log lacks: new entries at once, the others again after a while.</summary>
    public async Task SendAsync(CancellationToken cancellation)
    {
        DateTimeOffset now = _time.GetUtcNow();
        LogEntry[] missing = [.. Missing(again: now >= _sendAgain)];
        foreach (ImmutableArray<LogEntry> part in PartsOf(missing))
        {
            await _post.SendAsync(FrameType, run: null, round: null, await SignAsync(part, cancellation), [], cancellation);
        }

        if (missing.Length > 0)
        {
            Administrator.Sent();
            _sent = _journal.LastSeq;
            _sendAgain = now + Patience;
        }
    }

    /// <summary>Signs what the log lacks, to travel with a message that must not be in the log before it. What does not fit beside the message is sent at once.</summary>
    public async Task<ImmutableArray<DsseEnvelope>> BesideAsync(CancellationToken cancellation)
    {
        ImmutableArray<LogEntry>[] parts = [.. PartsOf(Missing(again: true))];
        foreach (ImmutableArray<LogEntry> part in parts.SkipLast(1))
        {
            await _post.SendAsync(FrameType, run: null, round: null, await SignAsync(part, cancellation), [], cancellation);
        }

        return parts is [.., var last] ? await SignAsync(last, cancellation) : [];
    }

    /// <inheritdoc/>
    public void Dispose() => _journal.Dispose();

    // The administrator's first, and in one message: a limit comes before what is reserved under it.
    private IEnumerable<LogEntry> Missing(bool again)
    {
        long highest = Highest();
        IEnumerable<LogEntry> own = _journal.Entries.Where(entry => entry.Seq > highest);
        return Administrator.Missing(again).Concat(again || _journal.LastSeq > _sent ? own : []);
    }

    private static IEnumerable<ImmutableArray<LogEntry>> PartsOf(IEnumerable<LogEntry> entries) => EntryBundle.Parts(entries, entry => entry.SignedBytes().Length);

    private async Task<ImmutableArray<DsseEnvelope>> SignAsync(ImmutableArray<LogEntry> entries, CancellationToken cancellation)
    {
        ImmutableArray<DsseEnvelope>.Builder signed = ImmutableArray.CreateBuilder<DsseEnvelope>(entries.Length);
        foreach (LogEntry entry in entries)
        {
            signed.Add(entry.Actor.Kind is EntryActor.Admin ? EntryEnvelope.Of(entry) : await _home.SignAsync(SiloHome.IdentityKey, LogEntry.PayloadType, entry.SignedBytes(), cancellation));
        }

        return signed.ToImmutable();
    }

    private async Task AppendAsync(EntryDraft draft, CancellationToken cancellation)
    {
        (VerificationKey identity, _) = await _home.KeyAsync(SiloHome.IdentityKey, cancellation);
        EntryActor actor = new() { Kind = EntryActor.Silo, Id = _home.Invitation.SiloId.Value, KeyId = identity.Fingerprint };
        _journal.Append(draft.ToEntry(_home.Invitation.Federation, actor, Math.Max(_journal.LastSeq, Highest()) + 1, At()));
        _clocks[_journal.LastSeq] = _time.GetUtcNow();
    }

    // A clock that goes back does not take the entries with it: the log would not have them.
    private DateTimeOffset At() => new[]
    {
        _time.GetUtcNow(),
        _journal.Entries is [.., { } last] ? last.Instant : default,
        _logged.IsEmpty ? default : _logged.Values.Max(place => place.At),
    }.Max();

    private long Highest() => _logged.IsEmpty ? 0 : _logged.Keys.Last();
}
