// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Api;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>The coordinator's part in the log: its own entries, and the writer.</summary>
public sealed class CoordinatorLog : IDisposable
{
    private const int SaltBytes = 32;

    private static readonly ActorKey Coordinator = new(EntryActor.Coordinator, EntryActor.Coordinator);

    // What a round leaves behind then shares the batch of the next round's start, and a checkpoint less is witnessed.
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(500);

    private readonly IBlobStore _blobs;
    private readonly IKeyVault _vault;
    private readonly TimeProvider _time;
    private readonly CoordinatorOptions _options;
    private readonly ICoordinatorEvents _events;
    private readonly LogStore _store;
    private readonly LogWriter _writer;
    private readonly SemaphoreSlim _bell = new(0);
    private Sha256Digest? _disabled;

    /// <summary>Makes it.</summary>
    public CoordinatorLog(IBlobStore store, IMailboxes mailboxes, IKeyVault vault, TimeProvider time, CoordinatorOptions options, ICoordinatorEvents events)
    {
        ArgumentNullException.ThrowIfNull(mailboxes);
        ArgumentNullException.ThrowIfNull(options);
        _blobs = store;
        _vault = vault;
        _time = time;
        _options = options;
        _events = events;
        Origin = $"{options.Federation.Value}/log";
        _store = new LogStore(store);

        // Where nobody waits that long, nothing may linger.
        TimeSpan linger = options.IsShared && options.LogIdle <= Linger ? TimeSpan.Zero : Linger;
        _writer = new LogWriter(store, mailboxes.OpenOwn(StorageNames.MailAudit), vault, time, Origin, events, linger);
        Desk = new AuditDesk(store, mailboxes.Open(StorageNames.MailAudit), vault, options.Federation, time, Ring, options.IsShared);
    }

    /// <summary>The log's identity, also the name of its key.</summary>
    public string Origin { get; }

    /// <summary>Takes entries.</summary>
    public AuditDesk Desk { get; }

    /// <summary>The newest change of the log's key; null for none.</summary>
    public Task<LogKeyChanged?> KeyChangeAsync(CancellationToken cancellation) => _writer.KeyChangeAsync(cancellation);

    /// <summary>Takes up what is stored.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        foreach (KeyVersion version in await _vault.ListVersionsAsync(SiloPost.MessageKey, cancellation))
        {
            _writer.Trust(VerificationKey.FromSpki(version.Spki));
        }

