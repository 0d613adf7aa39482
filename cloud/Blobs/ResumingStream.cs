// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>The body of an answer, which goes on where it broke off.</summary>
/// <remarks>A body that breaks off or stands still is opened again from its position, under the blob's ETag, so that two versions are never mixed.</remarks>
/// <param name="first">The first answer; this stream owns it.</param>
/// <param name="length">How many bytes there are to read.</param>
/// <param name="reopen">Asks for the bytes from a position on.</param>
/// <param name="patience">How long a read may stand still.</param>
/// <param name="tries">How often it is opened again without a mebibyte of progress in between.</param>
/// <param name="time">The clock of patience.</param>
internal sealed class ResumingStream(
    HttpResponseMessage first, long length, Func<long, CancellationToken, Task<HttpResponseMessage>> reopen, TimeSpan patience, int tries, TimeProvider time) : Stream
{
    private const long Progress = 1 << 20;

    private HttpResponseMessage? _response = first;
    private Stream? _body;
    private long _position;
    private long _lastFailure;
    private int _failures;

    /// <inheritdoc/>
    public override bool CanRead => true;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override bool CanWrite => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_position < length && buffer.Length > 0)
        {
            using CancellationTokenSource limit = new(patience, time);
            using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, limit.Token);
            try
            {
                _response ??= await reopen(_position, cancellationToken);
                _body ??= await _response.Content.ReadAsStreamAsync(either.Token);
                int read = await _body.ReadAsync(buffer[..(int)Math.Min(buffer.Length, length - _position)], either.Token);
                if (read > 0)
                {
                    _position += read;
                    return read;
                }

                Fail(cause: null);
            }
            catch (Exception error) when (error is IOException or HttpRequestException || (error is OperationCanceledException && !cancellationToken.IsCancellationRequested))
            {
                Fail(error);
            }
        }

        return 0;
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer.AsMemory(offset, count)).AsTask().GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Flush()
    {
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            Drop();
        }

        base.Dispose(disposing);
    }

    private void Fail(Exception? cause)
    {
        Drop();
        _failures = _position - _lastFailure >= Progress ? 1 : _failures + 1;
        _lastFailure = _position;
        if (_failures >= tries)
        {
            throw new FedCloudException(ErrorCodes.StorageUnreachable, $"expected {length} bytes of a blob, found the first {_position} after several tries", cause: cause);
        }
    }

    private void Drop()
    {
        _body?.Dispose();
        _response?.Dispose();
        _body = null;
        _response = null;
    }
}
