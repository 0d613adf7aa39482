// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>The body of a download: the client goes on where it broke off, under the blob's ETag; here its last failures become ours.</summary>
/// <param name="body">The client's stream.</param>
/// <param name="name">The blob.</param>
/// <param name="length">How many bytes there are to read.</param>
internal sealed class AzureBlobBody(Stream body, BlobName name, long length) : Stream
{
    private long _position;

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
        if (_position >= length || buffer.Length == 0)
        {
            return 0;
        }

        try
        {
            int read = await body.ReadAsync(buffer[..(int)Math.Min(buffer.Length, length - _position)], cancellationToken);
            _position += read;
            return read > 0 ? read : throw new FedCloudException(ErrorCodes.StorageUnreachable, $"{name}: expected {length} bytes, found the first {_position}");
        }
        catch (RequestFailedException error) when (AzureStorageErrors.IsConditionFailed(error))
        {
            throw new FedCloudException(ErrorCodes.StorageFailed, $"{name} was changed or deleted while it was read", "repeat the command", error);
        }
        catch (Exception error) when (AzureStorageErrors.IsTrouble(error, cancellationToken))
        {
            throw AzureStorageErrors.Of(error, "read", name.ToString());
        }
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
            body.Dispose();
        }

        base.Dispose(disposing);
    }
}
