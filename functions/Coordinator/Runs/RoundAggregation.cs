// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Coordinator.Runs;

/// <summary>Computes a round's mean and the version that follows, streaming: memory grows neither with the number of silos nor with the model.</summary>
/// <param name="store">The storage.</param>
/// <param name="updates">Reads updates.</param>
/// <param name="scratch">A folder for temporary files.</param>
public sealed class RoundAggregation(IBlobStore store, UpdateReader updates, string scratch)
{
    /// <summary>Coordinates summed at a time: 16 MiB of binary64. A larger update is read once for each range.</summary>
    public const int RangeCoordinates = 2 << 20;

    private const int PieceCoordinates = 1 << 14;

    /// <summary>Computes a part of the mean beforehand: a range of <see cref="RangeCoordinates"/>. A part that cannot be computed is left to <see cref="RunAsync"/>, which says why.</summary>
    public async Task RunPartAsync(RunConfig config, AdapterLayout layout, AggregateRound effect, int part, PartShelf parts, CancellationToken cancellation)
    {
        ExchangedFactor exchanged = ExchangedOf(effect);
        long start = (long)part * RangeCoordinates;
        using TemporaryFolder folder = new(scratch);
        string path = folder.File("part.f32");
        Summand? broken;
        await using (FileStream mean = new(path, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            int count = (int)Math.Min(RangeCoordinates, layout.UpdateCoordinates(exchanged) - start);
            (broken, _) = await SumRangeAsync(config, layout, exchanged, effect, start, new double[count], mean, cancellation);
        }

        if (broken is null)
        {
            await parts.PutAsync(part, path, cancellation);
        }
    }

    /// <summary>Computes and stores mean and version; the same bytes whenever it is repeated.</summary>
    /// <returns>The result, or the silo whose stored update is no longer what was verified.</returns>
    public async Task<RunEvent> RunAsync(RunConfig config, AdapterLayout layout, AggregateRound effect, PartShelf parts, TimeProvider time, CancellationToken cancellation)
    {
        ExchangedFactor exchanged = ExchangedOf(effect);
        using TemporaryFolder folder = new(scratch);
        string meanPath = folder.File("mean.f32");
        Summand? broken = null;
        string? reason = null;
        await using (FileStream mean = new(meanPath, FileMode.Create, FileAccess.ReadWrite, FileShare.None))
        {
            long total = layout.UpdateCoordinates(exchanged);
            bool hasParts = PartShelf.Count(total, RangeCoordinates) > 0;
            Memory<double> sum = new double[(int)Math.Min(RangeCoordinates, total)];
            for (long start = 0; start < total && broken is null; start += RangeCoordinates)
            {
                int count = (int)Math.Min(RangeCoordinates, total - start);
                if (hasParts && await parts.TryCopyAsync((int)(start / RangeCoordinates), (long)count * sizeof(float), mean, cancellation))
                {
                    continue;
                }

                (broken, reason) = await SumRangeAsync(config, layout, exchanged, effect, start, sum[..count], mean, cancellation);
            }
        }

        if (broken is not null)
        {
            return new AggregateFailed(time.GetUtcNow(), effect.Rid, broken.Silo, reason ?? ErrorCodes.UpdateMissing.Name);
        }

        AggregateReference aggregate = await StepAsync(config, layout, exchanged, effect.Round, effect.Model, folder, meanPath, cancellation);
        return new AggregateReady(time.GetUtcNow(), effect.Rid, aggregate);
    }

    /// <summary>Computes and stores the version that follows from a mean, and the mean; the same in both modes.</summary>
    /// <param name="config">The plan.</param>
    /// <param name="layout">The adapter's layout.</param>
    /// <param name="exchanged">The factors that travel.</param>
    /// <param name="round">The round.</param>
    /// <param name="model">The version that the round started from.</param>
    /// <param name="folder">For the files that come up.</param>
    /// <param name="meanPath">The mean, float32, little-endian.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The mean's digest and norm, and the new version's digest.</returns>
    public async Task<AggregateReference> StepAsync(
        RunConfig config, AdapterLayout layout, ExchangedFactor exchanged, int round, ModelReference model, TemporaryFolder folder, string meanPath, CancellationToken cancellation)
    {
        string previousPath = folder.File("previous.safetensors");
        string nextPath = folder.File("next.safetensors");
        BlobName previousName = StorageNames.Version(config.Federation, config.Adapter, config.Job, model.Version);
        await BlobFiles.DownloadAsync(store, previousName, previousPath, model.Sha256, cancellation);
        double norm;
        Sha256Digest meanSha256;
        await using (FileStream mean = File.OpenRead(meanPath))
        {
            (norm, meanSha256) = Measure(mean);
            using SafetensorsFile previous = SafetensorsFile.Open(previousPath, SafetensorsLimits.Foreign);
            ModelVersionFile.WriteNext(nextPath, config, layout, previous, model.Version + 1, exchanged, mean);
        }

        Sha256Digest next = await BlobFiles.DigestAsync(nextPath, cancellation);
        await BlobFiles.PutOnceAsync(store, StorageNames.Candidate(config.Job, round, next), nextPath, cancellation);
        await BlobFiles.PutOnceAsync(store, StorageNames.Aggregate(config.Job, round, meanSha256), meanPath, cancellation);
        return new AggregateReference { AggregateSha256 = meanSha256, NewModelSha256 = next, Norm = norm };
    }

    private static ExchangedFactor ExchangedOf(AggregateRound effect) =>
        ExchangedFactorExtensions.FromWire(effect.Exchanged) ?? throw new InvalidOperationException("a round names its factors");

    private async Task<(Summand? Broken, string? Reason)> SumRangeAsync(
        RunConfig config, AdapterLayout layout, ExchangedFactor exchanged, AggregateRound effect, long start, Memory<double> sum, FileStream output, CancellationToken cancellation)
    {
        int count = sum.Length;
        WeightedMean mean = new(sum);
        foreach (Summand summand in effect.Summands)
        {
            mean.Begin(summand.Update.Weight);
            try
            {
                await updates.ReadAsync(
                    config.Job, effect.Round, effect.Rid, summand.Silo, summand.Idx, summand.Update, layout, exchanged,
                    (first, values) => AddOverlap(mean, start, count, first, values.Span),
                    cancellation);
            }
            catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
            {
                return (summand, error.Code.Name);
            }
        }

        float[] piece = new float[PieceCoordinates];
        for (int done = 0; done < count; done += piece.Length)
        {
            Span<float> values = piece.AsSpan(0, Math.Min(piece.Length, count - done));
            mean.Finish(done, values);
            output.Write(MemoryMarshal.AsBytes(values));
        }

        return (null, null);
    }

    private static void AddOverlap(WeightedMean mean, long start, int count, long first, ReadOnlySpan<float> values)
    {
        long from = Math.Max(start, first);
        long to = Math.Min(start + count, first + values.Length);
        if (from < to)
        {
            mean.Add(values.Slice((int)(from - first), (int)(to - from)));
        }
    }

    // The L2 norm in binary64, in order.
    private static (double Norm, Sha256Digest Sha256) Measure(FileStream mean)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        byte[] buffer = new byte[1 << 20];
        double squares = 0;
        int read;
        while ((read = mean.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false)) > 0)
        {
            hash.AppendData(buffer.AsSpan(0, read));
            foreach (float value in MemoryMarshal.Cast<byte, float>(buffer.AsSpan(0, read)))
            {
                squares += (double)value * value;
            }
        }

        return (Math.Sqrt(squares), Sha256Digest.FromBytes(hash.GetHashAndReset()));
    }
}
