// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>Azure Blob Storage over its REST interface: Azurite on one machine, or Azure itself.</summary>
/// <remarks>
/// Content is streamed. Requests that fail on the way, that are not answered in time, or that get 408, 429, 500, 502, 503 or 504
/// are sent again with jitter. All of them may be: reads, conditional writes, and lease requests under an id of ours. A write
/// carries a random id as metadata, so that a condition which our own first try made fail is told from another writer's.
/// </remarks>
public sealed class RestBlobStore : IBlobStore, IDisposable
{
    /// <summary>The service version of requests and signatures.</summary>
    public const string ApiVersion = "2023-11-03";

    private const string MetadataHeader = "x-ms-meta-";

    private readonly string _endpoint;
    private readonly BlobCredential _credential;
    private readonly RestBlobStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly StorageRequests _requests;

    /// <summary>Opens a storage account.</summary>
    /// <param name="endpoint">The blob endpoint, such as <c>http://127.0.0.1:10000/devstoreaccount1</c>.</param>
    /// <param name="credential">What opens it.</param>
    /// <param name="handler">How requests travel; tests give their own.</param>
    /// <param name="time">The clock of retries and signatures.</param>
    /// <param name="options">Sizes and limits.</param>
    public RestBlobStore(Uri endpoint, BlobCredential credential, HttpMessageHandler? handler = null, TimeProvider? time = null, RestBlobStoreOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        _endpoint = endpoint.AbsoluteUri.TrimEnd('/');
        _credential = credential;
        _options = options ?? new RestBlobStoreOptions();
        _time = time ?? TimeProvider.System;
        _requests = new StorageRequests(endpoint, credential, handler, _time, _options);
    }

    /// <inheritdoc/>
    public async Task EnsureContainerAsync(string container, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await _requests.SendAsync(container, 0, () => new HttpRequestMessage(HttpMethod.Put, $"{_endpoint}/{container}?restype=container"), cancellation);
        bool isThere = response.StatusCode == HttpStatusCode.Created || (response.StatusCode == HttpStatusCode.Conflict && StorageRequests.IsConditionFailed(response));
        if (!isThere)
        {
            throw StorageRequests.Failure(response, "create", container);
        }
    }

