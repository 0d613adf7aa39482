// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cloud.Blobs;

/// <summary>Containers of several accounts, or under several identities, as one storage.</summary>
/// <param name="storeOf">The storage of a container.</param>
public sealed class BlobStoreByContainer(Func<string, IBlobStore> storeOf) : IBlobStore
{
    /// <inheritdoc/>
    public Task EnsureContainerAsync(string container, CancellationToken cancellation) => storeOf(container).EnsureContainerAsync(container, cancellation);

    /// <inheritdoc/>
    public Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation) => storeOf(name.Container).PutIfAbsentAsync(name, content, cancellation);

    /// <inheritdoc/>
    public Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation) => storeOf(name.Container).ReplaceIfMatchAsync(name, content, etag, cancellation);

    /// <inheritdoc/>
    public Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation) => storeOf(name.Container).OpenReadAsync(name, offset, length, cancellation);

    /// <inheritdoc/>
    public IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, CancellationToken cancellation) => storeOf(container).ListAsync(container, prefix, cancellation);

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobName name, string? lease, CancellationToken cancellation) => storeOf(name.Container).DeleteAsync(name, lease, cancellation);

    /// <inheritdoc/>
    public Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation) => storeOf(name.Container).AcquireLeaseAsync(name, duration, cancellation);

    /// <inheritdoc/>
    public Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation) => storeOf(name.Container).RenewLeaseAsync(name, lease, cancellation);

    /// <inheritdoc/>
    public Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation) => storeOf(name.Container).ReleaseLeaseAsync(name, lease, cancellation);

    /// <inheritdoc/>
    public Task<bool> ReplaceLeasedAsync(BlobName name, BlobContent content, string lease, CancellationToken cancellation) => storeOf(name.Container).ReplaceLeasedAsync(name, content, lease, cancellation);

    /// <inheritdoc/>
    public Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation) => storeOf(name.Container).SetMetadataAsync(name, metadata, lease, cancellation);
}
