// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Storage;

/// <summary>Opens the encrypted uploads of silos. Memory: two chunks of 1 MiB for each that is open at the same time.</summary>
/// <param name="store">The storage.</param>
/// <param name="keys">Unwraps data keys.</param>
public sealed class UploadReader(IBlobStore store, IKeyUnwrapper keys)
{
    // A round reads many uploads one after the other: the same buffers again, so that the heap stays as small as one reading needs.
    private readonly ConcurrentBag<EnvelopeBuffers> _free = [];

    /// <summary>Opens an upload, and closes it when it was read.</summary>
    /// <param name="name">The blob.</param>
    /// <param name="expected">What its header must say.</param>
    /// <param name="read">Reads it to its end: until the reader has returned 0, nothing was verified.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>update_missing</c>, <c>envelope_*</c>, <c>key_retired</c>.</exception>
    public async Task ReadAsync(BlobName name, ExpectedEnvelope expected, Func<UpdateEnvelopeReader, Task> read, CancellationToken cancellation)
    {
        using BlobRead blob = await store.OpenReadAsync(name, 0, null, cancellation)
            ?? throw new FedCloudException(ErrorCodes.UpdateMissing, $"{name}: expected an upload, found none");

        // The length is known before a byte is read, so an oversized body costs nothing.
        if (blob.BlobLength > UpdateEnvelope.LengthOf(UpdateEnvelope.MaxHeaderBytes, expected.Length))
        {
            throw new FedCloudException(ErrorCodes.EnvelopeLength, $"{name}: expected about {expected.Length} bytes, found {blob.BlobLength}");
        }

        EnvelopeBuffers buffers = _free.TryTake(out EnvelopeBuffers? known) ? known : new EnvelopeBuffers();
        try
        {
            using UpdateEnvelopeReader reader = await UpdateEnvelopeReader.OpenAsync(blob.Content, expected, buffers, keys.UnwrapAsync, cancellation);
            await read(reader);
        }
        finally
        {
            _free.Add(buffers);
        }
    }
}
