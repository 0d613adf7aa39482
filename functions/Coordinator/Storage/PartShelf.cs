// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Identity;

namespace FedCloud.Coordinator.Storage;

/// <summary>Parts of an effect's result that others computed beforehand. They save work and nothing else: what is not there, or has another length, is computed again.</summary>
/// <param name="store">The storage.</param>
/// <param name="job">The run.</param>
/// <param name="effect">The effect's number, which no other effect of the run has.</param>
public sealed class PartShelf(IBlobStore store, RunId job, long effect)
{
    /// <summary>How many parts so many coordinates have; 0 where one piece is enough.</summary>
    public static int Count(long coordinates, int each) => coordinates > each ? (int)((coordinates + each - 1) / each) : 0;

    /// <summary>Keeps a part.</summary>
    public Task PutAsync(int part, string path, CancellationToken cancellation) => BlobFiles.PutOnceAsync(store, StorageNames.Part(job, effect, part), path, cancellation);

    /// <summary>Copies a part to where the output stands.</summary>
    /// <returns>False when it is not there; then nothing was written.</returns>
    public async Task<bool> TryCopyAsync(int part, long bytes, Stream output, CancellationToken cancellation)
    {
        using BlobRead? read = await store.OpenReadAsync(StorageNames.Part(job, effect, part), 0, null, cancellation);
        if (read is null || read.BlobLength != bytes)
        {
            return false;
        }

        await read.Content.CopyToAsync(output, cancellation);
        return true;
    }

    /// <summary>Throws the parts away.</summary>
    public async Task ClearAsync(int parts, CancellationToken cancellation)
    {
        for (int part = 0; part < parts; part++)
        {
            await store.DeleteAsync(StorageNames.Part(job, effect, part), lease: null, cancellation);
        }
    }
}
