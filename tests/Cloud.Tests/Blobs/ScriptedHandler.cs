// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net;
using System.Net.Http.Headers;

namespace FedCloud.Cloud.Tests.Blobs;

/// <summary>Answers requests from a list of answers, and remembers what was asked.</summary>
internal sealed class ScriptedHandler(params Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>>[] answers) : HttpMessageHandler
{
    private int _next;

    /// <summary>The requests: method, path with query, and body.</summary>
    public List<(string Line, HttpRequestHeaders Headers, byte[] Body)> Requests { get; } = [];

    public static Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> Status(HttpStatusCode status, string? code = null, Action<HttpResponseMessage>? complete = null) => (_, _) =>
    {
        HttpResponseMessage response = new(status) { Content = new ByteArrayContent([]) };
        response.Headers.ETag = new EntityTagHeaderValue("\"0x1\"");
        if (code is not null)
        {
            response.Headers.Add("x-ms-error-code", code);
        }

        complete?.Invoke(response);
        return Task.FromResult(response);
    };

    public static Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> Body(HttpStatusCode status, Stream body, long length, long whole, long from = 0, string etag = "\"0x1\"") => (_, _) =>
    {
        HttpResponseMessage response = new(status) { Content = new StreamContent(body) };
        response.Headers.ETag = new EntityTagHeaderValue(etag);
        response.Content.Headers.ContentLength = length;
        if (status == HttpStatusCode.PartialContent)
        {
            response.Content.Headers.ContentRange = new ContentRangeHeaderValue(from, from + length - 1, whole);
        }

        return Task.FromResult(response);
    };

    public static Task<HttpResponseMessage> Broken(HttpRequestMessage request, CancellationToken cancellation) => throw new HttpRequestException("connection reset");

    /// <summary>Takes the request and never answers.</summary>
    public static Func<HttpRequestMessage, CancellationToken, Task<HttpResponseMessage>> Never(TaskCompletionSource reached) => async (_, cancellation) =>
    {
        reached.TrySetResult();
        await Task.Delay(Timeout.InfiniteTimeSpan, cancellation);
        throw new InvalidOperationException("unreachable");
    };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        byte[] body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        Requests.Add(($"{request.Method} {request.RequestUri?.PathAndQuery}", request.Headers, body));
        return await answers[Math.Min(_next++, answers.Length - 1)](request, cancellationToken);
    }
}

/// <summary>A stream that gives some bytes and then breaks, ends or stands still.</summary>
internal sealed class FlawedStream(byte[] bytes, FlawedStream.Flaw flaw) : Stream
{
    private int _position;

    /// <summary>Ends when the reader has met the flaw.</summary>
    public TaskCompletionSource Reached { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public enum Flaw
    {
        Breaks,
        Ends,
        Stalls,
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = Math.Min(buffer.Length, bytes.Length - _position);
        if (count > 0)
        {
            bytes.AsMemory(_position, count).CopyTo(buffer);
            _position += count;
            return count;
        }

        Reached.TrySetResult();
        if (flaw == Flaw.Stalls)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, cancellationToken);
        }

        return flaw == Flaw.Ends ? 0 : throw new HttpIOException(HttpRequestError.ResponseEnded);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
