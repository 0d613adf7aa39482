// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Envelopes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Coordinator.Runs;

/// <summary>Reads a silo's encrypted update as a stream of coordinates, checking everything on the way. Memory: two chunks of 1 MiB.</summary>
/// <param name="store">The storage.</param>
/// <param name="keys">Unwraps data keys.</param>
public sealed class UpdateReader(IBlobStore store, IKeyUnwrapper keys)
{
    private readonly UploadReader _uploads = new(store, keys);

    // As in UploadReader: the same buffers for one update after the other.
    private readonly ConcurrentBag<Buffers> _free = [];

    /// <summary>Reads an update to its end; only when this returns did the update verify.</summary>
    /// <param name="job">The run.</param>
    /// <param name="round">The round.</param>
    /// <param name="rid">The round's id.</param>
    /// <param name="silo">Whose update.</param>
    /// <param name="idx">The silo's index in the round.</param>
    /// <param name="update">What was announced.</param>
    /// <param name="layout">The adapter's layout.</param>
    /// <param name="exchanged">The factors that travel.</param>
    /// <param name="take">Gets the coordinates in order, a piece at a time, with the index of the first.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>update_missing</c>, <c>update_malformed</c>, <c>tensor_not_finite</c>, <c>envelope_*</c>, <c>key_retired</c>.</exception>
    public async Task ReadAsync(
        RunId job,
        int round,
        Sha256Digest rid,
        SiloId silo,
        int idx,
        UpdateReference update,
        AdapterLayout layout,
        ExchangedFactor exchanged,
        Action<long, ReadOnlyMemory<float>> take,
        CancellationToken cancellation)
    {
        BlobName name = new(UploadName.Container(silo), UploadName.Path(job, round, update.Attempt));
        Buffers buffers = _free.TryTake(out Buffers? known) ? known : new Buffers();
        try
        {
            ExpectedEnvelope expected = new(rid, idx, update.Length, update.Sha256);
            await _uploads.ReadAsync(name, expected, reader => ReadAsync(reader, buffers, layout, exchanged, take, cancellation), cancellation);
        }
        finally
        {
            buffers.Clear();
            _free.Add(buffers);
        }
    }

    private static async Task ReadAsync(
        UpdateEnvelopeReader reader, Buffers buffers, AdapterLayout layout, ExchangedFactor exchanged, Action<long, ReadOnlyMemory<float>> take, CancellationToken cancellation)
    {
        byte[] header = layout.UpdateHeader(exchanged);
        byte[] carry = buffers.Carry;
        float[] piece = buffers.Piece;
        int carried = 0;
        int headerRead = 0;
        long coordinate = 0;
        int size;
        while ((size = await reader.ReadChunkAsync(cancellation)) > 0)
        {
            ReadOnlyMemory<byte> chunk = reader.Chunk[..size];
            int inHeader = Math.Min(size, header.Length - headerRead);
            if (!chunk.Span[..inHeader].SequenceEqual(header.AsSpan(headerRead, inHeader)))
            {
                throw new FedCloudException(ErrorCodes.UpdateMalformed, "the update's header names other tensors than the round exchanges");
            }

            headerRead += inHeader;
            chunk.Span[inHeader..].CopyTo(carry.AsSpan(carried));
            int bytes = carried + size - inHeader;
            int count = bytes / 4;
            MemoryMarshal.Cast<byte, float>(carry.AsSpan(0, count * 4)).CopyTo(piece);
            if (FiniteCheck.IndexOfNotFinite(piece.AsSpan(0, count)) >= 0)
            {
                throw new FedCloudException(ErrorCodes.TensorNotFinite, "the update holds NaN or infinity");
            }

            take(coordinate, piece.AsMemory(0, count));
            coordinate += count;
            carried = bytes - (count * 4);
            carry.AsSpan(count * 4, carried).CopyTo(carry);
        }

        if (carried != 0 || coordinate != layout.UpdateCoordinates(exchanged))
        {
            throw new FedCloudException(ErrorCodes.UpdateMalformed, $"expected {layout.UpdateCoordinates(exchanged)} coordinates, found {coordinate}");
        }
    }

    private sealed class Buffers
    {
        public byte[] Carry { get; } = new byte[UpdateEnvelope.ChunkBytes + sizeof(float)];

        public float[] Piece { get; } = new float[(UpdateEnvelope.ChunkBytes / sizeof(float)) + 1];

        public void Clear()
        {
            Carry.AsSpan().Clear();
            Piece.AsSpan().Clear();
        }
    }
}
