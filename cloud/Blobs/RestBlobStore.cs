// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Xml;
using FedCloud.Protocol.Errors;
using Polly;
using Polly.Retry;

namespace FedCloud.Cloud.Blobs;

/// <summary>Azure Blob Storage over its REST interface: Azurite on one machine, or Azure itself.</summary>
/// <remarks>Content is streamed. Requests that fail on the way or with 408, 429, 500, 502, 503, 504 are tried again, at most five times, with jitter.</remarks>
public sealed class RestBlobStore : IBlobStore, IDisposable
{
    /// <summary>The service version of requests and signatures.</summary>
    public const string ApiVersion = "2023-11-03";

    private const string WriterMetadata = "writer";

    private static readonly HttpStatusCode[] Transient =
    [
        HttpStatusCode.RequestTimeout, HttpStatusCode.TooManyRequests, HttpStatusCode.InternalServerError,
        HttpStatusCode.BadGateway, HttpStatusCode.ServiceUnavailable, HttpStatusCode.GatewayTimeout,
    ];

    private readonly HttpClient _http;
    private readonly string _endpoint;
    private readonly BlobCredential _credential;
    private readonly ResiliencePipeline<HttpResponseMessage> _retries;

    /// <summary>Opens a storage account.</summary>
    /// <param name="endpoint">The blob endpoint, such as <c>http://127.0.0.1:10000/devstoreaccount1</c>.</param>
    /// <param name="credential">What opens it.</param>
    /// <param name="handler">How requests travel; tests give their own.</param>
    /// <param name="time">The clock of retries.</param>
    public RestBlobStore(Uri endpoint, BlobCredential credential, HttpMessageHandler? handler = null, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(endpoint);
        _endpoint = endpoint.AbsoluteUri.TrimEnd('/');
        _credential = credential;
        _http = new HttpClient(handler ?? new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), ConnectTimeout = TimeSpan.FromSeconds(5) })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _retries = new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time ?? TimeProvider.System }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = 4,
                Delay = TimeSpan.FromMilliseconds(100),
                MaxDelay = TimeSpan.FromSeconds(5),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder<HttpResponseMessage>()
                    .Handle<HttpRequestException>()
                    .Handle<IOException>()
                    .HandleResult(response => Transient.Contains(response.StatusCode)),
            })
            .Build();
    }

    /// <inheritdoc/>
    public async Task EnsureContainerAsync(string container, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(container, () => new HttpRequestMessage(HttpMethod.Put, $"{_endpoint}/{container}?restype=container"), cancellation);
        if (response.StatusCode is not (HttpStatusCode.Created or HttpStatusCode.Conflict))
        {
            throw Failure(response, container);
        }
    }

    /// <inheritdoc/>
    public Task<PutOutcome> PutIfAbsentAsync(BlobName name, BlobContent content, CancellationToken cancellation) =>
        PutAsync(name, content, static request => request.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any), cancellation);

    /// <inheritdoc/>
    public Task<PutOutcome> ReplaceIfMatchAsync(BlobName name, BlobContent content, string etag, CancellationToken cancellation) =>
        PutAsync(name, content, request => request.Headers.IfMatch.Add(EntityTagHeaderValue.Parse(etag)), cancellation);

    /// <inheritdoc/>
    public async Task<BlobRead?> OpenReadAsync(BlobName name, long offset, long? length, CancellationToken cancellation)
    {
        HttpResponseMessage response = await SendAsync(
            name.Container,
            () =>
            {
                HttpRequestMessage request = new(HttpMethod.Get, Address(name));
                if (offset > 0 || length is not null)
                {
                    request.Headers.Range = new RangeHeaderValue(offset, length is { } count ? offset + count - 1 : null);
                }

                return request;
            },
            cancellation);
        if (response.StatusCode == HttpStatusCode.NotFound)
        {
            response.Dispose();
            return null;
        }

        if (!response.IsSuccessStatusCode)
        {
            using (response)
            {
                throw Failure(response, name.ToString());
            }
        }

        long whole = response.Content.Headers.ContentRange?.Length ?? response.Content.Headers.ContentLength ?? 0;
        Dictionary<string, string> metadata = response.Headers
            .Where(header => header.Key.StartsWith("x-ms-meta-", StringComparison.OrdinalIgnoreCase))
            .ToDictionary(header => header.Key["x-ms-meta-".Length..].ToLowerInvariant(), header => string.Join(',', header.Value), StringComparer.Ordinal);
        return new BlobRead(await response.Content.ReadAsStreamAsync(cancellation), response, ETagOf(response), whole, metadata);
    }

    /// <inheritdoc/>
    public async IAsyncEnumerable<BlobItem> ListAsync(string container, string prefix, [EnumeratorCancellation] CancellationToken cancellation)
    {
        string marker = string.Empty;
        do
        {
            string query = $"?restype=container&comp=list&prefix={Uri.EscapeDataString(prefix)}" + (marker.Length == 0 ? string.Empty : $"&marker={Uri.EscapeDataString(marker)}");
            List<BlobItem> items = [];
            using (HttpResponseMessage response = await SendAsync(container, () => new HttpRequestMessage(HttpMethod.Get, $"{_endpoint}/{container}{query}"), cancellation))
            {
                if (!response.IsSuccessStatusCode)
                {
                    throw Failure(response, container);
                }

                await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
                marker = await BlobListing.ReadAsync(body, items);
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
        using HttpResponseMessage response = await SendAsync(
            name.Container,
            () => WithLease(new HttpRequestMessage(HttpMethod.Delete, Address(name)), lease),
            cancellation);
        return IsDone(response, name, HttpStatusCode.Accepted);
    }

    /// <inheritdoc/>
    public async Task<string?> AcquireLeaseAsync(BlobName name, TimeSpan duration, CancellationToken cancellation)
    {
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
        return IsDone(response, name, HttpStatusCode.Created, HttpStatusCode.OK) ? lease : null;
    }

    /// <inheritdoc/>
    public async Task<bool> RenewLeaseAsync(BlobName name, string lease, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await LeaseAsync(name, "renew", request => request.Headers.Add("x-ms-lease-id", lease), cancellation);
        return IsDone(response, name, HttpStatusCode.OK);
    }

    /// <inheritdoc/>
    public async Task<bool> ReleaseLeaseAsync(BlobName name, string lease, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await LeaseAsync(name, "release", request => request.Headers.Add("x-ms-lease-id", lease), cancellation);
        return IsDone(response, name, HttpStatusCode.OK);
    }

    /// <inheritdoc/>
    public async Task<bool> SetMetadataAsync(BlobName name, IReadOnlyDictionary<string, string> metadata, string lease, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(
            name.Container,
            () =>
            {
                HttpRequestMessage request = WithLease(new HttpRequestMessage(HttpMethod.Put, Address(name) + "?comp=metadata"), lease);
                foreach ((string key, string value) in metadata)
                {
                    request.Headers.Add("x-ms-meta-" + key, value);
                }

                return request;
            },
            cancellation);
        return IsDone(response, name, HttpStatusCode.OK);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static HttpRequestMessage WithLease(HttpRequestMessage request, string? lease)
    {
        if (lease is not null)
        {
            request.Headers.Add("x-ms-lease-id", lease);
        }

        return request;
    }

    private async Task<PutOutcome> PutAsync(BlobName name, BlobContent content, Action<HttpRequestMessage> condition, CancellationToken cancellation)
    {
        string writer = Guid.NewGuid().ToString("N");
        int tries = 0;
        using HttpResponseMessage response = await SendAsync(
            name.Container,
            () =>
            {
                tries++;
                StreamContent body = new(content.Open());
                body.Headers.ContentLength = content.Length;
                body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
                HttpRequestMessage request = new(HttpMethod.Put, Address(name)) { Content = body };
                request.Headers.Add("x-ms-blob-type", "BlockBlob");
                request.Headers.Add("x-ms-meta-" + WriterMetadata, writer);
                condition(request);
                return request;
            },
            cancellation);
        if (response.StatusCode == HttpStatusCode.Created)
        {
            return new PutOutcome.Written(ETagOf(response));
        }

        if (response.StatusCode is not (HttpStatusCode.PreconditionFailed or HttpStatusCode.Conflict or HttpStatusCode.NotFound) && !IsRefusedOverwrite(response, name))
        {
            throw Failure(response, name.ToString());
        }

        // After a retry the condition may have failed on our own first write, whose answer was lost.
        return tries > 1 && _credential is not SasCredential && await WrittenByUsAsync(name, writer, cancellation) is { } etag
            ? new PutOutcome.Written(etag)
            : new PutOutcome.ConditionFailed();
    }

    // A credential that may create but not write is told 403, not 412, when the name is taken.
    private bool IsRefusedOverwrite(HttpResponseMessage response, BlobName name) =>
        response.StatusCode == HttpStatusCode.Forbidden
        && _credential is SasCredential sas
        && sas.MayOnlyCreate(name.Container)
        && response.Headers.TryGetValues("x-ms-error-code", out IEnumerable<string>? codes)
        && codes.First() is "UnauthorizedBlobOverwrite" or "AuthorizationPermissionMismatch";

    // A credential that may only create cannot look; then the name counts as taken, and the caller takes the next one.
    private async Task<string?> WrittenByUsAsync(BlobName name, string writer, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(name.Container, () => new HttpRequestMessage(HttpMethod.Head, Address(name)), cancellation);
        bool ours = response.IsSuccessStatusCode
            && response.Headers.TryGetValues("x-ms-meta-" + WriterMetadata, out IEnumerable<string>? values)
            && values.Contains(writer, StringComparer.Ordinal);
        return ours ? ETagOf(response) : null;
    }

    private Task<HttpResponseMessage> LeaseAsync(BlobName name, string action, Action<HttpRequestMessage> complete, CancellationToken cancellation) =>
        SendAsync(
            name.Container,
            () =>
            {
                HttpRequestMessage request = new(HttpMethod.Put, Address(name) + "?comp=lease");
                request.Headers.Add("x-ms-lease-action", action);
                complete(request);
                return request;
            },
            cancellation);

    private async Task<HttpResponseMessage> SendAsync(string container, Func<HttpRequestMessage> make, CancellationToken cancellation)
    {
        try
        {
            return await _retries.ExecuteAsync(
                async token =>
                {
                    using HttpRequestMessage request = make();
                    request.Headers.Add("x-ms-version", ApiVersion);
                    request.Headers.Add("x-ms-date", DateTimeOffset.UtcNow.ToString("R", CultureInfo.InvariantCulture));
                    await _credential.ApplyAsync(request, container, token);
                    return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token);
                },
                cancellation);
        }
        catch (Exception error) when (error is HttpRequestException or IOException)
        {
            throw new FedCloudException(ErrorCodes.StorageUnreachable, $"no answer from {new Uri(_endpoint).Authority}", cause: error);
        }
    }

    private static bool IsDone(HttpResponseMessage response, BlobName name, params ReadOnlySpan<HttpStatusCode> done)
    {
        if (done.Contains(response.StatusCode))
        {
            return true;
        }

        return response.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Conflict or HttpStatusCode.PreconditionFailed
            ? false
            : throw Failure(response, name.ToString());
    }

    private static FedCloudException Failure(HttpResponseMessage response, string what)
    {
        string code = response.Headers.TryGetValues("x-ms-error-code", out IEnumerable<string>? codes) ? codes.First() : "no error code";
        return response.StatusCode switch
        {
            HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized => new(ErrorCodes.StorageDenied, $"{what}: {(int)response.StatusCode} {code}"),
            _ when Transient.Contains(response.StatusCode) => new(ErrorCodes.StorageUnreachable, $"{what}: {(int)response.StatusCode} {code} after several tries"),
            _ => new(ErrorCodes.StorageFailed, $"{what}: {(int)response.StatusCode} {code}"),
        };
    }

    private string Address(BlobName name) => $"{_endpoint}/{name.Container}/{name.Path}";

    private static string ETagOf(HttpResponseMessage response) => response.Headers.ETag?.ToString() ?? throw new FedCloudException(ErrorCodes.StorageFailed, "an answer without an ETag");
}

/// <summary>The XML of a blob listing ("List Blobs", learn.microsoft.com).</summary>
internal static class BlobListing
{
    private static readonly XmlReaderSettings Settings = new() { Async = true, DtdProcessing = DtdProcessing.Prohibit, XmlResolver = null };

    /// <summary>Reads one page.</summary>
    /// <returns>The marker of the next page; empty at the end.</returns>
    public static async Task<string> ReadAsync(Stream body, List<BlobItem> items)
    {
        using XmlReader xml = XmlReader.Create(body, Settings);
        string marker = string.Empty;
        string path = string.Empty;
        long length = 0;
        DateTimeOffset modified = default;
        bool leased = false;
        bool more = await xml.ReadAsync();
        while (more)
        {
            if (xml.NodeType == XmlNodeType.EndElement && string.Equals(xml.Name, "Blob", StringComparison.Ordinal))
            {
                items.Add(new BlobItem(path, length, modified, leased));
                (path, length, modified, leased) = (string.Empty, 0, default, false);
            }

            if (xml.NodeType != XmlNodeType.Element || xml.Name is not ("Name" or "Content-Length" or "Last-Modified" or "LeaseState" or "NextMarker"))
            {
                more = await xml.ReadAsync();
                continue;
            }

            string name = xml.Name;
            string text = await xml.ReadElementContentAsStringAsync();
            switch (name)
            {
                case "Name":
                    path = text;
                    break;
                case "Content-Length":
                    length = long.Parse(text, CultureInfo.InvariantCulture);
                    break;
                case "Last-Modified":
                    modified = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture);
                    break;
                case "LeaseState":
                    leased = string.Equals(text, "leased", StringComparison.Ordinal);
                    break;
                default:
                    marker = text;
                    break;
            }

            more = !xml.EOF;
        }

        return marker;
    }
}
