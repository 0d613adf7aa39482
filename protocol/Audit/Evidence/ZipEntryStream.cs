// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>A file of a zip that ends where its directory says. More or fewer bytes, or damaged ones, are one clear error.</summary>
internal sealed class ZipEntryStream(Stream inner, long length, string path) : Stream
{
    private long _read;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position { get => _read; set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override int Read(Span<byte> buffer)
    {
        int read;
        try
        {
            read = inner.Read(buffer);
        }
        catch (Exception error) when (error is InvalidDataException or IOException)
        {
            throw EvidenceInventory.Unusable($"{path} cannot be unpacked", error);
        }

        _read += read;
        bool whole = _read <= length && (read > 0 || buffer.IsEmpty || _read == length);
        return whole ? read : throw Wrong();
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(Read(buffer.Span));
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private FedCloudException Wrong() => EvidenceInventory.Unusable($"{path}: expected to unpack {length} bytes, found another length");
}