    /// <inheritdoc/>
    public Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation) =>
        PutAsync(name, content, new WriteCondition(IfAbsent: true), cancellation);

    /// <inheritdoc/>
    public Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation) =>
        PutAsync(name, content, new WriteCondition(IfMatch: etag), cancellation);

    /// <inheritdoc/>
    public async Task<bool> ReplaceLeasedAsync(BlobName name, BlobContent content, string lease, CancellationToken cancellation) =>
        // Renewed first: then the lease outlasts the write, and the emulator takes a write under a lease that has ended.
        await RenewLeaseAsync(name, lease, cancellation)
        && await PutAsync(name, content, new WriteCondition(Lease: lease), cancellation) is PutOutcome.Written;

    /// <inheritdoc/>
    public async Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfLessThan(length ?? 1, 1, nameof(length));
        HttpResponseMessage response = await GetAsync(name, offset, length, etag: null, cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound && !StorageRequests.IsContainerMissing(response))
        {
            response.Dispose();
            return null;
        }

        if (!response.IsSuccessStatusCode)
        {
            using (response)
            {
                throw StorageRequests.Failure(response, "read", name.ToString());
            }
        }

        long there = response.Content.Headers.ContentLength ?? throw new FedCloudException(ErrorCodes.StorageFailed, $"{name}: expected an answer with its length, found none");
        long whole = response.Content.Headers.ContentRange?.Length ?? there;
        string etag = StorageRequests.ETagOf(response);
        Dictionary<string, string> metadata = response.Headers
            .Where(header => header.Key.StartsWith(MetadataHeader, StringComparison.OrdinalIgnoreCase))
            .ToDictionary(header => header.Key[MetadataHeader.Length..].ToLowerInvariant(), header => string.Join(',', header.Value), StringComparer.Ordinal);
        ResumingStream body = new(response, there, (position, token) => ReopenAsync(name, offset + position, there - position, etag, token), _options.Patience, _options.Tries, _time);
        return new BlobRead(body, response, etag, whole, metadata);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string marker = string.Empty;
        do
        {
            string query = $"?restype=container&comp=list&include=metadata&prefix={Uri.EscapeDataString(prefix)}" + (marker.Length == 0 ? string.Empty : $"&marker={Uri.EscapeDataString(marker)}");
            List<BlobItem> items = [];
            using (HttpResponseMessage response = await _requests.SendAsync(container, 0, () => new HttpRequestMessage(HttpMethod.Get, $"{_endpoint}/{container}{query}"), cancellation))
            {
                if (!response.IsSuccessStatusCode)
                {
                    throw StorageRequests.Failure(response, "list", container);
                }

                marker = await ReadPageAsync(response, container, items, cancellation);
            }

            foreach (BlobItem item in items)
            {
                yield return item;
            }
        }
        while (marker.Length > 0);
    }

    /// <inheritdoc/>
    public async Task<bool> DeleteAsync(BlobName name, string? lease, CancellationToken cancellation)
    {
        int tries = 0;
        using HttpResponseMessage response = await _requests.SendAsync(
            name.Container,
            0,
            () =>
            {
                tries++;
                return WithLease(new HttpRequestMessage(HttpMethod.Delete, Address(name)), lease);
            },
            cancellation);

        // What a second try does not find, the first one deleted: its answer was lost.
        return IsDone(response, "delete", name, HttpStatusCode.Accepted) || (tries > 1 && response.StatusCode == HttpStatusCode.NotFound);
    }

    /// <inheritdoc/>
    public async Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(duration, TimeSpan.FromSeconds(15));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(duration, TimeSpan.FromSeconds(60));

        // The proposed id makes a retried request harmless: the same id gets the same lease.
        string lease = Guid.NewGuid().ToString();
        using HttpResponseMessage response = await LeaseAsync(
            name,
            "acquire",
            request =>
            {
                request.Headers.Add("x-ms-lease-duration", ((int)duration.TotalSeconds).ToString(CultureInfo.InvariantCulture));
                request.Headers.Add("x-ms-proposed-lease-id", lease);
            },
            cancellation);
        return IsDone(response, "lease", name, HttpStatusCode.Created, HttpStatusCode.OK) ? lease : null;
    }

    /// <inheritdoc/>
    public async Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await LeaseAsync(name, "renew", request => request.Headers.Add("x-ms-lease-id", lease), cancellation);
        return IsDone(response, "lease", name, HttpStatusCode.OK);
    }

    /// <inheritdoc/>
    public async Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await LeaseAsync(name, "release", request => request.Headers.Add("x-ms-lease-id", lease), cancellation);
        return IsDone(response, "lease", name, HttpStatusCode.OK);
    }

    /// <inheritdoc/>
    public async Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await _requests.SendAsync(
            name.Container,
            0,
            () => WithMetadata(WithLease(new HttpRequestMessage(HttpMethod.Put, Address(name) + "?comp=metadata"), lease), metadata),
            cancellation);
        return IsDone(response, "write", name, HttpStatusCode.OK);
    }

    /// <inheritdoc/>
    public void Dispose() => _requests.Dispose();

    private static HttpRequestMessage WithLease(HttpRequestMessage request, string? lease)
    {
        if (lease is not null)
        {
            request.Headers.Add("x-ms-lease-id", lease);
        }

        return request;
    }

    private static HttpRequestMessage WithMetadata(HttpRequestMessage request, IReadOnlyDictionary<string, string> metadata)
    {
        foreach ((string key, string value) in metadata)
        {
            request.Headers.Add(MetadataHeader + key, value);
        }

        return request;
    }

    private Task<HttpResponseMessage> GetAsync(BlobName name, long offset, long? length, string? etag, CancellationToken cancellation) =>
        _requests.SendAsync(
            name.Container,
            0,
            () =>
            {
                HttpRequestMessage request = new(HttpMethod.Get, Address(name));
                if (offset > 0 || length is not null)
                {
                    request.Headers.Range = new RangeHeaderValue(offset, length is { } count ? offset + count - 1 : null);
                }

                if (etag is not null)
                {
                    request.Headers.IfMatch.Add(EntityTagHeaderValue.Parse(etag));
                }

                return request;
            },
            cancellation);

    private async Task<HttpResponseMessage> ReopenAsync(BlobName name, long offset, long length, string etag, CancellationToken cancellation)
    {
        HttpResponseMessage response = await GetAsync(name, offset, length, etag, cancellation);
        if (response.StatusCode == HttpStatusCode.PartialContent)
        {
            return response;
        }

        using (response)
        {
            throw StorageRequests.IsConditionFailed(response)
                ? new FedCloudException(ErrorCodes.StorageFailed, $"{name} was changed or deleted while it was read", "repeat the command")
                : StorageRequests.Failure(response, "read", name.ToString());
        }
    }

    private async Task<string> ReadPageAsync(HttpResponseMessage response, string container, List<BlobItem> items, CancellationToken cancellation)
    {
        using CancellationTokenSource limit = new(_options.Patience, _time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            // A page is small; it is read whole, so that a slow caller does not hold the connection.
            using MemoryStream page = new();
            await response.Content.CopyToAsync(page, either.Token);
            page.Position = 0;
            return await BlobListing.ReadAsync(page, items);
        }
        catch (Exception error) when (error is IOException or HttpRequestException || (error is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new FedCloudException(ErrorCodes.StorageUnreachable, $"{container}: the list of blobs broke off", cause: error);
        }
    }

    private Task<PutOutcome> PutAsync(BlobName name, BlobContent content, WriteCondition condition, CancellationToken cancellation)
    {
        BlobWriter writer = new(_requests, Address(name), name, content, condition);
        return content.Length > _options.SinglePutBytes && _credential.MayStageBlocks
            ? writer.PutBlocksAsync(_options.BlockBytes, cancellation)
            : writer.PutWholeAsync(cancellation);
    }

    private Task<HttpResponseMessage> LeaseAsync(BlobName name, string action, Action<HttpRequestMessage> complete, CancellationToken cancellation) =>
        _requests.SendAsync(
            name.Container,
            0,
            () =>
            {
                HttpRequestMessage request = new(HttpMethod.Put, Address(name) + "?comp=lease");
                request.Headers.Add("x-ms-lease-action", action);
                complete(request);
                return request;
            },
            cancellation);

    private static bool IsDone(HttpResponseMessage response, string right, BlobName name, params ReadOnlySpan<HttpStatusCode> done) =>
        done.Contains(response.StatusCode)
        || (StorageRequests.IsConditionFailed(response) ? false : throw StorageRequests.Failure(response, right, name.ToString()));

    private string Address(BlobName name) => $"{_endpoint}/{name.Container}/{name.Path}";
}
