// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Telemetry;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>The host of the log's sequencer: mailbox to batches, in the write order of audit-log section 3.1. Whatever breaks off is taken up at its step 0.</summary>
public sealed class LogWriter
{
    // A new process begins with few messages and then doubles: one that ends half-way through many would have written none of them.
    private const int MailAtFirst = 8;
    private const int MailAtOnce = 64;
    private const int MostOffers = 4_096;

    private readonly LogStore _log;
    private readonly IMailbox _mailbox;
    private readonly WriterLease _lease;
    private readonly LogSigner _signer;
    private readonly RosterShelf _rosters;
    private readonly ICoordinatorEvents _events;
    private readonly string _origin;
    private readonly TimeProvider _time;
    private readonly TimeSpan _linger;

    // In the order in which they were sent: an entry may rest on one that another actor sent before.
    private readonly OrderedDictionary<string, Offer> _offers = new(StringComparer.Ordinal);

    // After a full batch the next one may be at hand already; after another, what it waits for may be in the mailbox.
    private bool _lastWasFull;
    private int _mailAtOnce = MailAtFirst;
    private LogState? _state;

    // As it was read while another process is the writer, or left when this one was: right for as long as no checkpoint is newer.
    private LogState? _read;
    private Checkpoint? _signed;

    // Batches with a record and no checkpoint: their key was lost, and the next one signs them with the entry that says so.
    private Unsigned? _unsigned;

