// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace FedCloud.EndToEnd.Tests;

/// <summary>A collector on loopback that keeps what it is sent, as bytes.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly HttpListener _listener = new();
    private readonly List<(string Path, string Body)> _received = [];
    private readonly SemaphoreSlim _more = new(0);
    private readonly Task _work;

    public OtlpReceiver()
    {
        using (TcpListener free = new(IPAddress.Loopback, 0))
        {
            free.Start();
            Address = new Uri($"http://127.0.0.1:{((IPEndPoint)free.LocalEndpoint).Port}/");
        }

        _listener.Prefixes.Add(Address.AbsoluteUri);
        _listener.Start();
        _work = ServeAsync();
    }

    public Uri Address { get; }

    /// <summary>What a process needs to know.</summary>
    public Dictionary<string, string?> Variables => new(StringComparer.Ordinal)
    {
        ["OTEL_EXPORTER_OTLP_ENDPOINT"] = Address.AbsoluteUri,
        ["OTEL_EXPORTER_OTLP_PROTOCOL"] = "http/protobuf",
        ["OTEL_BSP_SCHEDULE_DELAY"] = "100",
        ["OTEL_BLRP_SCHEDULE_DELAY"] = "100",
        ["OTEL_METRIC_EXPORT_INTERVAL"] = "200",
        ["NO_PROXY"] = "127.0.0.1",
    };

    /// <summary>Everything that came to a path, bytes as letters.</summary>
    public string Of(string path)
    {
        lock (_received)
        {
            return string.Concat(_received.Where(one => one.Path == path).Select(one => one.Body));
        }
    }

    /// <summary>Waits until all of these came to a path in one request.</summary>
    public async Task WaitForAsync(string path, params string[] texts)
    {
        while (!Holds(path, texts))
        {
            Assert.True(await _more.WaitAsync(Patience), $"{path} never got {string.Join(", ", texts)}, but {string.Join(", ", _received.Select(one => $"{one.Path} of {one.Body.Length}"))}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _work;
        _more.Dispose();
    }

    private bool Holds(string path, string[] texts)
    {
        lock (_received)
        {
            return _received.Exists(one => one.Path == path && Array.TrueForAll(texts, text => one.Body.Contains(text, StringComparison.Ordinal)));
        }
    }

    private async Task ServeAsync()
    {
        try
        {
            while (true)
            {
                HttpListenerContext context = await _listener.GetContextAsync();
                using MemoryStream body = new();
                await context.Request.InputStream.CopyToAsync(body);
                lock (_received)
                {
                    _received.Add((context.Request.Url?.AbsolutePath ?? string.Empty, Encoding.Latin1.GetString(body.ToArray())));
                }

                context.Response.ContentType = "application/x-protobuf";
                context.Response.Close();
                _more.Release();
            }
        }
        catch (Exception error) when (error is HttpListenerException or ObjectDisposedException)
        {
            // It was closed.
        }
    }
}
