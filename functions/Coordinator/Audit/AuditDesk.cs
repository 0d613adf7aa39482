// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>The coordinator's own entries: journaled with their number, then signed, then sent to the log's writer until a checkpoint holds them.</summary>
public sealed class AuditDesk : IDisposable
{
    // With so many confirmed entries the queue is written for their sake.
    private const int MostConfirmed = 64;

    private readonly IKeyVault _vault;
    private readonly FederationId _federation;
    private readonly TimeProvider _time;
    private readonly Action _ring;
    private readonly StoredDocument<OutgoingEntries> _stored;
    private readonly IMailbox _mailbox;
    private readonly bool _isShared;
    private readonly MessageIds _ids;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private HeldDocument<OutgoingEntries>? _queue;
    private long _sent;
    private long _confirmed;

    /// <summary>Makes a desk.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="mailbox">The mailbox of the log's writer.</param>
    /// <param name="vault">The vault that holds CK.</param>
    /// <param name="federation">The federation.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ring">Wakes the log's writer.</param>
    /// <param name="isShared">Whether other processes journal entries too, which may end before they sent them.</param>
    public AuditDesk(IBlobStore store, IMailbox mailbox, IKeyVault vault, FederationId federation, TimeProvider time, Action ring, bool isShared = false)
    {
        _isShared = isShared;
        _mailbox = mailbox;
        _vault = vault;
        _federation = federation;
        _time = time;
        _ring = ring;
        _stored = new StoredDocument<OutgoingEntries>(store, StorageNames.Outgoing, DocumentJson.Default.OutgoingEntries);
        _ids = new MessageIds(time);
    }

    /// <summary>Takes up the stored queue, or, where it was lost, goes on from what the log has.</summary>
    /// <param name="log">Reads the log's state; asked only where there is no queue.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task StartAsync(Func<Task<LogState>> log, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(log);
        OutgoingEntries? stored = await _stored.LoadAsync(cancellation);
        LogState? state = stored is null ? await log() : null;
        _queue = await _stored.HoldAsync(() => OutgoingEntries.Resume(state?.Highest.GetValueOrDefault(new ActorKey(EntryActor.Coordinator, EntryActor.Coordinator)) ?? 0, state?.Size ?? 0), cancellation);
    }

    /// <summary>Takes the entries of an effect; a second time it changes nothing. Durable when this returns.</summary>
    /// <param name="source">Whose effects are numbered; null for entries that cannot come twice.</param>
    /// <param name="effect">The effect's number in its source.</param>
    /// <param name="drafts">The entries.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task TakeAsync(string? source, long effect, ImmutableArray<EntryDraft> drafts, CancellationToken cancellation)
    {
        if (drafts.IsEmpty)
        {
            return;
        }

        await _gate.WaitAsync(cancellation);
        try
        {
            VerificationKey key = VerificationKey.FromSpki((await KeyAsync(cancellation)).Spki);
            EntryActor actor = new() { Kind = EntryActor.Coordinator, Id = EntryActor.Coordinator, KeyId = key.Fingerprint };
            DateTimeOffset at = _time.GetUtcNow();

            // What is confirmed leaves with what comes: never for its own sake, since the writer knows what a restart sends again.
            await Queue.ReplaceAsync(queue => queue.Take(source, effect, drafts, _federation, actor, at) is var next && ReferenceEquals(next, queue) ? queue : next.Confirm(_confirmed), cancellation);
            await SendAsync(cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>Passes on entries of another actor, which sends them again until they are in a checkpoint.</summary>
    public async Task ForwardAsync(IEnumerable<LogEntry> entries, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(entries);
        foreach (ImmutableArray<byte[]> part in EntryBundle.Parts(entries.Select(entry => entry.ToBytes()), bytes => bytes.Length))
        {
            await _mailbox.SendAsync(_ids.Next(), EntryBundle.Write(part), cancellation);
            _ring();
        }
    }

    /// <summary>Sends what was not sent since the start.</summary>
    /// <param name="highest">The coordinator's highest number in the log; null when it is not known.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task TurnAsync(long? highest, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            _confirmed = Math.Max(_confirmed, highest ?? 0);
            if (_isShared)
            {
                // The processes that journal entries do not know what is confirmed.
                await Queue.ReloadAsync(cancellation);
                await Queue.ReplaceAsync(queue => queue.Pending.Count(entry => entry.Seq <= _confirmed) < MostConfirmed ? queue : queue.Confirm(_confirmed), cancellation);
            }
            else
            {
                await Queue.RefreshAsync(cancellation);
            }

            await SendAsync(cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gate.Dispose();
        _queue?.Dispose();
    }

    private HeldDocument<OutgoingEntries> Queue => _queue ?? throw new InvalidOperationException("the desk is not started");

    private async Task SendAsync(CancellationToken cancellation)
    {
        foreach (ImmutableArray<LogEntry> entries in EntryBundle.Parts(Queue.Current.Pending.Where(entry => entry.Seq > Math.Max(_sent, _confirmed)), entry => entry.SignedBytes().Length))
        {
            List<byte[]> signed = [];
            foreach (LogEntry entry in entries)
            {
                byte[] signature = await _vault.SignAsync(await KidAsync(entry, cancellation), entry.SigningDigest(), cancellation);
                signed.Add(entry.WithSignature(signature).ToBytes());
            }

            await _mailbox.SendAsync(_ids.Next(), EntryBundle.Write(signed), cancellation);
            _sent = entries[^1].Seq;
            _ring();
        }
    }

    // The key version that the entry was journaled under, which a rotation since then may have followed.
    private async Task<string> KidAsync(LogEntry entry, CancellationToken cancellation)
    {
        foreach (KeyVersion version in await _vault.ListVersionsAsync(SiloPost.MessageKey, cancellation))
        {
            if (VerificationKey.FromSpki(version.Spki).Fingerprint == entry.Actor.KeyId)
            {
                return version.Kid;
            }
        }

        throw new FedCloudException(ErrorCodes.KeyMissing, $"the vault has not the coordinator's key {entry.Actor.KeyId.Hex[..16]}…");
    }

    private Task<KeyVersion> KeyAsync(CancellationToken cancellation) => _vault.EnsureAsync(SiloPost.MessageKey, KeyKind.EcP256, cancellation);
}