    /// <summary>Makes a writer.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="mailbox">The writer's mailbox.</param>
    /// <param name="vault">The vault that holds LK.</param>
    /// <param name="time">The clock.</param>
    /// <param name="origin">The log's identity.</param>
    /// <param name="events">Hears of entries that the log refuses.</param>
    /// <param name="linger">How long an entry that does not press waits for others, so that they share a batch; default not at all.</param>
    public LogWriter(IBlobStore store, IMailbox mailbox, IKeyVault vault, TimeProvider time, string origin, ICoordinatorEvents events, TimeSpan linger = default)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(linger, LogSequencer.MaxBatchAge);
        _time = time;
        _linger = linger;
        _log = new LogStore(store);
        _mailbox = mailbox;
        _lease = new WriterLease(store, time);
        _rosters = new RosterShelf(store);
        _signer = new LogSigner(vault);
        _events = events;
        _origin = origin;
    }

    /// <summary>Makes a coordinator's key known; rosters name its fingerprint only.</summary>
    public void Trust(VerificationKey coordinator) => _rosters.Add(coordinator);

    /// <summary>Writes at most one batch.</summary>
    /// <returns>False when nothing was to be written, or another process is the writer.</returns>
    /// <exception cref="FedCloudException"><c>log_conflict</c>, <c>consistency_failed</c>: the log must not be written any more; <c>storage_*</c> or <c>key_*</c>: try again.</exception>
    public async Task<bool> TurnAsync(CancellationToken cancellation)
    {
        try
        {
            if (_state is null && !await TakeUpAsync(cancellation))
            {
                return false;
            }

            return await WriteAsync(cancellation);
        }
        catch (FedCloudException)
        {
            // What was begun may be written or not: the storage knows, so the next turn begins there.
            _state = null;
            throw;
        }
    }

    /// <summary>The actor's highest number in the log; null while another process is the writer.</summary>
    public long? Highest(ActorKey actor) => _state?.Highest.GetValueOrDefault(actor);

    /// <summary>The newest change of the log's key, as the writer knows it; null for none, and while another process is the writer.</summary>
    public LogKeyChanged? KeyChange => _state?.KeyChange;

    /// <summary>The newest change of the log's key, whoever writes it; null for none.</summary>
    public async Task<LogKeyChanged?> KeyChangeAsync(CancellationToken cancellation) => (await ReadAsync(cancellation)).KeyChange;

    /// <summary>The newest checkpoint with enough witness lines (W4): where evidence for others ends. The newest of all while there is none.</summary>
    /// <exception cref="FedCloudException"><c>log_empty</c> or <c>storage_*</c>.</exception>
    public async Task<LogPosition> WitnessedAsync(CancellationToken cancellation)
    {
        LogState state = await ReadAsync(cancellation);
        LoggedRoster[] rosters = Logged(state);
        ImmutableArray<long> sizes = [.. (await _log.SizesAsync(cancellation)).Where(size => size <= state.Size)];
        LogPosition At(long size) => new(size, rosters.Count(roster => roster.Index < size));
        for (int at = sizes.Length - 1; at >= 0; at--)
        {
            CosignedCheckpoint checkpoint = await _log.CosignedAsync(sizes[at], cancellation);
            if (new WitnessCoverage(rosters, sizes, _ => checkpoint).IsWitnessed(sizes[at]))
            {
                return At(sizes[at]);
            }
        }

        return sizes is [.., long newest] ? At(newest) : throw new FedCloudException(ErrorCodes.LogEmpty, "the log has no checkpoint yet");
    }

    /// <summary>Whether the first checkpoint of a roster version has enough witness lines (W4).</summary>
    public async Task<bool> IsWitnessedAsync(int rosterVersion, CancellationToken cancellation)
    {
        LogState state = await ReadAsync(cancellation);
        LoggedRoster[] rosters = Logged(state);
        ImmutableArray<long> sizes = [.. (await _log.SizesAsync(cancellation)).Where(size => size <= state.Size)];
        long first = rosters.Length < rosterVersion ? 0 : sizes.FirstOrDefault(size => size > rosters[rosterVersion - 1].Index);
        if (first == 0)
        {
            return false;
        }

        CosignedCheckpoint checkpoint = await _log.CosignedAsync(first, cancellation);
        return new WitnessCoverage(rosters, sizes, _ => checkpoint).IsWitnessed(first);
    }

    /// <summary>Checks a witness's line, and files it.</summary>
    /// <exception cref="FedCloudException"><c>note_signature_invalid</c>, <c>storage_*</c>.</exception>
    public async Task AcceptAsync(WitnessLineBody line, NoteKey witness, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(line);
        SignedNote archived = await _log.ArchivedAsync(line.Size, cancellation);
        NoteSignature signature = new(witness.Name, witness.Id, Convert.FromBase64String(line.Signature));
        LogWrite file = WitnessLine.Accept(new SealedCheckpoint(archived, Checkpoint.Parse(archived.Text)), line.SiloId, witness, signature);
        await _log.CreateFirstAsync(file, cancellation);
    }

    /// <summary>Lets another process write: what was received and not written is its now.</summary>
    /// <exception cref="FedCloudException"><c>storage_*</c>: locks and lease end by themselves.</exception>
    public async Task ReleaseAsync(CancellationToken cancellation)
    {
        _read = _unsigned is null ? _state ?? _read : _read;
        _state = null;
        Offer[] held = [.. _offers.Values];
        _offers.Clear();
        await _lease.ReleaseAsync(cancellation);
        foreach (Offer offer in held)
        {
            await _mailbox.AbandonAsync(offer.Message, cancellation);
        }
    }

    private LoggedRoster[] Logged(LogState state) =>
        [.. state.Rosters.Select(roster => new LoggedRoster(roster.Key, _rosters.Find(roster.Value) ?? throw new FedCloudException(ErrorCodes.RosterMissing, "the log names a roster that is not published")))];

    // The log as far as checkpoints go, whoever writes it.
    private async Task<LogState> ReadAsync(CancellationToken cancellation)
    {
        if (_state is { } own)
        {
            return own;
        }

        await _rosters.TakeUpAsync(cancellation);
        long size = await _log.LargestSizeAsync(cancellation);
        return _read?.Size == size ? _read : _read = await _log.ReadStateAsync(_origin, size, cancellation);
    }

    // Step 0.
    private async Task<bool> TakeUpAsync(CancellationToken cancellation)
    {
        if (!_lease.IsHeld && !await _lease.TryTakeAsync(cancellation))
        {
            return false;
        }

        await _lease.RequireAsync(cancellation);
        await _rosters.TakeUpAsync(cancellation);
        long size = await _log.LargestSizeAsync(cancellation);
        LogState state = _read?.Size == size ? _read : await _log.ReadStateAsync(_origin, size, cancellation);
        _signed = null;
        if (size > 0)
        {
            SignedNote archived = await _log.ArchivedAsync(size, cancellation);
            archived.Verify(_rosters.LogKeys);
            _signed = Checkpoint.Parse(archived.Text);
            if (_signed != state.Checkpoint)
            {
                throw new FedCloudException(ErrorCodes.LogConflict, $"the archived checkpoint of size {size} is not that of the log's entries");
            }

            await _log.PublishAsync(archived, cancellation);
        }

        _unsigned = null;
        while (await _log.BatchAsync(state.Size, cancellation) is { } begun)
        {
            state = await WriteAsync(state, begun, cancellation);
        }

        _state = state;
        return true;
    }

    private async Task<bool> WriteAsync(CancellationToken cancellation)
    {
        LogState state = _state ?? throw new InvalidOperationException("the log is taken up");
        bool isMoreWaiting = false;
        if (!_lastWasFull || _offers.Values.Sum(offer => offer.Entries.Length) < LogSequencer.MaxBatchEntries)
        {
            isMoreWaiting = await ReceiveAsync(cancellation);
        }

        if (_offers.Count == 0)
        {
            return false;
        }

        await _rosters.TakeUpAsync(cancellation);
        AdmittedBatch admitted = EntryAdmission.Admit(state, _offers.Values.SelectMany(offer => offer.Entries), _rosters.Context(state.Roster));
        if (!admitted.Batch.IsEmpty && !admitted.MustFlush && !isMoreWaiting && _time.GetElapsedTime(_offers.Values.Min(offer => offer.ReceivedAt)) < _linger)
        {
            return false;
        }

        foreach (RefusedEntry refused in admitted.Refused)
        {
            _events.EntryRefused(refused.Entry, refused.Code);
        }

        _lastWasFull = admitted.Batch.Length == LogSequencer.MaxBatchEntries;
        if (!admitted.Batch.IsEmpty)
        {
            await _lease.RequireAsync(cancellation);
            _state = state = await WriteAsync(state, [.. admitted.Batch.Select(entry => entry.ToBytes())], cancellation);
            _mailAtOnce = Math.Min(2 * _mailAtOnce, MailAtOnce);
        }

        await CompleteAsync(admitted.Waiting.ToHashSet<LogEntry>(ReferenceEqualityComparer.Instance), cancellation);
        return !admitted.Batch.IsEmpty;
    }

    // Steps 2 to 6.
    private async Task<LogState> WriteAsync(LogState state, ImmutableArray<byte[]> batch, CancellationToken cancellation)
    {
        Unsigned before = _unsigned ?? new Unsigned(state, []);
        LogStep step = LogSequencer.Step(before.Signed, batch, before.Begun);
        IReadOnlyList<NoteKey> keys = _rosters.SignersOf(step, _signed);
        bool canSign = await _signer.HasAsync(keys, cancellation);
        if (!canSign && !await IsReplacedAsync(keys, cancellation))
        {
            throw LogSigner.Missing(keys[0]);
        }

        await _log.CreateAsync(step.Record, cancellation);
        if (!canSign)
        {
            _unsigned = before with { Begun = [.. before.Begun, .. batch] };
            return step.After;
        }

        foreach (LogWrite file in step.Files)
        {
            await _lease.RequireAsync(cancellation);
            await _log.CreateAsync(file, cancellation);
        }

        (_, byte[] digest) = step.Prepare(_signed);
        await _lease.RequireAsync(cancellation);
        if (step.After.KeyChange is { IsRotation: false } change && change.Index >= before.Signed.Size)
        {
            await RequireWitnessedHistoryAsync(before.Signed, cancellation);
        }

        SealedCheckpoint signed = step.Seal([.. await _signer.SignAsync(digest, keys, cancellation)]);
        SealedCheckpoint archived = await _log.ArchiveAsync(signed, cancellation);
        await _log.PublishAsync(archived.Note, cancellation);
        _signed = archived.Checkpoint;
        _unsigned = null;
        _events.LogGrew(archived.Checkpoint.Size);
        return step.After;
    }

    // The members have given the log another key, and it is there.
    private async Task<bool> IsReplacedAsync(IReadOnlyList<NoteKey> keys, CancellationToken cancellation)
    {
        await _rosters.TakeUpAsync(cancellation);
        NoteKey newest = _rosters.NewestLogKey;
        return keys.All(key => !string.Equals(key.VKey, newest.VKey, StringComparison.Ordinal)) && await _signer.HasAsync([newest], cancellation);
    }

    // A lost key may be a stolen one: before another takes over, what each witness signed last must be of this history (audit-log, section 6, step 6).
    private async Task RequireWitnessedHistoryAsync(LogState state, CancellationToken cancellation)
    {
        Dictionary<string, Checkpoint> last = new(StringComparer.Ordinal);
        foreach (long size in await _log.SizesAsync(cancellation))
        {
            foreach ((string witness, SignedNote note) in await _log.LinesAsync(size, cancellation))
            {
                last[witness] = Checkpoint.Parse(note.Text);
            }
        }

        foreach ((string witness, Checkpoint checkpoint) in last)
        {
            LogState then = checkpoint.Size == state.Size ? state : await _log.ReadStateAsync(_origin, checkpoint.Size, cancellation);
            if (then.Checkpoint != checkpoint)
            {
                throw new FedCloudException(ErrorCodes.LogFork, $"the last checkpoint that the witness {witness} signed, of size {checkpoint.Size}, is of another history");
            }
        }
    }

    // Whether more may be in the mailbox.
    private async Task<bool> ReceiveAsync(CancellationToken cancellation)
    {
        int most = Math.Min(_mailAtOnce, MostOffers - _offers.Count);
        if (most < 1)
        {
            return false;
        }

        IReadOnlyList<ReceivedMessage> messages = await _mailbox.ReceiveAsync(most, cancellation);
        foreach (ReceivedMessage message in messages)
        {
            try
            {
                if (message.Sent is { } sent)
                {
                    CoordinatorMetrics.MessageTaken(CoordinatorMetrics.LogMailbox, _time.GetUtcNow() - sent);
                }

                _offers[message.Id.Value] = new Offer(message, _time.GetTimestamp(), [.. EntryBundle.Read(message.Body).Select(bytes => LogEntry.Parse(bytes))]);
            }
            catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
            {
                _events.MessageRefused(message.Id, error);
                await _mailbox.DeadLetterAsync(message, error.Code.Name, cancellation);
            }
        }

        return messages.Count == most;
    }

    // Step 7. A message with an entry that waits stays: it is delivered again after a crash.
    private async Task CompleteAsync(HashSet<LogEntry> waiting, CancellationToken cancellation)
    {
        foreach (Offer offer in _offers.Values.Where(offer => !offer.Entries.Any(entry => waiting.Contains(entry))).ToList())
        {
            await _mailbox.CompleteAsync(offer.Message, cancellation);
            _offers.Remove(offer.Message.Id.Value);
        }
    }

    private sealed record Unsigned(LogState Signed, ImmutableArray<byte[]> Begun);

    private sealed record Offer(ReceivedMessage Message, long ReceivedAt, ImmutableArray<LogEntry> Entries);
}
