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
    private readonly IKeyVault _vault;
    private readonly FederationId _federation;
    private readonly TimeProvider _time;
    private readonly Action _ring;
    private readonly StoredDocument<OutgoingEntries> _stored;
    private readonly BlobMailbox _mailbox;
    private readonly MessageIds _ids;
    private readonly SemaphoreSlim _gate = new(1, 1);
    private OutgoingEntries _queue = OutgoingEntries.Resume(0, 0);
    private long _sent;

    /// <summary>Makes a desk.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="vault">The vault that holds CK.</param>
    /// <param name="federation">The federation.</param>
    /// <param name="time">The clock.</param>
    /// <param name="ring">Wakes the log's writer.</param>
    public AuditDesk(IBlobStore store, IKeyVault vault, FederationId federation, TimeProvider time, Action ring)
    {
        _vault = vault;
        _federation = federation;
        _time = time;
        _ring = ring;
        _stored = new StoredDocument<OutgoingEntries>(store, StorageNames.Outgoing, DocumentJson.Default.OutgoingEntries);
        _mailbox = new BlobMailbox(store, StorageNames.MailAudit, time);
        _ids = new MessageIds(time);
    }

    /// <summary>Takes up the stored queue, or, where it was lost, goes on from what the log has.</summary>
    /// <param name="log">Reads the log's state; asked only where there is no queue.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task StartAsync(Func<Task<LogState>> log, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(log);
        if (await _stored.LoadAsync(cancellation) is { } queue)
        {
            _queue = queue;
            return;
        }

        LogState state = await log();
        await SaveAsync(OutgoingEntries.Resume(state.Highest.GetValueOrDefault(new ActorKey(EntryActor.Coordinator, EntryActor.Coordinator)), state.Size), cancellation);
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
            await RefreshAsync(cancellation);
            VerificationKey key = VerificationKey.FromSpki((await KeyAsync(cancellation)).Spki);
            EntryActor actor = new() { Kind = EntryActor.Coordinator, Id = EntryActor.Coordinator, KeyId = key.Fingerprint };
            OutgoingEntries next = _queue.Take(source, effect, drafts, _federation, actor, _time.GetUtcNow());
            if (!ReferenceEquals(next, _queue))
            {
                await SaveAsync(next, cancellation);
            }

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
            await RefreshAsync(cancellation);

            // Not saved for its own sake: what a restart sends again, the writer knows.
            _queue = highest is { } known ? _queue.Confirm(known) : _queue;
            await SendAsync(cancellation);
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _gate.Dispose();

    private async Task SendAsync(CancellationToken cancellation)
    {
        foreach (ImmutableArray<LogEntry> entries in EntryBundle.Parts(_queue.Pending.Where(entry => entry.Seq > _sent), entry => entry.SignedBytes().Length))
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

    private async Task SaveAsync(OutgoingEntries queue, CancellationToken cancellation)
    {
        await _stored.SaveAsync(queue, cancellation);
        _queue = queue;
    }

    // After a write whose outcome is not known, the storage says what is journaled.
    private async Task RefreshAsync(CancellationToken cancellation)
    {
        if (_stored.IsInDoubt && await _stored.LoadAsync(cancellation) is { } stored)
        {
            _queue = stored;
        }
    }
}
