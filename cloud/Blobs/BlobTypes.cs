// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.ObjectModel;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;

namespace FedCloud.Cloud.Blobs;

/// <summary>A blob's place; both parts obey <see cref="BlobNames"/>.</summary>
public readonly record struct BlobName
{
    /// <summary>A place.</summary>
    /// <exception cref="FedCloudException"><c>blob_name_malformed</c>.</exception>
    public BlobName(string container, string path)
    {
        BlobNames.Require(container, path);
        Container = container;
        Path = path;
    }

    /// <summary>The container.</summary>
    public string Container { get; }

    /// <summary>The name inside the container.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public override string ToString() => Container + "/" + Path;
}

/// <summary>What is to be written: a length, a stream that can be opened again for a retry, and the blob's metadata.</summary>
public sealed class BlobContent
{
    private readonly Func<Stream> _open;

    private BlobContent(long length, Func<Stream> open, IReadOnlyDictionary<string, string> metadata)
    {
        Length = length;
        Metadata = metadata;
        _open = open;
    }

    /// <summary>The length in bytes.</summary>
    public long Length { get; }

    /// <summary>What is written beside the bytes: keys of a-z and 0-9, printable ASCII values.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>These bytes.</summary>
    public static BlobContent Of(byte[] bytes) => new(bytes.Length, () => new MemoryStream(bytes, writable: false), ReadOnlyDictionary<string, string>.Empty);

    /// <summary>A file, streamed.</summary>
    public static BlobContent OfFile(string path) => new(new FileInfo(path).Length, () => File.OpenRead(path), ReadOnlyDictionary<string, string>.Empty);

    /// <summary>The same content with this metadata.</summary>
    public BlobContent WithMetadata(IReadOnlyDictionary<string, string> metadata) => new(Length, _open, metadata);

    /// <summary>Opens the content from its start; the stream can seek.</summary>
    public Stream Open() => _open();
}

/// <summary>How a conditional write ended.</summary>
public abstract record PutOutcome
{
    /// <summary>It was written.</summary>
    /// <param name="ETag">The blob's new ETag.</param>
    public sealed record Written(string ETag) : PutOutcome;

    /// <summary>The condition failed: the blob exists, or has changed, or is gone.</summary>
    public sealed record ConditionFailed : PutOutcome;
}

/// <summary>An open blob.</summary>
/// <param name="content">The bytes, from the requested offset.</param>
/// <param name="owner">What keeps the stream alive.</param>
/// <param name="etag">The blob's ETag.</param>
/// <param name="blobLength">The whole blob's length in bytes.</param>
/// <param name="metadata">The blob's metadata.</param>
public sealed class BlobRead(Stream content, IDisposable owner, string etag, long blobLength, IReadOnlyDictionary<string, string> metadata) : IDisposable
{
    /// <summary>The bytes.</summary>
    public Stream Content { get; } = content;

    /// <summary>The ETag.</summary>
    public string ETag { get; } = etag;

    /// <summary>The whole blob's length in bytes.</summary>
    public long BlobLength { get; } = blobLength;

    /// <summary>The blob's metadata.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; } = metadata;

    /// <inheritdoc/>
    public void Dispose()
    {
        Content.Dispose();
        owner.Dispose();
    }
}

/// <summary>A listed blob.</summary>
/// <param name="Path">Its name in the container, as its writer chose it: it need not obey <see cref="BlobNames"/>.</param>
/// <param name="Length">Its length in bytes.</param>
/// <param name="LastModified">When it was last written, by the storage's clock.</param>
/// <param name="Leased">Whether somebody holds a lease on it.</param>
public sealed record BlobItem(string Path, long Length, DateTimeOffset LastModified, bool Leased)
{
    /// <summary>The blob's metadata.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; init; } = ReadOnlyDictionary<string, string>.Empty;
}

/// <summary>Whole small blobs.</summary>
public static class BlobStoreExtensions
{
    /// <summary>Reads a blob that must not be larger than a limit; null when it does not exist.</summary>
    /// <exception cref="FedCloudException"><c>blob_too_large</c>.</exception>
    public static async Task<(byte[] Bytes, string ETag)?> ReadAsync(this IBlobStore store, BlobName name, int maxBytes, CancellationToken cancellation)
    {
        using BlobRead? read = await store.OpenReadAsync(name, 0, null, cancellation);
        if (read is null)
        {
            return null;
        }

        if (read.BlobLength > maxBytes)
        {
            throw new FedCloudException(ErrorCodes.BlobTooLarge, $"{name}: expected at most {maxBytes} bytes, found {read.BlobLength}");
        }

        byte[] bytes = new byte[read.BlobLength];
        await read.Content.ReadExactlyAsync(bytes, cancellation);
        return (bytes, read.ETag);
    }

    /// <summary>Writes a blob whose content never changes: writing it again is success, writing another content is an error.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: the name holds another content.</exception>
    public static async Task PutOnceAsync(this IBlobStore store, BlobName name, byte[] bytes, CancellationToken cancellation)
    {
        if (await store.PutIfAbsentAsync(name, BlobContent.Of(bytes), cancellation) is PutOutcome.ConditionFailed && !await HoldsAsync(store, name, bytes, cancellation))
        {
            throw new FedCloudException(ErrorCodes.StorageFailed, $"{name} holds another content than the one to be written");
        }
    }

    private static async Task<bool> HoldsAsync(IBlobStore store, BlobName name, byte[] bytes, CancellationToken cancellation)
    {
        using BlobRead? read = await store.OpenReadAsync(name, 0, null, cancellation);
        if (read?.BlobLength != bytes.Length)
        {
            return false;
        }

        byte[] found = new byte[bytes.Length];
        await read.Content.ReadExactlyAsync(found, cancellation);
        return found.AsSpan().SequenceEqual(bytes);
    }
}
