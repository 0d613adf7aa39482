// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.SecureAggregation;

/// <summary>R6: decrypts the shares that a silo reveals.</summary>
/// <param name="store">The storage.</param>
/// <param name="keys">Unwraps data keys.</param>
public sealed class UnmaskReader(IBlobStore store, IKeyUnwrapper keys)
{
    /// <summary>The largest signed body, in bytes; shares for 255 silos take some 30 KiB.</summary>
    public const int MaxBytes = 256 * 1024;

    private readonly UploadReader _uploads = new(store, keys);

    /// <summary>Decrypts an upload. Nothing announced its digest: what counts is the signature over the body inside, which the caller checks.</summary>
    /// <param name="name">The blob.</param>
    /// <param name="rid">The round that it must be for.</param>
    /// <param name="idx">The silo that it must be of.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The signed body; the caller zeroes its payload.</returns>
    /// <exception cref="FedCloudException"><c>update_missing</c>, <c>envelope_*</c>, <c>key_retired</c>, <c>unmask_invalid</c>.</exception>
    public async Task<DsseEnvelope> ReadAsync(BlobName name, Sha256Digest rid, int idx, CancellationToken cancellation)
    {
        byte[] plaintext = GC.AllocateArray<byte>(MaxBytes, pinned: true);
        try
        {
            int length = 0;
            await _uploads.ReadAsync(name, new ExpectedEnvelope(rid, idx, MaxBytes, PlaintextSha256: null), async reader =>
            {
                int size;
                while ((size = await reader.ReadChunkAsync(cancellation)) > 0)
                {
                    reader.Chunk.CopyTo(plaintext.AsMemory(length));
                    length += size;
                }
            }, cancellation);
            return StrictJson.Deserialize(plaintext.AsSpan(0, length), FrameJson.Default.DsseEnvelope) is { Signatures.IsDefault: false } envelope
                ? envelope
                : throw new FedCloudException(ErrorCodes.UnmaskInvalid, $"silo {idx}: expected a signed body, found null");
        }
        catch (JsonException error)
        {
            // Without the cause, whose text may quote what it read.
            throw new FedCloudException(ErrorCodes.UnmaskInvalid, $"silo {idx}: expected a signed body, found another form at byte {error.BytePositionInLine}");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(plaintext);
        }
    }
}
