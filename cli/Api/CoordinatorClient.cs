// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Cli.Api;

/// <summary>The coordinator's HTTP API.</summary>
public sealed class CoordinatorClient : IDisposable
{
    private readonly HttpClient _http;

    /// <summary>Makes a client.</summary>
    public CoordinatorClient(Uri address, string token)
    {
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = !address.IsLoopback }) { BaseAddress = address, Timeout = TimeSpan.FromMinutes(10) };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>The coordinator that the environment names: <c>FEDCLOUD_URL</c> and <c>FEDCLOUD_TOKEN</c>.</summary>
    /// <exception cref="FedCloudException"><c>setting_missing</c>.</exception>
    public static CoordinatorClient FromEnvironment()
    {
        string url = Environment.GetEnvironmentVariable("FEDCLOUD_URL") is { Length: > 0 } given ? given : throw Missing("FEDCLOUD_URL");
        string token = Environment.GetEnvironmentVariable("FEDCLOUD_TOKEN") is { Length: > 0 } secret ? secret : throw Missing("FEDCLOUD_TOKEN");
        return Uri.TryCreate(url, UriKind.Absolute, out Uri? address) ? new CoordinatorClient(address, token) : throw new FedCloudException(ErrorCodes.SettingMissing, "FEDCLOUD_URL is not an address");
    }

    /// <summary>Silos.</summary>
    public Task<SiloList> SilosAsync(CancellationToken cancellation) => GetAsync("api/silos", ApiJson.Default.SiloList, cancellation);

    /// <summary>Runs.</summary>
    public Task<RunList> RunsAsync(CancellationToken cancellation) => GetAsync("api/runs", ApiJson.Default.RunList, cancellation);

    /// <summary>One run with its rounds.</summary>
    public Task<RunDetail> RunAsync(string job, CancellationToken cancellation) => GetAsync($"api/runs/{Uri.EscapeDataString(job)}", ApiJson.Default.RunDetail, cancellation);

    /// <summary>Adapter versions.</summary>
    public Task<ModelList> ModelsAsync(CancellationToken cancellation) => GetAsync("api/models", ApiJson.Default.ModelList, cancellation);

    /// <summary>Invites a silo; the answer is secret.</summary>
    public async Task<byte[]> InviteAsync(string silo, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/silos/{Uri.EscapeDataString(silo)}/invitation"), cancellation);
        return await response.Content.ReadAsByteArrayAsync(cancellation);
    }

    /// <summary>Asks the members to remove a silo.</summary>
    public async Task RevokeAsync(string silo, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Delete, $"api/silos/{Uri.EscapeDataString(silo)}"), cancellation);
    }

    /// <summary>The coordinator's keys.</summary>
    public Task<KeyList> KeysAsync(CancellationToken cancellation) => GetAsync("api/keys", ApiJson.Default.KeyList, cancellation);

    /// <summary>Records that a row of the compromise playbook was rehearsed.</summary>
    public async Task RecordDrillAsync(string drill, Sha256Digest report, bool isPassed, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/drills/{drill}?report={report.Hex}&passed={(isPassed ? "true" : "false")}"), cancellation);
    }

    /// <summary>Makes a new version of a key: for the log the members are asked to sign a roster with it, the wrapping key is taken into use at once.</summary>
    /// <param name="key"><c>log</c> or <c>wrapping</c>.</param>
    /// <param name="isLost">Whether the version in use was lost or stolen.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task<KeyList> RotateKeyAsync(string key, bool isLost, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/keys/{key}/versions{(isLost ? "?lost=true" : string.Empty)}"), cancellation);
        return await ReadAsync(response, ApiJson.Default.KeyList, cancellation);
    }

    /// <summary>Submits a run.</summary>
    public async Task<RunSummary> SubmitAsync(RunConfig config, CancellationToken cancellation)
    {
        ByteArrayContent body = new(config.ToJcs());
        body.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, "api/runs") { Content = body }, cancellation);
        return await ReadAsync(response, ApiJson.Default.RunSummary, cancellation);
    }

    /// <summary>Ends a run.</summary>
    public async Task<RunSummary> CancelAsync(string job, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Post, $"api/runs/{Uri.EscapeDataString(job)}/cancel"), cancellation);
        return await ReadAsync(response, ApiJson.Default.RunSummary, cancellation);
    }

    /// <summary>Uploads a base model unless it is there.</summary>
    /// <returns>Its digest.</returns>
    public async Task<Sha256Digest> UploadBaseAsync(string folder, CancellationToken cancellation)
    {
        BaseModelManifest manifest = BaseModelManifest.OfFolder(folder);
        Sha256Digest digest = manifest.Digest();
        foreach (BaseModelFile file in manifest.Files)
        {
            await using FileStream stream = File.OpenRead(Path.Combine(folder, file.Name));
            using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Put, $"api/base-models/{digest.Hex}/{file.Name}") { Content = new StreamContent(stream) }, cancellation);
        }

        using HttpResponseMessage done = await SendAsync(new HttpRequestMessage(HttpMethod.Put, $"api/base-models/{digest.Hex}/manifest.json") { Content = new ByteArrayContent(manifest.ToJcs()) }, cancellation);
        return digest;
    }

    /// <summary>Downloads a version's bytes into a file.</summary>
    public async Task DownloadAsync(ModelSummary model, string path, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(model);
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, $"api/models/{model.Adapter}/{model.Job.Value}/{model.Version}"), cancellation);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
        await WholeFile.CopyAsync(body, path, cancellation);
    }

    /// <summary>Downloads the evidence up to the newest witnessed checkpoint, as a zip.</summary>
    /// <param name="path">The file to write.</param>
    /// <param name="sums">Whether what recomputes the sums of its rounds is asked for too.</param>
    /// <param name="recipient">The role that it is exported for; null for a look that is no export.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task EvidenceAsync(string path, bool sums, string? recipient, CancellationToken cancellation)
    {
        string wanted = sums ? "true" : "false";
        HttpRequestMessage request = recipient is null
            ? new(HttpMethod.Get, $"api/audit/evidence?sums={wanted}")
            : new(HttpMethod.Post, $"api/audit/exports?recipient={Uri.EscapeDataString(recipient)}&sums={wanted}");
        using HttpResponseMessage response = await SendAsync(request, cancellation);
        await using Stream body = await response.Content.ReadAsStreamAsync(cancellation);
        await WholeFile.CopyAsync(body, path, cancellation);
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<T> GetAsync<T>(string path, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        using HttpResponseMessage response = await SendAsync(new HttpRequestMessage(HttpMethod.Get, path), cancellation);
        return await ReadAsync(response, type, cancellation);
    }

    private static async Task<T> ReadAsync<T>(HttpResponseMessage response, JsonTypeInfo<T> type, CancellationToken cancellation) =>
        await response.Content.ReadFromJsonAsync(type, cancellation) ?? throw new FedCloudException(ErrorCodes.CoordinatorUnreachable, "expected an answer, found null");

    private async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellation)
    {
        HttpResponseMessage response;
        try
        {
            response = await _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (HttpRequestException error)
        {
            throw new FedCloudException(ErrorCodes.CoordinatorUnreachable, $"no answer from {_http.BaseAddress}", cause: error);
        }

        if (response.IsSuccessStatusCode)
        {
            return response;
        }

        using (response)
        {
            throw await FailureAsync(response, cancellation);
        }
    }

    private static async Task<FedCloudException> FailureAsync(HttpResponseMessage response, CancellationToken cancellation)
    {
        try
        {
            Problem? problem = await response.Content.ReadFromJsonAsync(ApiJson.Default.Problem, cancellation);
            if (problem is not null && ErrorCodes.All.TryGetValue(problem.Code, out ErrorCode? code))
            {
                return new FedCloudException(code, problem.Detail, problem.Next);
            }
        }
        catch (JsonException)
        {
            // Not an answer of our API: the status says what there is to say.
        }

        return new FedCloudException(ErrorCodes.CoordinatorUnreachable, $"expected an answer of the coordinator's API, found status {(int)response.StatusCode}");
    }

    private static FedCloudException Missing(string name) => new(ErrorCodes.SettingMissing, $"expected the environment variable {name}, found none", $"set {name} to the coordinator's value; 'fedcloud demo --keep' prints both");
}