        await Desk.StartAsync(async () => await _store.ReadStateAsync(Origin, await _store.LargestSizeAsync(cancellation), cancellation), cancellation);
    }

    /// <summary>Packs the evidence up to the newest witnessed checkpoint.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="sums">Whether what recomputes the sums of its rounds is packed too.</param>
    /// <param name="recipient">The role that it is exported for, which the log then says; null for a look that is no export.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>log_empty</c> or <c>storage_*</c>.</exception>
    public async Task PackAsync(string path, bool sums, string? recipient, CancellationToken cancellation)
    {
        using StoredEvidence evidence = new(_blobs, _vault, await _writer.WitnessedAsync(cancellation));
        await using (FileStream file = File.Create(path))
        {
            using IEvidenceSource source = sums ? new StoredSums(evidence, _blobs) : evidence;
            await EvidenceZip.WriteAsync(source, file, cancellation);
        }

        if (recipient is not null)
        {
            Sha256Digest bundle = await BlobFiles.DigestAsync(path, cancellation);
            await Desk.TakeAsync(source: null, 0, [FederationEntries.Exported(bundle, recipient)], cancellation);
        }
    }

    /// <summary>A page of the log up to the newest witnessed checkpoint, newest entry first.</summary>
    /// <param name="query">Which entries.</param>
    /// <param name="before">The page begins with the entry before this one; null begins with the newest.</param>
    /// <param name="limit">The most entries, 1 to 200.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>request_malformed</c>, <c>log_empty</c> or <c>storage_*</c>.</exception>
    public async Task<LogPage> PageAsync(EntryQuery query, long? before, int limit, CancellationToken cancellation)
    {
        LogPosition witnessed = await _writer.WitnessedAsync(cancellation);
        return await new LogPages(_store).ReadAsync(witnessed.Size, query, before, limit, cancellation);
    }

    /// <summary>Records an administrative action; of the resource only a commitment, whose salt is kept in the storage of the coordinator.</summary>
    public async Task RecordAccessAsync(AdministrativeAction action, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(action);
        await _blobs.PutIfAbsentAsync(StorageNames.AccessSalt, BlobContent.Of(RandomNumberGenerator.GetBytes(SaltBytes)), cancellation);
        (byte[] salt, _) = await _blobs.ReadAsync(StorageNames.AccessSalt, SaltBytes, cancellation) ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{StorageNames.AccessSalt}: expected a salt, found none");
        await Desk.TakeAsync(source: null, 0, [FederationEntries.Accessed(action.Resource, salt, action.OperationWord(), action.Result)], cancellation);
    }

    /// <summary>Records which code runs, if it is other code than ran before.</summary>
    public async Task RecordDeploymentAsync(Deployment deployment, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(deployment);
        StoredDocument<Deployment> stored = new(_blobs, StorageNames.Deployment, DocumentJson.Default.Deployment);
        if (await stored.LoadAsync(cancellation) != deployment)
        {
            await Desk.TakeAsync(source: null, 0, [FederationEntries.Deployed(deployment.Image, deployment.Materials, deployment.Code)], cancellation);
            await stored.SaveAsync(deployment, cancellation);
        }
    }

    /// <summary>Whether the first checkpoint of a roster version has enough witness lines.</summary>
    public Task<bool> IsWitnessedAsync(int rosterVersion, CancellationToken cancellation) => _writer.IsWitnessedAsync(rosterVersion, cancellation);

    /// <summary>Files a witness's line.</summary>
    public Task AcceptAsync(WitnessLineBody line, NoteKey witness, CancellationToken cancellation) => _writer.AcceptAsync(line, witness, cancellation);

    /// <summary>Sends the coordinator's entries, and writes at most one batch. Trouble is reported and stops nothing else: entries stay in their mailbox, and silos hold back what they cannot see in the log.</summary>
    /// <returns>False when nothing was due, or when it failed: call again later.</returns>
    public async Task<bool> TurnAsync(CancellationToken cancellation)
    {
        try
        {
            await RetireAsync(cancellation);
            await Desk.TurnAsync(_writer.Highest(Coordinator), cancellation);
            return await _writer.TurnAsync(cancellation);
        }
        catch (FedCloudException error)
        {
            _events.LogFailed(error);
            return false;
        }
    }

    /// <summary>Whether entries were sent since this was asked last.</summary>
    public bool TakeRing() => _bell.Wait(0, CancellationToken.None);

    /// <summary>Writes what waits: until nothing was due for a while, or it is enough for once.</summary>
    /// <param name="idle">How long to wait for more.</param>
    /// <param name="longest">How long at the most.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Whether something was written.</returns>
    public async Task<bool> WriteAsync(TimeSpan idle, TimeSpan longest, CancellationToken cancellation)
    {
        long began = _time.GetTimestamp();
        long last = began;
        bool wrote = false;
        try
        {
            while (true)
            {
                bool worked = await TurnAsync(cancellation);
                wrote |= worked;
                last = worked ? _time.GetTimestamp() : last;
                if (_time.GetElapsedTime(began) >= longest || (!worked && _time.GetElapsedTime(last) >= idle))
                {
                    return wrote;
                }

                if (!worked)
                {
                    await _bell.WaitAsync(_options.PollInterval, cancellation);
                }
            }
        }
        finally
        {
            await _writer.ReleaseAsync(CancellationToken.None);
        }
    }

    /// <summary>Writes until it is stopped.</summary>
    public async Task ServeAsync(CancellationToken cancellation)
    {
        try
        {
            while (!cancellation.IsCancellationRequested)
            {
                if (!await TurnAsync(cancellation))
                {
                    await _bell.WaitAsync(_options.PollInterval, cancellation);
                }
            }
        }
        finally
        {
            await _writer.ReleaseAsync(CancellationToken.None);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Desk.Dispose();
        _bell.Dispose();
    }

    // After the overlap of a rotation the old key is retired in the log first, and in the vault when the log says so; a lost one at once.
    private async Task RetireAsync(CancellationToken cancellation)
    {
        if (_writer.KeyChange is not { } change || change.Old == _disabled)
        {
            return;
        }

        if (change.IsRetirementDue(_time.GetUtcNow()))
        {
            await Desk.TakeAsync($"lk/{change.New.Hex}", 1, [FederationEntries.LogKeyRetired(change.Old)], cancellation);
        }

        if (change.IsRetired || !change.IsRotation)
        {
            IReadOnlyList<KeyVersion> versions = await _vault.ListVersionsAsync(CoordinatorService.LogKey, cancellation);
            foreach (KeyVersion version in versions.TakeWhile(version => VerificationKey.FromSpki(version.Spki).Fingerprint != change.New).Where(version => version.Enabled))
            {
                await _vault.TryDisableAsync(version.Kid, _events, cancellation);
            }

            _disabled = change.Old;
        }
    }

    private void Ring()
    {
        if (_bell.CurrentCount == 0)
        {
            _bell.Release();
        }
    }
}
