// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>A checkpoint of the log.</summary>
/// <param name="Size">Its number of entries.</param>
/// <param name="Rosters">How many roster versions they name.</param>
public readonly record struct LogPosition(long Size, int Rosters);

/// <summary>The evidence of a federation as it lies in its storage: the log, the rosters, the coordinator's public keys, what the log names by hash (the configuration of each run and the silos' data cards), and the messages by which silos disclosed evaluation figures.</summary>
/// <remarks>Whoever verifies it trusts nothing of this: every file is checked against what is pinned.</remarks>
/// <param name="store">The storage.</param>
/// <param name="vault">The vault that holds CK.</param>
/// <param name="checkpoint">The checkpoint at which the evidence ends.</param>
public sealed class StoredEvidence(IBlobStore store, IKeyVault vault, LogPosition checkpoint) : IEvidenceSource
{
    // The canonical bytes of an entry hold its type so; only the few that do are parsed.
    private static readonly byte[][] NamingTypes = [.. new[] { EntryTypes.PlanSubmitted, EntryTypes.IdentityEnrolled }.Select(type => Encoding.ASCII.GetBytes($"\"type\":\"{type}\""))];

    private readonly Dictionary<string, BlobName> _blobs = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _keys = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<EvidenceFile>> ListAsync(CancellationToken cancellation)
    {
        _blobs.Clear();
        _keys.Clear();
        List<EvidenceFile> files = [];
        foreach (LogContainer container in Enum.GetValues<LogContainer>())
        {
            await AddAsync(LogPaths.Name(container), string.Empty, path => EvidenceLayout.Of(container, path), files, cancellation);
        }

        BlobName head = new(StorageNames.Log, LogPaths.Archive(checkpoint.Size));
        using (BlobRead read = await store.OpenReadAsync(head, 0, null, cancellation) ?? throw new FedCloudException(ErrorCodes.LogEmpty, "the log has no checkpoint yet"))
        {
            string path = EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Head);
            _blobs[path] = head;
            files.Add(new EvidenceFile(path, read.BlobLength));
        }

        await AddAsync(RosterBundle.Container, "rosters/", static path => path, files, cancellation);
        foreach (KeyVersion version in await vault.ListVersionsAsync(SiloPost.MessageKey, cancellation))
        {
            string path = EvidenceLayout.Key(VerificationKey.FromSpki(version.Spki).Fingerprint);
            _keys[path] = version.Spki;
            files.Add(new EvidenceFile(path, version.Spki.Length));
        }

        await AddNamedAsync(files, cancellation);
        return [.. files.OrderBy(file => file.Path, StringComparer.Ordinal)];
    }

    /// <inheritdoc/>
    public async ValueTask<Stream> OpenAsync(EvidenceFile file, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(file);
        if (_keys.TryGetValue(file.Path, out byte[]? key))
        {
            return new MemoryStream(key, writable: false);
        }

        BlobName name = _blobs[file.Path];
        (byte[] bytes, _) = await store.ReadAsync(name, int.MaxValue, cancellation)
            ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{name}: expected a file of the log, found none");
        return new MemoryStream(bytes, writable: false);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        // The storage is its owner's.
    }

    // The entry comes before the file: one that is not stored yet, or not any more, is left out.
    private async Task AddNamedAsync(List<EvidenceFile> files, CancellationToken cancellation)
    {
        foreach (BundleCoordinate bundle in TileLayout.Bundles(checkpoint.Size))
        {
            (byte[] bytes, _) = await store.ReadAsync(new BlobName(StorageNames.Log, bundle.Path), int.MaxValue, cancellation)
                ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{bundle.Path}: expected a file of the log, found none");
            foreach (byte[] entry in EntryBundle.Read(bytes, bundle.Width).Where(entry => NamingTypes.Any(type => entry.AsSpan().IndexOf(type) >= 0)))
            {
                await AddNamedAsync(LogEntry.Parse(entry), files, cancellation);
            }
        }
    }

    private Task AddNamedAsync(LogEntry entry, List<EvidenceFile> files, CancellationToken cancellation) => entry switch
    {
        { Type: EntryTypes.PlanSubmitted, Job: { } job } => AddRunAsync(job, entry.Subjects["config"], files, cancellation),
        { Type: EntryTypes.IdentityEnrolled } when entry.Subjects["data_card"] is var card && card != Sha256Digest.Zero => AddBlobAsync(card, StorageNames.DataCard(card), files, cancellation),
        _ => Task.CompletedTask,
    };

    private async Task AddRunAsync(RunId job, Sha256Digest config, List<EvidenceFile> files, CancellationToken cancellation)
    {
        await AddBlobAsync(config, StorageNames.Config(job), files, cancellation);
        await foreach (BlobItem item in store.ListAsync(StorageNames.State, StorageNames.FiguresOf(job), cancellation))
        {
            string path = EvidenceLayout.Envelope(StorageNames.FiguresIn(item.Path));
            if (_blobs.TryAdd(path, new BlobName(StorageNames.State, item.Path)))
            {
                files.Add(new EvidenceFile(path, item.Length));
            }
        }
    }

    private async Task AddBlobAsync(Sha256Digest digest, BlobName name, List<EvidenceFile> files, CancellationToken cancellation)
    {
        string path = EvidenceLayout.Blob(digest);
        using BlobRead? read = _blobs.ContainsKey(path) ? null : await store.OpenReadAsync(name, 0, null, cancellation);
        if (read is not null)
        {
            _blobs[path] = name;
            files.Add(new EvidenceFile(path, read.BlobLength));
        }
    }

    // What is no evidence, as the writer's lease and proposed rosters, stays out.
    private async Task AddAsync(string container, string prefix, Func<string, string> place, List<EvidenceFile> files, CancellationToken cancellation)
    {
        await foreach (BlobItem item in store.ListAsync(container, prefix, cancellation))
        {
            string path = place(item.Path);
            if (EvidenceSnapshot.Holds(path, checkpoint.Size, checkpoint.Rosters))
            {
                _blobs[path] = new BlobName(container, item.Path);
                files.Add(new EvidenceFile(path, item.Length));
            }
        }
    }
}
