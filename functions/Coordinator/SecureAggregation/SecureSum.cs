// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using Microsoft.Win32.SafeHandles;

namespace FedCloud.Coordinator.SecureAggregation;

/// <summary>R7: opens a round's sum, from the ingested vectors and the revealed secrets to z and the mean (secure-aggregation, section 5.2).</summary>
/// <remarks>
/// Workers share the coordinates in ranges. A worker holds its range and one piece of one vector, 17 MiB at most, whatever d and the
/// number of silos, and then the keys of its masks, some 400 bytes each. The result is the same for any number of workers.
/// </remarks>
public sealed class SecureSum
{
    /// <summary>The largest range, in coordinates: 16 MiB with 32 bits. A longer vector is read in several requests.</summary>
    public const int MaxRange = 1 << 22;

    /// <summary>Coordinates of a part that can be computed beforehand: 64 MiB with 32 bits.</summary>
    public const int PartCoordinates = 1 << 24;

    private const int PieceCoordinates = 1 << 18;

    private readonly IBlobStore _store;
    private readonly int _maxRange;

    /// <summary>Makes it.</summary>
    /// <param name="store">The storage.</param>
    /// <param name="maxRange">The largest range, in coordinates.</param>
    public SecureSum(IBlobStore store, int maxRange = MaxRange)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxRange, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxRange, MaxRange);
        _store = store;
        _maxRange = maxRange;
    }

    /// <summary>Computes z and the mean; the same bytes whenever it is repeated.</summary>
    /// <param name="inputs">What opens the sum.</param>
    /// <param name="zPath">The file that z goes to, d·k/8 bytes.</param>
    /// <param name="meanPath">The file that the mean goes to, float32, little-endian; it counts only when this returns.</param>
    /// <param name="workers">How many ranges are computed at a time, each with its own memory.</param>
    /// <param name="parts">Parts of z that were computed beforehand; null for none.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException">
    /// <c>sum_out_of_bounds</c> or <c>gate_failed</c>: the sum was opened and gives no result. <c>update_missing</c> or
    /// <c>masked_length</c>: a silo's vector, which is named, is no longer what was ingested.
    /// </exception>
    public async Task<OpenedSum> RunAsync(SecureSumInputs inputs, string zPath, string meanPath, int workers, PartShelf? parts, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentOutOfRangeException.ThrowIfLessThan(workers, 1);
        await RequireVectorsAsync(inputs, cancellation);
        await WriteSumAsync(inputs, zPath, workers, parts, cancellation);
        await using FileStream z = File.OpenRead(zPath);
        await using FileStream mean = new(meanPath, FileMode.Create, FileAccess.Write, FileShare.None);
        return SumOpening.Open(inputs.Terms, inputs.Scope.Rid, inputs.Agreement.U3.Length, z, mean);
    }

    /// <summary>Computes a part of z beforehand.</summary>
    /// <param name="inputs">What opens the sum.</param>
    /// <param name="part">The part, from 0: a range of <see cref="PartCoordinates"/>.</param>
    /// <param name="path">The file that it goes to.</param>
    /// <param name="workers">How many ranges are computed at a time, each with its own memory.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>update_missing</c> or <c>masked_length</c>: a silo's vector, which is named, is no longer what was ingested.</exception>
    public async Task RunPartAsync(SecureSumInputs inputs, int part, string path, int workers, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentOutOfRangeException.ThrowIfNegative(part);
        await RequireVectorsAsync(inputs, cancellation);
        long first = (long)part * PartCoordinates;
        long count = Math.Min(PartCoordinates, inputs.Scope.D - first);
        using SafeFileHandle z = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, count * inputs.Scope.Ring.WordBytes);
        await WriteRangeAsync(inputs, z, first, count, at: 0, workers, cancellation);
    }

    // Before any range is asked for: one beyond the end of a blob would be the storage's error, and name no silo.
    private async Task RequireVectorsAsync(SecureSumInputs inputs, CancellationToken cancellation)
    {
        foreach (int u in inputs.Agreement.U3)
        {
            using BlobRead start = await OpenAsync(inputs, u, 0, 1, cancellation);
        }
    }

    private async Task WriteSumAsync(SecureSumInputs inputs, string path, int workers, PartShelf? parts, CancellationToken cancellation)
    {
        long d = inputs.Scope.D;
        int wordBytes = inputs.Scope.Ring.WordBytes;
        if (parts is null || PartShelf.Count(d, PartCoordinates) == 0)
        {
            using SafeFileHandle whole = File.OpenHandle(path, FileMode.Create, FileAccess.Write, FileShare.None, FileOptions.None, inputs.Scope.VectorBytes);
            await WriteRangeAsync(inputs, whole, 0, d, at: 0, workers, cancellation);
            return;
        }

        await using FileStream z = new(path, FileMode.Create, FileAccess.Write, FileShare.None);
        for (long first = 0; first < d; first += PartCoordinates)
        {
            long count = Math.Min(PartCoordinates, d - first);
            z.Position = first * wordBytes;
            if (!await parts.TryCopyAsync((int)(first / PartCoordinates), count * wordBytes, z, cancellation))
            {
                await z.FlushAsync(cancellation);
                await WriteRangeAsync(inputs, z.SafeFileHandle, first, count, first * wordBytes, workers, cancellation);
            }
        }
    }

    // The range's first coordinate stands at the given byte of the file.
    private async Task WriteRangeAsync(SecureSumInputs inputs, SafeFileHandle z, long from, long count, long at, int workers, CancellationToken cancellation)
    {
        int range = RangeOf(count, workers);
        ParallelOptions each = new() { MaxDegreeOfParallelism = workers, CancellationToken = cancellation };
        await Parallel.ForAsync(0, workers, each, async (worker, stop) =>
        {
            using RoundMasks masks = RoundMasks.OfSum(inputs.Scope, inputs.Agreement, inputs.Secrets);
            RingSum sum = new(inputs.Scope.Ring, range);
            byte[] piece = new byte[Math.Min(range, PieceCoordinates) * inputs.Scope.Ring.WordBytes];
            for (long first = from + ((long)worker * range); first < from + count; first += (long)workers * range)
            {
                sum.Begin(first, (int)Math.Min(range, from + count - first));
                foreach (int u in inputs.Agreement.U3)
                {
                    await FoldAsync(inputs, u, first, sum, piece, stop);
                }

                sum.Unmask(masks);
                RandomAccess.Write(z, sum.Words, at + ((first - from) * inputs.Scope.Ring.WordBytes));
            }
        });
    }

    // Equal ranges, as few as there may be, and as many for each worker.
    private int RangeOf(long d, int workers)
    {
        long atOnce = (long)workers * _maxRange;
        long ranges = (d + atOnce - 1) / atOnce * workers;
        return (int)((d + ranges - 1) / ranges);
    }

    private async Task FoldAsync(SecureSumInputs inputs, int u, long first, RingSum sum, byte[] piece, CancellationToken cancellation)
    {
        int wordBytes = inputs.Scope.Ring.WordBytes;
        int length = sum.Words.Length;
        using BlobRead vector = await OpenAsync(inputs, u, first * wordBytes, length, cancellation);
        for (int at = 0; at < length; at += piece.Length)
        {
            Memory<byte> part = piece.AsMemory(0, Math.Min(piece.Length, length - at));
            await vector.Content.ReadExactlyAsync(part, cancellation);
            sum.AddAt(at / wordBytes, part.Span);
        }
    }

    private async Task<BlobRead> OpenAsync(SecureSumInputs inputs, int u, long offset, int length, CancellationToken cancellation)
    {
        BlobRead vector = await _store.OpenReadAsync(inputs.Vectors[u], offset, length, cancellation)
            ?? throw new FedCloudException(ErrorCodes.UpdateMissing, $"silo {u}: expected its vector as {inputs.Vectors[u]}, found none");
        if (vector.BlobLength != inputs.Scope.VectorBytes)
        {
            using (vector)
            {
                throw new FedCloudException(ErrorCodes.MaskedLength, $"silo {u}: expected {inputs.Scope.VectorBytes} bytes, found {vector.BlobLength}");
            }
        }

        return vector;
    }
}
