// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>Turns the trainer's update into the masked vector y: clip, rotate, quantise, weight, mask (secure-aggregation, section 8 without 8.1, and section 4).</summary>
/// <remarks>
/// Reads the update twice, for its norm and then piece by piece, so memory does not grow with it. What is not masked yet is in memory
/// only, and zeroed. A slot must never see two vectors: y is finished or absent, and one that is finished is never made again.
/// </remarks>
public static class UpdateMasker
{
    private const int PieceCoordinates = 1 << 18;

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
        RingSegment model = job.Layout.Segments[0];
        double weight = model.Weighted ? job.Weight / (double)job.Layout.Limit : 1;
        double norm = NormOf(update, job, cancellation);
        double factor = UpdateQuantizer.Factor(norm, model.Clip, weight);
        using UpdateQuantizer quantizer = new(job.Layout, job.CoinKey.Span);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        WholeFile.Write(path, output =>
        {
            WriteMasked(job, update, quantizer, factor, output, hash, cancellation);
            quantizer.RequireClampLimit(0, job.ClampLimit);
        });
        PrivateFolder.Flush(job.Folder);
        MaskingFigures figures = new(norm, factor < weight, quantizer.Clamped(0) / (double)model.Length);
        return new MaskedVector(path, Sha256Digest.FromBytes(hash.GetHashAndReset()), job.Scope.VectorBytes, figures);
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

    private static double NormOf(FileStream update, MaskingJob job, CancellationToken cancellation)
    {
        SquaredNorm norm = new();
        using SecretBytes buffer = new(PieceCoordinates * sizeof(float));
        update.Position = job.HeaderBytes;
        for (long first = 0; first < job.Coordinates; first += PieceCoordinates)
        {
            cancellation.ThrowIfCancellationRequested();
            norm.Add(ReadNext(update, buffer, (int)Math.Min(PieceCoordinates, job.Coordinates - first)));
        }

        return norm.Norm;
    }

    private static void WriteMasked(MaskingJob job, FileStream update, UpdateQuantizer quantizer, double factor, FileStream output, IncrementalHash hash, CancellationToken cancellation)
    {
        int piece = job.Layout.Rotated ? HadamardRotation.MaxBlock : PieceCoordinates;
        long length = job.Layout.Segments[0].Length;
        Ring ring = job.Scope.Ring;
        using RoundMasks masks = RoundMasks.OfSilo(job.Scope, job.Secrets);
        using HadamardRotation rotation = new(job.Scope.Rid);
        using SecretBytes buffer = new(piece * sizeof(float));
        using SecretBytes block = new(job.Layout.Rotated ? piece * sizeof(double) : 0);
        using SecretBytes words = new(piece * ring.WordBytes);
        update.Position = job.HeaderBytes;
        for (long first = 0; first < length; first += piece)
        {
            cancellation.ThrowIfCancellationRequested();
            int count = (int)Math.Min(piece, length - first);
            ReadOnlySpan<float> values = ReadNext(update, buffer, (int)Math.Min(count, job.Coordinates - first)); // fewer where padding follows
            Span<byte> part = words.Span[..(count * ring.WordBytes)];
            if (job.Layout.Rotated)
            {
                Span<double> rotated = MemoryMarshal.Cast<byte, double>(block.Span)[..count];
                Widen(values, rotated);
                rotation.Forward(rotated, first);
                quantizer.Quantize(0, first, rotated, factor, part);
            }
            else
            {
                quantizer.Quantize(0, first, values, factor, part);
            }

            Mask(part, first);
        }

        Span<byte> last = words.Span[..ring.WordBytes];
        RingWords.Write(ring, last, 0, job.Weight);
        Mask(last, length);

        void Mask(Span<byte> plain, long first)
        {
            masks.Apply(plain, first);
            hash.AppendData(plain);
            output.Write(plain);
        }
    }

    private static ReadOnlySpan<float> ReadNext(FileStream update, SecretBytes buffer, int count)
    {
        Span<byte> bytes = buffer.Span[..(count * sizeof(float))];
        update.ReadExactly(bytes);
        return MemoryMarshal.Cast<byte, float>(bytes);
    }

    private static void Widen(ReadOnlySpan<float> values, Span<double> block)
    {
        for (int i = 0; i < values.Length; i++)
        {
            block[i] = values[i];
        }

        block[values.Length..].Clear();
    }
}
