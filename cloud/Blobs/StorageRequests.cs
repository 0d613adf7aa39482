// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Net;
using FedCloud.Protocol.Errors;
using Polly;
using Polly.Retry;

namespace FedCloud.Cloud.Blobs;

/// <summary>Requests to the storage: signed, limited in time, tried again, and their failures in our vocabulary.</summary>
internal sealed class StorageRequests : IDisposable
{
    private const long SlowestUploadBytesPerSecond = 128 << 10;

    private readonly HttpClient _http;
    private readonly string _host;
    private readonly BlobCredential _credential;
    private readonly RestBlobStoreOptions _options;
    private readonly TimeProvider _time;
    private readonly ResiliencePipeline<HttpResponseMessage> _retries;

    /// <summary>Opens connections as they are needed.</summary>
    public StorageRequests(Uri endpoint, BlobCredential credential, HttpMessageHandler? handler, TimeProvider time, RestBlobStoreOptions options)
    {
        _host = endpoint.Authority;
        _credential = credential;
        _options = options;
        _time = time;

        // A redirect would carry a signature to another host; storage does not redirect.
        _http = new HttpClient(handler ?? new SocketsHttpHandler
        {
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            ConnectTimeout = TimeSpan.FromSeconds(5),
            AllowAutoRedirect = false,
            UseCookies = false,
            ActivityHeadersPropagator = null, // storage is no party to a trace
            UseProxy = !endpoint.IsLoopback,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        _retries = options.Tries < 2 ? ResiliencePipeline<HttpResponseMessage>.Empty : new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions<HttpResponseMessage>
            {
                MaxRetryAttempts = options.Tries - 1,
                Delay = TimeSpan.FromMilliseconds(100),
                MaxDelay = TimeSpan.FromSeconds(5),
                BackoffType = DelayBackoffType.Exponential,
                UseJitter = true,
                ShouldHandle = new PredicateBuilder<HttpResponseMessage>()
                    .Handle<HttpRequestException>()
                    .HandleResult(response => StorageAnswer.IsTransient(response.StatusCode)),
            })
            .Build();
    }

    /// <summary>Sends a request until it is answered. The answer's headers are there, its body is not read yet.</summary>
    /// <param name="container">The container whose right is needed.</param>
    /// <param name="uploadBytes">How much the request carries.</param>
    /// <param name="make">Makes the request; called once a try.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>storage_unreachable</c>.</exception>
    public async Task<HttpResponseMessage> SendAsync(string container, long uploadBytes, Func<HttpRequestMessage> make, CancellationToken cancellation)
    {
        try
        {
            return await _retries.ExecuteAsync(token => new ValueTask<HttpResponseMessage>(TryAsync(container, uploadBytes, make, token)), cancellation);
        }
        catch (HttpRequestException error)
        {
            throw new FedCloudException(ErrorCodes.StorageUnreachable, $"no answer from {_host}", cause: error);
        }
    }

    /// <summary>Whether the answer says that there is no such container, which is never an expected outcome.</summary>
    public static bool IsContainerMissing(HttpResponseMessage response) => AnswerOf(response).IsContainerMissing;

    /// <summary>Whether the answer says that a condition or a lease does not hold: the blob is there, or gone, or changed, or another's.</summary>
    public static bool IsConditionFailed(HttpResponseMessage response) => AnswerOf(response).IsConditionFailed;

    /// <summary>Whether the credential can find out who wrote a blob.</summary>
    public bool MayLook(string container) => !_credential.CreatesOnly(container);

    /// <summary>Whether a create-only credential is told so that the name is taken: Azure's code, or the emulator's, which is its code for any missing right.</summary>
    public bool IsOverwriteDenied(HttpResponseMessage response, string container) =>
        response.StatusCode == HttpStatusCode.Forbidden && _credential.CreatesOnly(container) && AnswerOf(response).Code is ("UnauthorizedBlobOverwrite" or "AuthorizationPermissionMismatch");

    /// <summary>The error that an answer stands for.</summary>
    /// <param name="response">The answer.</param>
    /// <param name="right">The right that the request needs: read, create, write, list, delete.</param>
    /// <param name="what">The blob or container.</param>
    public static FedCloudException Failure(HttpResponseMessage response, string right, string what) => AnswerOf(response).Failure(right, what);

    /// <summary>The ETag of an answer.</summary>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: there is none.</exception>
    public static string ETagOf(HttpResponseMessage response) => response.Headers.ETag?.ToString() ?? throw new FedCloudException(ErrorCodes.StorageFailed, "expected an answer with an ETag, found none");

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static StorageAnswer AnswerOf(HttpResponseMessage response) => new(response.StatusCode, Header(response, "x-ms-error-code"), Header(response, "x-ms-request-id"));

    private static string Header(HttpResponseMessage response, string name) =>
        response.Headers.TryGetValues(name, out IEnumerable<string>? values) ? values.First() : "none";

    private async Task<HttpResponseMessage> TryAsync(string container, long uploadBytes, Func<HttpRequestMessage> make, CancellationToken cancellation)
    {
        using HttpRequestMessage request = make();
        request.Headers.Add("x-ms-version", RestBlobStore.ApiVersion);
        request.Headers.Add("x-ms-date", _time.GetUtcNow().ToString("R", CultureInfo.InvariantCulture));
        request.Headers.Add("x-ms-client-request-id", Guid.NewGuid().ToString("N"));
        await _credential.ApplyAsync(request, container, cancellation);
        using CancellationTokenSource limit = new(_options.Patience + TimeSpan.FromSeconds(uploadBytes / SlowestUploadBytesPerSecond), _time);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, limit.Token);
        try
        {
            return await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
        }
        catch (OperationCanceledException error) when (!cancellation.IsCancellationRequested)
        {
            throw new HttpRequestException("no answer in time", error);
        }
    }
}
