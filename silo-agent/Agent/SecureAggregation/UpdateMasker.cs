// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>Turns the trainer's update into the masked vector y: clip, rotate, quantise, add noise, weight, mask (secure-aggregation, sections 8 and 4).</summary>
/// <remarks>
/// Reads the update twice, for its norm and then piece by piece, and once more for each rounding where noise follows; memory does not
/// grow with it. What is not masked yet is in memory only, and zeroed. A slot must never see two vectors: y is finished or absent, and one that is finished is never made again.
/// </remarks>
public static class UpdateMasker
{
    /// <summary>Where the masked vector of a round lies.</summary>
    public static string PathOf(string folder, Sha256Digest rid) => Path.Combine(folder, rid.Hex + ".masked");

    /// <summary>Masks an update, unless that was done.</summary>
    /// <exception cref="FedCloudException"><c>clamp_limit</c>, <c>update_malformed</c>, <c>tensor_not_finite</c>, <c>weight_out_of_range</c>, <c>secagg_parameters_invalid</c>, <c>masked_length</c>, <c>file_missing</c>, <c>disk_full</c>.</exception>
    public static MaskedVector Mask(MaskingJob job, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(job);
        RequireFit(job);
        string path = PathOf(job.Folder, job.Scope.Rid);
        return File.Exists(path) ? Finished(path, job.Scope.VectorBytes) : Make(job, path, cancellation);
    }

    private static void RequireFit(MaskingJob job)
    {
        RingLayout layout = job.Layout;
        long length = layout.Rotated ? HadamardRotation.PaddedLength(job.Coordinates) : job.Coordinates;
        if (layout.Segments.Length != 1 || layout.Segments[0].Length != length || layout.D != job.Scope.D || layout.Ring != job.Scope.Ring)
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, $"expected a layout of {length} coordinates and the weight in the round's ring, found {layout.D} coordinates for a round of {job.Scope.D}");
        }

        if (layout.HasNoise != job.NoiseKey is not null || (job.IsSummed && (!layout.HasNoise || layout.Rotated)))
        {
            throw new FedCloudException(ErrorCodes.SecaggParametersInvalid, "expected a noise key exactly where the layout has noise, and a sum of records only there, found another combination");
        }

        if (job.Weight < 1 || job.Weight > layout.Limit)
        {
            throw new FedCloudException(ErrorCodes.WeightOutOfRange, $"expected a share from 1 to {layout.Limit}, found {job.Weight}");
        }
    }

    private static MaskedVector Finished(string path, long expected)
    {
        using FileStream file = File.OpenRead(path);
        return file.Length == expected
            ? new MaskedVector(path, Sha256Digest.FromBytes(SHA256.HashData(file)), expected, Figures: null)
            : throw new FedCloudException(ErrorCodes.MaskedLength, $"expected the round's finished vector of {expected} bytes, found {file.Length}");
    }

    private static MaskedVector Make(MaskingJob job, string path, CancellationToken cancellation)
    {
        using FileStream update = OpenUpdate(job);
        using PlainWords plain = job.IsSummed ? new SummedUpdate(job, update) : new RoundedUpdate(job, update, cancellation);
        using RingNoise? noise = job.NoiseKey is { } key ? new RingNoise(job.Layout, 0, key.Span) : null;
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        WholeFile.Write(path, output =>
        {
            WriteMasked(job, plain, noise, output, hash, cancellation);
            (plain as RoundedUpdate)?.RequireClampLimit();
        });
        PrivateFolder.Flush(job.Folder);
        return new MaskedVector(path, Sha256Digest.FromBytes(hash.GetHashAndReset()), job.Scope.VectorBytes, plain.Figures);
    }

    private static FileStream OpenUpdate(MaskingJob job)
    {
        if (!File.Exists(job.UpdatePath))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected the update {Path.GetFileName(job.UpdatePath)}, found none");
        }

        FileStream update = File.OpenRead(job.UpdatePath);
        long expected = job.HeaderBytes + (job.Coordinates * sizeof(float));
        if (update.Length == expected)
        {
            return update;
        }

        long found = update.Length;
        update.Dispose();
        throw new FedCloudException(ErrorCodes.UpdateMalformed, $"expected an update of {expected} bytes, found {found}");
    }

    private static void WriteMasked(MaskingJob job, PlainWords plain, RingNoise? noise, FileStream output, IncrementalHash hash, CancellationToken cancellation)
    {
        long length = job.Layout.Segments[0].Length;
        Ring ring = job.Scope.Ring;
        using RoundMasks masks = RoundMasks.OfSilo(job.Scope, job.Secrets);
        using SecretBytes words = new(plain.Piece * ring.WordBytes);
        for (long first = 0; first < length; first += plain.Piece)
        {
            cancellation.ThrowIfCancellationRequested();
            Span<byte> part = words.Span[..(int)(Math.Min(plain.Piece, length - first) * ring.WordBytes)];
            plain.Fill(first, part);
            noise?.AddTo(part);
            Mask(part, first);
        }

        Span<byte> last = words.Span[..ring.WordBytes];
        RingWords.Write(ring, last, 0, job.Weight);
        Mask(last, length);

        void Mask(Span<byte> unmasked, long first)
        {
            masks.Apply(unmasked, first);
            hash.AppendData(unmasked);
            output.Write(unmasked);
        }
    }
}
