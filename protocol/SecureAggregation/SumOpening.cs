// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>From the ring sum z to the mean of the model segment: the checks of section 8.2, dequantisation, norm and gate.</summary>
/// <remarks>
/// The coordinator, an auditor and a silo that recomputes the new model run this same code and get the same bytes: binary64, front to
/// back, no fused operations. It holds one piece of z, at most 2^20 coordinates, whatever d.
/// </remarks>
public sealed class SumOpening
{
    private const int PieceCoordinates = 1 << 16;

    private readonly SumTerms _terms;
    private readonly RingLayout _layout;
    private readonly Stream _z;
    private readonly IncrementalHash _hash;
    private readonly SumCheck _check;

    private SumOpening(SumTerms terms, int contributors, Stream z, IncrementalHash hash)
    {
        _terms = terms;
        _layout = terms.Layout;
        _z = z;
        _hash = hash;
        _check = new SumCheck(_layout, contributors, terms.MinWeight);
    }

    /// <summary>Opens a sum.</summary>
    /// <param name="terms">What the configuration says.</param>
    /// <param name="rid">The round, whose rotation is undone.</param>
    /// <param name="contributors">|U3|.</param>
    /// <param name="z">The sum, d·k/8 bytes; it can seek, since the weight lies in its last word. The caller disposes it.</param>
    /// <param name="mean">Receives the coordinates of the mean, float32, little-endian; what was written counts only when this returns.</param>
    /// <returns>The digest of z, and the norm of the mean as it was written with the gate that it passed.</returns>
    /// <exception cref="FedCloudException"><c>sum_out_of_bounds</c>, also for a sum of another length; <c>gate_failed</c>.</exception>
    public static OpenedSum Open(SumTerms terms, Sha256Digest rid, int contributors, Stream z, Stream mean)
    {
        ArgumentNullException.ThrowIfNull(terms);
        ArgumentNullException.ThrowIfNull(z);
        ArgumentNullException.ThrowIfNull(mean);
        if (terms.Coordinates < 1 || terms.Coordinates > terms.Layout.Segments[0].Length)
        {
            throw new ArgumentException("the model has other coordinates than its segment", nameof(terms));
        }

        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        SumOpening opening = new(terms, contributors, z, hash);
        SumDequantizer dequantizer = new(terms.Layout, contributors, opening.WeightWord());
        double norm = opening.WriteMean(dequantizer, rid, mean);
        opening.Finish();
        double gate = terms.NormMaximum ?? dequantizer.ImpliedNorm(0, opening._check);
        SumDequantizer.RequireGate(norm, gate);
        return new OpenedSum(Sha256Digest.FromBytes(hash.GetHashAndReset()), norm, gate);
    }

    private uint WeightWord()
    {
        long length = _layout.Ring.VectorBytes(_layout.D);
        if (_z.Length != length)
        {
            throw new FedCloudException(ErrorCodes.SumOutOfBounds, $"expected a sum of {length} bytes, found {_z.Length}");
        }

        Span<byte> word = stackalloc byte[_layout.Ring.WordBytes];
        _z.Position = length - word.Length;
        _z.ReadExactly(word);
        _z.Position = 0;
        return RingWords.Read(_layout.Ring, word, 0);
    }

    private double WriteMean(SumDequantizer dequantizer, Sha256Digest rid, Stream mean)
    {
        using HadamardRotation? rotation = _layout.Rotated ? new HadamardRotation(rid) : null;
        long length = _layout.Segments[0].Length;
        int size = (int)Math.Min(rotation is null ? PieceCoordinates : HadamardRotation.MaxBlock, length);
        byte[] words = new byte[size * _layout.Ring.WordBytes];
        double[] values = new double[size];
        float[] narrowed = new float[size];
        SquaredNorm norm = new();
        for (long first = 0; first < length; first += size)
        {
            Span<double> block = values.AsSpan(0, (int)Math.Min(size, length - first));
            dequantizer.Values(0, Read(words, block.Length), block);
            rotation?.Inverse(block, first);
            Span<float> kept = narrowed.AsSpan(0, (int)Math.Clamp(_terms.Coordinates - first, 0, block.Length));
            for (int i = 0; i < kept.Length; i++)
            {
                kept[i] = (float)block[i];
            }

            norm.Add(kept);
            mean.Write(MemoryMarshal.AsBytes(kept));
        }

        return norm.Norm;
    }

    // The other segments and the weight are checked, and no more.
    private void Finish()
    {
        byte[] words = new byte[PieceCoordinates * _layout.Ring.WordBytes];
        for (long first = _layout.Segments[0].Length; first < _layout.D; first += PieceCoordinates)
        {
            Read(words, (int)Math.Min(PieceCoordinates, _layout.D - first));
        }

        _check.Require();
    }

    private ReadOnlySpan<byte> Read(byte[] buffer, int count)
    {
        Span<byte> words = buffer.AsSpan(0, count * _layout.Ring.WordBytes);
        _z.ReadExactly(words);
        _hash.AppendData(words);
        _check.Add(words);
        return words;
    }
}
