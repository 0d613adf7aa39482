// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Net.Http.Headers;
using FedCloud.Protocol.Identity;

namespace FedCloud.SiloAgent.Messaging;

/// <summary>The coordinator's doorbell: a hint in both directions. When it fails, the mailbox is looked at anyway.</summary>
public sealed class BellClient : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(40);

    private readonly HttpClient _http;
    private readonly string _address;
    private long _last;

    /// <summary>Makes a client.</summary>
    /// <param name="url">The coordinator's address.</param>
    /// <param name="silo">The silo.</param>
    /// <param name="token">The bell's token.</param>
    public BellClient(string url, SiloId silo, string token)
    {
        _address = $"{url.TrimEnd('/')}/bell/{silo.Value}";
        _http = new HttpClient(new SocketsHttpHandler { UseProxy = !new Uri(url).IsLoopback, ActivityHeadersPropagator = null }) { Timeout = Patience };
        _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", token);
    }

    /// <summary>Wakes the coordinator.</summary>
    public async Task RingAsync(CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage response = await _http.PostAsync(new Uri(_address), content: null, cancellation);
        }
        catch (Exception error) when (error is HttpRequestException || (error is TaskCanceledException && !cancellation.IsCancellationRequested))
        {
            // The coordinator looks into its mailbox by itself.
        }
    }

    /// <summary>Waits until the mailbox may hold something.</summary>
    /// <returns>False when the bell does not answer, so that the caller waits a little by itself.</returns>
    public async Task<bool> WaitAsync(CancellationToken cancellation)
    {
        try
        {
            using HttpResponseMessage response = await _http.GetAsync(new Uri(string.Create(CultureInfo.InvariantCulture, $"{_address}?after={_last}")), cancellation);
            string text = await response.Content.ReadAsStringAsync(cancellation);
            return response.IsSuccessStatusCode && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out _last);
        }
        catch (Exception error) when (error is HttpRequestException || (error is TaskCanceledException && !cancellation.IsCancellationRequested))
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();
}
