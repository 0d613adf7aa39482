// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>AES-256 in counter mode (NIST SP 800-38A): block i of the stream is the encryption of i as a 128-bit big-endian number.</summary>
/// <remarks>Limit: 2^44 blocks (256 TiB) a key, where its output differs from random bytes with probability below 2^-40. One key is for one job, in memory only, never logged.</remarks>
public sealed class AesCtrRandomSource : IRandomSource, IDisposable
{
    private const int BlockBytes = 16;
    private const long MaxBlocks = 1L << 44;

    private readonly Aes _aes;
    private readonly byte[] _counters = new byte[256 * BlockBytes];
    private readonly byte[] _stream = new byte[256 * BlockBytes];
    private long _next;
    private int _used;

    /// <summary>Begins a stream.</summary>
    /// <param name="key">32 bytes from <see cref="RandomNumberGenerator"/>; the caller zeroes its copy.</param>
    public AesCtrRandomSource(ReadOnlySpan<byte> key)
    {
        if (key.Length != 32)
        {
            throw new ArgumentException($"expected a key of 32 bytes, found {key.Length}", nameof(key));
        }

        _aes = Aes.Create();
        _aes.SetKey(key);
        _used = _stream.Length;
    }

    /// <inheritdoc/>
    public void Fill(Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            if (_used == _stream.Length)
            {
                Refill();
            }

            int count = Math.Min(destination.Length, _stream.Length - _used);
            _stream.AsSpan(_used, count).CopyTo(destination);
            _stream.AsSpan(_used, count).Clear();
            _used += count;
            destination = destination[count..];
        }
    }

    /// <summary>Zeroes the stream and disposes of the key.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_stream);
        _used = _stream.Length;
        _aes.Dispose();
    }

    private void Refill()
    {
        int blocks = _counters.Length / BlockBytes;
        if (_next > MaxBlocks - blocks)
        {
            throw new FedCloudException(ErrorCodes.CountInvalid, $"a key of the noise generator serves {MaxBlocks} blocks, and all are used", "begin a new job with a new key");
        }

        for (int i = 0; i < blocks; i++)
        {
            BinaryPrimitives.WriteInt64BigEndian(_counters.AsSpan((i * BlockBytes) + 8), _next + i);
        }

        _aes.EncryptEcb(_counters, _stream, PaddingMode.None); // ECB of distinct counters is counter mode
        _next += blocks;
        _used = 0;
    }
}
