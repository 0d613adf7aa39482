// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Envelopes;

/// <summary>Encrypts an update for the coordinator: a fresh AES-256-GCM data key per object and attempt, wrapped with RSA-OAEP-256.</summary>
/// <remarks>
/// STREAM construction (Hoang et al. 2015): chunks of 1 MiB; nonce = 7-byte random prefix ‖ u32 chunk number ‖ u8 last flag;
/// associated data = SHA-256 of the header bytes. At most 2^32 chunks a key; a key is used for one object.
/// </remarks>
public static class UpdateEnvelope
{
    /// <summary>The plaintext bytes in every chunk but the last.</summary>
    public const int ChunkBytes = 1 << 20;

    /// <summary>The bytes of a GCM tag, which follows each chunk.</summary>
    public const int TagBytes = 16;

    /// <summary>The largest header that is read, in bytes.</summary>
    public const int MaxHeaderBytes = 8 * 1024;

    /// <summary>The envelope's length in bytes for a header and a plaintext of these lengths.</summary>
    public static long LengthOf(int headerBytes, long plaintextBytes) => 4 + headerBytes + plaintextBytes + (TagBytes * ChunkCount(plaintextBytes));

    /// <summary>Encrypts a stream.</summary>
    /// <param name="plaintext">The update; read once to its end.</param>
    /// <param name="totalLength">Its length in bytes.</param>
    /// <param name="plaintextSha256">Its digest, which the receiver checks at the end.</param>
    /// <param name="rid">The round.</param>
    /// <param name="idx">The sender's roster index.</param>
    /// <param name="kid">The wrapping key's full identifier with version.</param>
    /// <param name="wrappingKey">The wrapping key, RSA-3072.</param>
    /// <param name="output">Receives the envelope.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="EndOfStreamException">The plaintext is shorter than its stated length.</exception>
    public static async Task EncryptAsync(
        Stream plaintext,
        long totalLength,
        Sha256Digest plaintextSha256,
        Sha256Digest rid,
        int idx,
        string kid,
        RSA wrappingKey,
        Stream output,
        CancellationToken cancellation)
    {
        byte[] dataKey = RandomNumberGenerator.GetBytes(32);
        byte[] prefix = RandomNumberGenerator.GetBytes(7);
        byte[] chunk = new byte[ChunkBytes];
        byte[] sealedChunk = new byte[ChunkBytes + TagBytes];
        try
        {
            UpdateEnvelopeHeader header = new()
            {
                V = 1,
                Kid = kid,
                Alg = UpdateEnvelopeHeader.WrapAlgorithm,
                Enc = UpdateEnvelopeHeader.ContentEncryption,
                WrappedDek = Convert.ToBase64String(wrappingKey.Encrypt(dataKey, RSAEncryptionPadding.OaepSHA256)),
                NoncePrefix = Convert.ToHexStringLower(prefix),
                Rid = rid,
                Idx = idx,
                TotalLen = totalLength,
                PlaintextSha256 = plaintextSha256,
            };
            byte[] headerBytes = Jcs.Serialize(header, UpdateEnvelopeHeaderJson.Default.UpdateEnvelopeHeader);
            byte[] length = new byte[4];
            BinaryPrimitives.WriteUInt32BigEndian(length, (uint)headerBytes.Length);
            await output.WriteAsync(length, cancellation);
            await output.WriteAsync(headerBytes, cancellation);

            using AesGcm cipher = new(dataKey, TagBytes);
            byte[] associated = SHA256.HashData(headerBytes);
            long chunks = ChunkCount(totalLength);
            for (long number = 0; number < chunks; number++)
            {
                int size = (int)Math.Min(ChunkBytes, totalLength - (number * ChunkBytes));
                await plaintext.ReadExactlyAsync(chunk.AsMemory(0, size), cancellation);
                cipher.Encrypt(
                    Nonce(prefix, checked((uint)number), last: number == chunks - 1),
                    chunk.AsSpan(0, size),
                    sealedChunk.AsSpan(0, size),
                    sealedChunk.AsSpan(size, TagBytes),
                    associated);
                await output.WriteAsync(sealedChunk.AsMemory(0, size + TagBytes), cancellation);
            }
        }
        finally
        {
            CryptographicOperations.ZeroMemory(dataKey);
            CryptographicOperations.ZeroMemory(chunk);
        }
    }

    // An empty plaintext still has one chunk, so that its absence is noticed.
    internal static long ChunkCount(long plaintextBytes) => Math.Max(1, (plaintextBytes + ChunkBytes - 1) / ChunkBytes);

    internal static byte[] Nonce(ReadOnlySpan<byte> prefix, uint number, bool last)
    {
        byte[] nonce = new byte[12];
        prefix.CopyTo(nonce);
        BinaryPrimitives.WriteUInt32BigEndian(nonce.AsSpan(7), number);
        nonce[11] = last ? (byte)1 : (byte)0;
        return nonce;
    }

    internal static string Describe(long expected, long found) =>
        string.Create(CultureInfo.InvariantCulture, $"expected {expected} bytes, found {found}");
}
