// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Envelopes;

/// <summary>Decrypts an update envelope as it is read, in constant memory: one chunk at a time.</summary>
/// <remarks>Nothing counts before <see cref="ReadChunkAsync"/> has returned 0: only then is the digest of the whole plaintext checked.</remarks>
public sealed class UpdateEnvelopeReader : IDisposable
{
    private readonly Stream _input;
    private readonly AesGcm _cipher;
    private readonly byte[] _associated;
    private readonly byte[] _prefix;
    private readonly EnvelopeBuffers _buffers;
    private readonly IncrementalHash _digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly long _chunks;
    private long _next;

    private UpdateEnvelopeReader(Stream input, UpdateEnvelopeHeader header, byte[] headerBytes, byte[] dataKey, EnvelopeBuffers buffers)
    {
        _input = input;
        _buffers = buffers;
        Header = header;
        _cipher = new AesGcm(dataKey, UpdateEnvelope.TagBytes);
        _associated = SHA256.HashData(headerBytes);
        _prefix = Convert.FromHexString(header.NoncePrefix);
        _chunks = UpdateEnvelope.ChunkCount(header.TotalLen);
    }

    /// <summary>The header, whose round, sender, length and digest are already checked.</summary>
    public UpdateEnvelopeHeader Header { get; }

    /// <summary>The chunk that <see cref="ReadChunkAsync"/> decrypted last; valid until the next call.</summary>
    public ReadOnlyMemory<byte> Chunk { get; private set; }

    /// <summary>Reads and checks the header and unwraps the data key.</summary>
    /// <param name="input">The envelope, at its start.</param>
    /// <param name="expected">What the header must say.</param>
    /// <param name="buffers">The memory to read into; not for two readers at once. The last chunk is overwritten when the reader is disposed.</param>
    /// <param name="unwrap">Unwraps with exactly the key version that the header names; throws <c>key_retired</c> where that is not in use.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>envelope_malformed</c>, <c>envelope_length</c>, <c>envelope_tampered</c>.</exception>
    public static async Task<UpdateEnvelopeReader> OpenAsync(
        Stream input,
        ExpectedEnvelope expected,
        EnvelopeBuffers buffers,
        Func<string, byte[], CancellationToken, Task<byte[]>> unwrap,
        CancellationToken cancellation)
    {
        byte[] headerBytes = await ReadHeaderAsync(input, cancellation);
        UpdateEnvelopeHeader header = Parse(headerBytes);
        Check(header, expected);
        byte[] wrapped = DecodeWrapped(header);
        byte[] dataKey = await unwrap(header.Kid, wrapped, cancellation);
        try
        {
            return dataKey.Length == 32
                ? new UpdateEnvelopeReader(input, header, headerBytes, dataKey, buffers)
                : throw new FedCloudException(ErrorCodes.EnvelopeMalformed, UpdateEnvelope.Describe(32, dataKey.Length) + " of data key");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(dataKey);
        }
    }

