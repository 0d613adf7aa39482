// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>Blob storage as both sides of the protocol use it. Expected outcomes are values; failures are <see cref="FedCloudException"/>s.</summary>
/// <remarks>
/// Every member may fail with <c>storage_unreachable</c> (after several tries), <c>storage_denied</c>, <c>container_missing</c> or
/// <c>storage_failed</c>; so may reading from an open blob.
/// </remarks>
public interface IBlobStore
{
    /// <summary>Makes the container if it does not exist.</summary>
    Task EnsureContainerAsync(string container, CancellationToken cancellation);

    /// <summary>Writes a blob that does not exist yet. Nobody sees a part of it.</summary>
    /// <remarks>After a lost answer the store finds out whether the blob is its own earlier write, if the credential may read; else the name counts as taken.</remarks>
    Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation);

    /// <summary>Replaces a blob if its ETag is the given one.</summary>
    Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation);

    /// <summary>Opens a blob for reading; null when it does not exist. The caller disposes it.</summary>
    /// <param name="name">The blob.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes, at least one; null means to the end. Beyond the end there is nothing.</param>
    /// <param name="cancellation">Stops it.</param>
    Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation);

    /// <summary>Lists blobs by name.</summary>
    IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, CancellationToken cancellation);

    /// <summary>Deletes a blob.</summary>
    /// <param name="name">The blob.</param>
    /// <param name="lease">The lease that is held on it; null when there is none.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>False when it does not exist or another holds its lease.</returns>
    Task<bool> DeleteAsync(BlobName name, string? lease, CancellationToken cancellation);

    /// <summary>Takes a lease of 15 to 60 seconds on a blob; null when another holds it or the blob does not exist.</summary>
    Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation);

    /// <summary>Prolongs a lease by its duration; false when it is lost.</summary>
    Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation);

    /// <summary>Gives a lease back; false when it was lost before.</summary>
    Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation);

    /// <summary>Replaces a blob's bytes and metadata under a lease, which stays; false when the lease is lost.</summary>
    Task<bool> ReplaceLeasedAsync(BlobName name, BlobContent content, string lease, CancellationToken cancellation);

    /// <summary>Sets a blob's metadata under a lease; false when the lease is lost.</summary>
    Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation);
}
