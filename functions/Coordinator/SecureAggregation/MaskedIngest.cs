// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.SecureAggregation;

/// <summary>R2: turns a silo's encrypted upload into its masked vector, checked and ready to be read in ranges (secure-aggregation, section 10).</summary>
/// <remarks>The masked vector is no secret. Done again, it gives the same blob. Memory: two chunks of 1 MiB.</remarks>
/// <param name="store">The storage.</param>
/// <param name="keys">Unwraps the data key, once.</param>
/// <param name="scratch">A folder for temporary files: nobody sees a vector before its digest was checked.</param>
public sealed class MaskedIngest(IBlobStore store, IKeyUnwrapper keys, string scratch)
{
    private readonly UploadReader _uploads = new(store, keys);

    /// <summary>Decrypts an upload, checks length and digest, and stores the vector.</summary>
    /// <param name="upload">The silo's blob.</param>
    /// <param name="expected">What the silo announced and signed.</param>
    /// <param name="destination">The vector's place, which is this vector's alone.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException">
    /// <c>update_missing</c>, <c>envelope_*</c>, <c>key_retired</c>: the upload is not what was announced. <c>storage_failed</c>: the
    /// place holds another vector.
    /// </exception>
    public async Task RunAsync(BlobName upload, ExpectedEnvelope expected, BlobName destination, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(expected);
        using TemporaryFolder folder = new(scratch);
        string path = folder.File("masked");
        await using (FileStream vector = new(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0))
        {
            await _uploads.ReadAsync(upload, expected, reader => CopyAsync(reader, vector, cancellation), cancellation);
        }

        await BlobFiles.PutOnceAsync(store, destination, path, cancellation);
    }

    private static async Task CopyAsync(UpdateEnvelopeReader reader, FileStream vector, CancellationToken cancellation)
    {
        int size;
        while ((size = await reader.ReadChunkAsync(cancellation)) > 0)
        {
            vector.Write(reader.Chunk.Span[..size]);
        }
    }
}