    /// <summary>Decrypts the next chunk into <see cref="Chunk"/>.</summary>
    /// <returns>Its length in bytes; 0 at the end, after length and digest of the whole were checked.</returns>
    /// <exception cref="FedCloudException"><c>envelope_length</c> or <c>envelope_tampered</c>.</exception>
    public async Task<int> ReadChunkAsync(CancellationToken cancellation)
    {
        if (_next == _chunks)
        {
            await RequireEndAsync(cancellation);
            return 0;
        }

        int size = (int)Math.Min(UpdateEnvelope.ChunkBytes, Header.TotalLen - (_next * UpdateEnvelope.ChunkBytes));
        int read = await _input.ReadAtLeastAsync(_buffers.Sealed.AsMemory(0, size + UpdateEnvelope.TagBytes), size + UpdateEnvelope.TagBytes, throwOnEndOfStream: false, cancellation);
        if (read < size + UpdateEnvelope.TagBytes)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeLength, "the envelope ends before its last chunk");
        }

        try
        {
            _cipher.Decrypt(
                UpdateEnvelope.Nonce(_prefix, checked((uint)_next), last: _next == _chunks - 1),
                _buffers.Sealed.AsSpan(0, size),
                _buffers.Sealed.AsSpan(size, UpdateEnvelope.TagBytes),
                _buffers.Open.AsSpan(0, size),
                _associated);
        }
        catch (CryptographicException error)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeTampered, $"chunk {_next} fails its authentication", cause: error);
        }

        _next++;
        _digest.AppendData(_buffers.Open.AsSpan(0, size));
        Chunk = _buffers.Open.AsMemory(0, size);
        if (size == 0)
        {
            await RequireEndAsync(cancellation);
        }

        return size;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cipher.Dispose();
        _digest.Dispose();
        Chunk = default;
        _buffers.Clear();
    }

    private async Task RequireEndAsync(CancellationToken cancellation)
    {
        byte[] one = new byte[1];
        if (await _input.ReadAsync(one, cancellation) != 0)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeLength, "the envelope goes on after its last chunk");
        }

        if (!CryptographicOperations.FixedTimeEquals(_digest.GetHashAndReset(), Header.PlaintextSha256.ToBytes()))
        {
            throw new FedCloudException(ErrorCodes.EnvelopeTampered, "the content has another digest than announced");
        }
    }

    private static async Task<byte[]> ReadHeaderAsync(Stream input, CancellationToken cancellation)
    {
        byte[] length = new byte[4];
        await ReadOrRefuseAsync(input, length, cancellation);
        uint size = BinaryPrimitives.ReadUInt32BigEndian(length);
        if (size is 0 or > UpdateEnvelope.MaxHeaderBytes)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeMalformed, $"expected a header of 1 to {UpdateEnvelope.MaxHeaderBytes} bytes, found {size}");
        }

        byte[] header = new byte[size];
        await ReadOrRefuseAsync(input, header, cancellation);
        return header;
    }

    private static async Task ReadOrRefuseAsync(Stream input, byte[] buffer, CancellationToken cancellation)
    {
        if (await input.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, cancellation) < buffer.Length)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeLength, "the envelope ends inside its header");
        }
    }

    private static UpdateEnvelopeHeader Parse(byte[] headerBytes)
    {
        try
        {
            return Jcs.Parse(headerBytes, UpdateEnvelopeHeaderJson.Default.UpdateEnvelopeHeader, "envelope header");
        }
        catch (FedCloudException error)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeMalformed, error.Found, cause: error);
        }
    }

    private static void Check(UpdateEnvelopeHeader header, ExpectedEnvelope expected)
    {
        bool known = header.V == 1
            && string.Equals(header.Alg, UpdateEnvelopeHeader.WrapAlgorithm, StringComparison.Ordinal)
            && string.Equals(header.Enc, UpdateEnvelopeHeader.ContentEncryption, StringComparison.Ordinal)
            && header.NoncePrefix.Length == 14
            && header.NoncePrefix.All(char.IsAsciiHexDigitLower);
        if (!known)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeMalformed, "expected version 1 with RSA-OAEP-256 and A256GCM-STREAM-1M, found another form");
        }

        if (header.Rid != expected.Rid || header.Idx != expected.Idx || (expected.PlaintextSha256 is { } digest && header.PlaintextSha256 != digest))
        {
            throw new FedCloudException(ErrorCodes.EnvelopeMalformed, "the header names another round, silo or update than the signed announcement");
        }

        if (expected.PlaintextSha256 is null ? header.TotalLen < 0 || header.TotalLen > expected.Length : header.TotalLen != expected.Length)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeLength, UpdateEnvelope.Describe(expected.Length, header.TotalLen));
        }
    }

    private static byte[] DecodeWrapped(UpdateEnvelopeHeader header)
    {
        byte[] wrapped = new byte[1024];
        return Convert.TryFromBase64String(header.WrappedDek, wrapped, out int length)
            ? wrapped[..length]
            : throw new FedCloudException(ErrorCodes.EnvelopeMalformed, "expected the wrapped data key in base64, found other text");
    }
}

/// <summary>What an envelope's header must say.</summary>
/// <param name="Rid">The round.</param>
/// <param name="Idx">The sender's roster index.</param>
/// <param name="Length">The plaintext's length in bytes, known before reading; the largest one where the digest is not known.</param>
/// <param name="PlaintextSha256">The plaintext's digest, from the signed announcement; null where nothing announces it, and the plaintext is signed itself.</param>
public sealed record ExpectedEnvelope(Sha256Digest Rid, int Idx, long Length, Sha256Digest? PlaintextSha256);
