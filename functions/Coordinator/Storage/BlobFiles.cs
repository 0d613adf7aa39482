// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Coordinator.Storage;

/// <summary>Blobs on their way through files.</summary>
public static class BlobFiles
{
    /// <summary>Copies a blob into a file and checks its digest.</summary>
    /// <exception cref="FedCloudException"><c>model_missing</c>, <c>base_model_corrupt</c> or <c>disk_full</c>.</exception>
    public static async Task DownloadAsync(IBlobStore store, BlobName name, string path, Sha256Digest expected, CancellationToken cancellation)
    {
        using (BlobRead read = await store.OpenReadAsync(name, 0, null, cancellation)
            ?? throw new FedCloudException(ErrorCodes.ModelMissing, $"{name}: expected a blob, found none"))
        {
            await WholeFile.CopyAsync(read.Content, path, cancellation);
        }

        Sha256Digest found = await DigestAsync(path, cancellation);
        if (found != expected)
        {
            throw new FedCloudException(ErrorCodes.BaseModelCorrupt, $"{name}: expected digest {expected.Hex[..16]}…, found {found.Hex[..16]}…", "look for who can write to the container");
        }
    }

    /// <summary>Writes a file as a blob whose content never changes: writing it again is success, another content under the name is an error.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: the name holds another content.</exception>
    public static async Task PutOnceAsync(IBlobStore store, BlobName name, string path, CancellationToken cancellation)
    {
        if (await store.PutIfAbsentAsync(name, BlobContent.OfFile(path), cancellation) is PutOutcome.Written)
        {
            return;
        }

        using BlobRead? there = await store.OpenReadAsync(name, 0, null, cancellation);
        bool same = there?.BlobLength == new FileInfo(path).Length
            && Sha256Digest.FromBytes(await SHA256.HashDataAsync(there.Content, cancellation)) == await DigestAsync(path, cancellation);
        if (!same)
        {
            throw new FedCloudException(ErrorCodes.StorageFailed, $"{name} holds another content than the one to be written");
        }
    }

    /// <summary>The SHA-256 of a file.</summary>
    public static async Task<Sha256Digest> DigestAsync(string path, CancellationToken cancellation)
    {
        await using FileStream file = File.OpenRead(path);
        return Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation));
    }
}

/// <summary>A folder that is gone when it is disposed.</summary>
public sealed class TemporaryFolder : IDisposable
{
    private readonly string _path;

    /// <summary>Makes a folder of its own inside another.</summary>
    public TemporaryFolder(string parent)
    {
        _path = Path.Combine(parent, Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(_path);
    }

    /// <summary>A file's path in the folder.</summary>
    public string File(string name) => Path.Combine(_path, name);

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(_path, recursive: true);
}
