// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.ObjectModel;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using Azure;
using Azure.Core;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;

namespace FedCloud.Cloud.Blobs;

/// <summary>Azure Blob Storage through its own client.</summary>
/// <remarks>
/// The client sends requests again with growing, jittered waits, as often as the options say, and goes on with a body that breaks
/// off under the blob's ETag. It does not say that it did: after a failed condition the store looks whether the blob is its own
/// earlier write, and a deletion whose answer was lost counts as nothing to delete.
/// </remarks>
public sealed class AzureBlobStore : IBlobStore
{
    private readonly BlobServiceClient _service;
    private readonly AzureBlobStoreOptions _options;

    /// <summary>Opens a storage account.</summary>
    /// <param name="endpoint">The blob endpoint, such as <c>https://account.blob.core.windows.net</c>.</param>
    /// <param name="credential">What opens it.</param>
    /// <param name="options">Sizes and limits.</param>
    public AzureBlobStore(Uri endpoint, TokenCredential credential, AzureBlobStoreOptions? options = null)
        : this(new BlobServiceClient(endpoint, credential, (options ?? new AzureBlobStoreOptions()).ToClientOptions()), options)
    {
    }

    /// <summary>Uses a client.</summary>
    public AzureBlobStore(BlobServiceClient service, AzureBlobStoreOptions? options = null)
    {
        _service = service;
        _options = options ?? new AzureBlobStoreOptions();
    }

    /// <inheritdoc/>
    public Task EnsureContainerAsync(string container, CancellationToken cancellation) =>
        CallAsync(() => _service.GetBlobContainerClient(container).CreateIfNotExistsAsync(PublicAccessType.None, cancellationToken: cancellation), "create", container, cancellation);

    /// <inheritdoc/>
    public Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation) =>
        PutAsync(name, content, new WriteCondition(IfAbsent: true), cancellation);

    /// <inheritdoc/>
    public Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation) =>
        PutAsync(name, content, new WriteCondition(IfMatch: etag), cancellation);

    /// <inheritdoc/>
    public async Task<bool> ReplaceLeasedAsync(BlobName name, BlobContent content, string lease, CancellationToken cancellation) =>
        // Renewed first: then the lease outlasts the write.
        await RenewLeaseAsync(name, lease, cancellation)
        && await PutAsync(name, content, new WriteCondition(Lease: lease), cancellation) is PutOutcome.Written;

    /// <inheritdoc/>
    public async Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfLessThan(length ?? 1, 1, nameof(length));
        BlobDownloadStreamingResult read;
        try
        {
            BlobDownloadOptions options = new() { Range = new HttpRange(offset, length) };
            read = (await BlobOf(name).DownloadStreamingAsync(options, cancellation)).Value;
        }
        catch (RequestFailedException error) when (error.Status == 404 && !AzureStorageErrors.AnswerOf(error).IsContainerMissing)
        {
            return null;
        }
        catch (Exception error) when (AzureStorageErrors.IsTrouble(error, cancellation))
        {
            throw AzureStorageErrors.Of(error, "read", name.ToString());
        }

        BlobDownloadDetails details = read.Details;
        long whole = ContentRangeHeaderValue.TryParse(details.ContentRange, out ContentRangeHeaderValue? range) ? range.Length ?? details.ContentLength : details.ContentLength;
        AzureBlobBody body = new(read.Content, name, details.ContentLength);
        return new BlobRead(body, read, AzureBlobWriter.TextOf(details.ETag), whole, LowerCased(details.Metadata));
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        GetBlobsOptions options = new() { Traits = BlobTraits.Metadata, States = BlobStates.None, Prefix = string.IsNullOrEmpty(prefix) ? null : prefix };
        await using IAsyncEnumerator<Azure.Storage.Blobs.Models.BlobItem> items =
            _service.GetBlobContainerClient(container).GetBlobsAsync(options, cancellation).GetAsyncEnumerator(cancellation);
        while (await CallAsync(() => items.MoveNextAsync().AsTask(), "list", container, cancellation))
        {
            BlobItemProperties properties = items.Current.Properties;
            yield return new BlobItem(
                items.Current.Name, properties.ContentLength ?? 0, properties.LastModified ?? default, properties.LeaseState is LeaseState.Leased or LeaseState.Breaking)
            {
                Metadata = LowerCased(items.Current.Metadata),
            };
        }
    }

    /// <inheritdoc/>
    public Task<bool> DeleteAsync(BlobName name, string? lease, CancellationToken cancellation) =>
        IsDoneAsync(() => BlobOf(name).DeleteAsync(DeleteSnapshotsOption.None, Under(lease), cancellation), "delete", name, cancellation);

    /// <inheritdoc/>
    public async Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.FromSeconds(15));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(duration, TimeSpan.FromSeconds(60));

        // The proposed id makes a retried request harmless: the same id gets the same lease.
        string lease = Guid.NewGuid().ToString();
        return await IsDoneAsync(() => LeaseOf(name, lease).AcquireAsync(duration, cancellationToken: cancellation), "lease", name, cancellation) ? lease : null;
    }

    /// <inheritdoc/>
    public Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation) =>
        IsDoneAsync(() => LeaseOf(name, lease).RenewAsync(cancellationToken: cancellation), "lease", name, cancellation);

    /// <inheritdoc/>
    public Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation) =>
        IsDoneAsync(() => LeaseOf(name, lease).ReleaseAsync(cancellationToken: cancellation), "lease", name, cancellation);

    /// <inheritdoc/>
    public Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation) =>
        IsDoneAsync(() => BlobOf(name).SetMetadataAsync(new Dictionary<string, string>(metadata, StringComparer.Ordinal), Under(lease), cancellation), "write", name, cancellation);

    private static BlobRequestConditions? Under(string? lease) => lease is null ? null : new BlobRequestConditions { LeaseId = lease };

    private static IReadOnlyDictionary<string, string> LowerCased(IDictionary<string, string>? metadata) =>
        metadata is null or { Count: 0 }
            ? ReadOnlyDictionary<string, string>.Empty
            : metadata.ToDictionary(pair => pair.Key.ToLowerInvariant(), pair => pair.Value, StringComparer.Ordinal);

    private static async Task<T> CallAsync<T>(Func<Task<T>> call, string right, string what, CancellationToken cancellation)
    {
        try
        {
            return await call();
        }
        catch (Exception error) when (AzureStorageErrors.IsTrouble(error, cancellation))
        {
            throw AzureStorageErrors.Of(error, right, what);
        }
    }

    private static async Task<bool> IsDoneAsync<T>(Func<Task<T>> call, string right, BlobName name, CancellationToken cancellation)
    {
        try
        {
            await call();
            return true;
        }
        catch (RequestFailedException error) when (AzureStorageErrors.IsConditionFailed(error))
        {
            return false;
        }
        catch (Exception error) when (AzureStorageErrors.IsTrouble(error, cancellation))
        {
            throw AzureStorageErrors.Of(error, right, name.ToString());
        }
    }

    private Task<PutOutcome> PutAsync(BlobName name, BlobContent content, WriteCondition condition, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(content);
        return new AzureBlobWriter(BlobOf(name), name, content, condition, _options).PutAsync(cancellation);
    }

    private BlockBlobClient BlobOf(BlobName name) => _service.GetBlobContainerClient(name.Container).GetBlockBlobClient(name.Path);

    private BlobLeaseClient LeaseOf(BlobName name, string lease) => BlobOf(name).GetBlobLeaseClient(lease);
}
