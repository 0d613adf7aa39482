// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Audit;

/// <summary>The log's files in their two containers.</summary>
/// <param name="store">The storage.</param>
public sealed class LogStore(IBlobStore store)
{
    private const int MaxBundleBytes = HashTile.FullWidth * (EntryBundle.MaxEntryBytes + 2);

    /// <summary>Creates a file; one that exists with the same bytes is this write, done before.</summary>
    /// <exception cref="FedCloudException"><c>log_conflict</c>: it exists with other bytes.</exception>
    public async Task CreateAsync(LogWrite write, CancellationToken cancellation)
    {
        BlobName name = NameOf(write.Container, write.Path);
        if (await store.PutIfAbsentAsync(name, BlobContent.Of(write.Bytes.ToArray()), cancellation) is PutOutcome.ConditionFailed)
        {
            (byte[] existing, _) = await RequireAsync(name, cancellation);
            write.RequireSame(existing);
        }
    }

    /// <summary>Creates a file that anybody may have created before with the same meaning.</summary>
    public Task CreateFirstAsync(LogWrite write, CancellationToken cancellation) =>
        store.PutIfAbsentAsync(NameOf(write.Container, write.Path), BlobContent.Of(write.Bytes.ToArray()), cancellation);

    /// <summary>Archives a checkpoint.</summary>
    /// <returns>The archived one: its signatures may be those of an earlier try.</returns>
    /// <exception cref="FedCloudException"><c>log_conflict</c>: the archive holds another text.</exception>
    public async Task<SealedCheckpoint> ArchiveAsync(SealedCheckpoint signed, CancellationToken cancellation)
    {
        BlobName name = NameOf(LogContainer.Log, signed.Archive.Path);
        if (await store.PutIfAbsentAsync(name, BlobContent.Of(signed.Archive.Bytes.ToArray()), cancellation) is PutOutcome.Written)
        {
            return signed;
        }

        (byte[] existing, _) = await RequireAsync(name, cancellation);
        return signed.Reconcile(existing);
    }

    /// <summary>The largest archived size; 0 for a log without entries.</summary>
    public async Task<long> LargestSizeAsync(CancellationToken cancellation) => (await SizesAsync(cancellation)).LastOrDefault();

    /// <summary>The archived sizes, ascending.</summary>
    public async Task<ImmutableArray<long>> SizesAsync(CancellationToken cancellation)
    {
        List<long> sizes = [];
        await foreach (BlobItem item in store.ListAsync(StorageNames.Log, LogPaths.ArchivePrefix, cancellation))
        {
            if (LogPaths.TryParseArchive(item.Path, out long size))
            {
                sizes.Add(size);
            }
        }

        return [.. sizes.Order()];
    }

    /// <summary>An archived checkpoint with the lines that witnesses added.</summary>
    public async Task<CosignedCheckpoint> CosignedAsync(long size, CancellationToken cancellation)
    {
        IReadOnlyDictionary<string, SignedNote> lines = await LinesAsync(size, cancellation);
        return new CosignedCheckpoint(await ArchivedAsync(size, cancellation), [.. lines.Values]);
    }

    /// <summary>The checkpoint of a size as each witness signed it, by witness.</summary>
    public async Task<IReadOnlyDictionary<string, SignedNote>> LinesAsync(long size, CancellationToken cancellation)
    {
        SortedDictionary<string, SignedNote> lines = new(StringComparer.Ordinal);
        await foreach (BlobItem item in store.ListAsync(StorageNames.Log, LogPaths.CosignedPrefix(size), cancellation))
        {
            (byte[] bytes, _) = await RequireAsync(new BlobName(StorageNames.Log, item.Path), cancellation);
            lines[item.Path[LogPaths.CosignedPrefix(size).Length..]] = SignedNote.Parse(bytes);
        }

        return lines;
    }

    /// <summary>An archived checkpoint.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: there is none of that size; <c>note_malformed</c>.</exception>
    public async Task<SignedNote> ArchivedAsync(long size, CancellationToken cancellation)
    {
        (byte[] bytes, _) = await RequireAsync(NameOf(LogContainer.Log, LogPaths.Archive(size)), cancellation);
        return SignedNote.Parse(bytes);
    }

    /// <summary>Reads all entries up to a size, and rebuilds the writer's state from them.</summary>
    public async Task<LogState> ReadStateAsync(string origin, long size, CancellationToken cancellation)
    {
        LogState state = LogState.Empty(origin);
        foreach (BundleCoordinate bundle in TileLayout.Bundles(size))
        {
            state = state.Append(await BundleAsync(bundle, cancellation)).After;
        }

        return state;
    }

    /// <summary>The entries of a bundle.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: there is no such bundle; <c>bundle_malformed</c>.</exception>
    public async Task<ImmutableArray<byte[]>> BundleAsync(BundleCoordinate bundle, CancellationToken cancellation)
    {
        (byte[] bytes, _) = await RequireAsync(NameOf(LogContainer.Log, bundle.Path), cancellation);
        return EntryBundle.Read(bytes, bundle.Width);
    }

    /// <summary>The batch that was begun at a size; null when there is none.</summary>
    public async Task<ImmutableArray<byte[]>?> BatchAsync(long firstIndex, CancellationToken cancellation) =>
        await store.ReadAsync(NameOf(LogContainer.LogHead, LogPaths.Batch(firstIndex)), MaxBundleBytes, cancellation) is { } record
            ? LogSequencer.ReadRecord(record.Bytes)
            : null;

    /// <summary>Makes an archived checkpoint the newest.</summary>
    /// <exception cref="FedCloudException"><c>log_conflict</c>: another writer replaced it meanwhile.</exception>
    public async Task PublishAsync(SignedNote archived, CancellationToken cancellation)
    {
        BlobName name = NameOf(LogContainer.LogHead, LogPaths.Head);
        byte[] bytes = archived.ToBytes();
        (byte[] Bytes, string ETag)? current = await store.ReadAsync(name, SignedNote.MaxBytes, cancellation);
        if (current is { } there && there.Bytes.AsSpan().SequenceEqual(bytes))
        {
            return;
        }

        PutOutcome outcome = current is { } old
            ? await store.ReplaceIfMatchAsync(name, BlobContent.Of(bytes), old.ETag, cancellation)
            : await store.PutIfAbsentAsync(name, BlobContent.Of(bytes), cancellation);
        if (outcome is not PutOutcome.Written)
        {
            throw new FedCloudException(ErrorCodes.LogConflict, $"{name} was changed by another writer");
        }
    }

    private static BlobName NameOf(LogContainer container, string path) => new(LogPaths.Name(container), path);

    private async Task<(byte[] Bytes, string ETag)> RequireAsync(BlobName name, CancellationToken cancellation) =>
        await store.ReadAsync(name, MaxBundleBytes, cancellation) ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{name}: expected a file of the log, found none");
}
