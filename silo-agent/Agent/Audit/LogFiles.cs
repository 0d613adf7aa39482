// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The log's files as a silo may read them. Nothing that comes from here is verified.</summary>
/// <param name="store">The storage.</param>
public sealed class LogFiles(IBlobStore store)
{
    private const int MaxBundleBytes = HashTile.FullWidth * (sizeof(ushort) + EntryBundle.MaxEntryBytes);

    /// <summary>The newest checkpoint; null while there is no log.</summary>
    public async Task<SignedNote?> HeadAsync(CancellationToken cancellation)
    {
        try
        {
            return await NoteAsync(LogContainer.LogHead, LogPaths.Head, cancellation);
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.ContainerMissing)
        {
            return null;
        }
    }

    /// <summary>An archived checkpoint; null where the log has none of that size.</summary>
    public Task<SignedNote?> ArchivedAsync(long size, CancellationToken cancellation) => NoteAsync(LogContainer.Log, LogPaths.Archive(size), cancellation);

    /// <summary>A checkpoint with a silo's witness line; null while there is none.</summary>
    public Task<SignedNote?> CosignedAsync(long size, SiloId witness, CancellationToken cancellation) =>
        NoteAsync(LogContainer.Log, LogPaths.Cosigned(size, witness), cancellation);

    /// <summary>The entries of a bundle.</summary>
    /// <exception cref="FedCloudException"><c>log_file_missing</c> or <c>bundle_malformed</c>.</exception>
    public Task<byte[]> BundleAsync(BundleCoordinate bundle, CancellationToken cancellation) => FileAsync(bundle.Path, MaxBundleBytes, cancellation);

    /// <summary>Tiles, read before anything is proved with them.</summary>
    /// <exception cref="FedCloudException"><c>log_file_missing</c>.</exception>
    public async Task<TileSource> TilesAsync(IReadOnlySet<TileCoordinate> tiles, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        Dictionary<TileCoordinate, byte[]> read = [];
        foreach (TileCoordinate tile in tiles)
        {
            read.Add(tile, await FileAsync(tile.Path, HashTile.FullWidth * MerkleHash.Length, cancellation));
        }

        return tile => read[tile];
    }

    private async Task<SignedNote?> NoteAsync(LogContainer container, string path, CancellationToken cancellation) =>
        await store.ReadAsync(new BlobName(LogPaths.Name(container), path), SignedNote.MaxBytes, cancellation) is { } read ? SignedNote.Parse(read.Bytes) : null;

    private async Task<byte[]> FileAsync(string path, int maxBytes, CancellationToken cancellation) =>
        await store.ReadAsync(new BlobName(LogPaths.Name(LogContainer.Log), path), maxBytes, cancellation) is { } read
            ? read.Bytes
            : throw new FedCloudException(ErrorCodes.LogFileMissing, $"expected {path} in the log, found none");
}
