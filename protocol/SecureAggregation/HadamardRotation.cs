// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The randomised Hadamard rotation of the model segment for k = 16: sign diagonal, then H / sqrt(2^m) (secure-aggregation, section 8, step 3).</summary>
/// <remarks>
/// Spreads a vector's energy over its coordinates, so that few bits a coordinate suffice (Suresh et al. 2017, "Distributed Mean
/// Estimation with Limited Communication", section 3). The signs are public, from the rid. In binary64, butterflies of width 1, 2, 4, …,
/// then one division, without fused operations: everyone gets the same bits.
/// </remarks>
public sealed class HadamardRotation : IDisposable
{
    /// <summary>The largest block.</summary>
    public const int MaxBlock = 1 << 20;

    private const int CachedBlock = 4096;

    private readonly AesCtrKeystream _signs;

    /// <summary>The rotation of a round.</summary>
    public HadamardRotation(Sha256Digest rid)
    {
        Span<byte> key = stackalloc byte[Fcsa1.KeyBytes];
        KeySchedule.Rotation(rid, key);
        _signs = new AesCtrKeystream(key);
    }

    /// <summary>The length after padding: whole blocks of 2^20, then the rest padded to a power of two.</summary>
    public static long PaddedLength(long length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(length, 1);
        long rest = length % MaxBlock;
        return length - rest + (rest == 0 ? 0 : (long)BitOperations.RoundUpToPowerOf2((ulong)rest));
    }

    /// <summary>The blocks of a padded segment: first coordinate and length.</summary>
    public static IEnumerable<(long First, int Length)> Blocks(long paddedLength)
    {
        for (long first = 0; first < paddedLength; first += MaxBlock)
        {
            yield return (first, (int)Math.Min(MaxBlock, paddedLength - first));
        }
    }

    /// <summary>The sign of a coordinate: -1 if bit (j mod 8) of byte floor(j/8) of the stream is 1.</summary>
    public int Sign(long coordinate)
    {
        Span<byte> bits = stackalloc byte[1];
        _signs.Fill(bits, coordinate / 8);
        return 1 - (2 * ((bits[0] >> (int)(coordinate % 8)) & 1));
    }

    /// <summary>Rotates a block in place.</summary>
    /// <param name="block">A power of two of values, padding zero.</param>
    /// <param name="first">The block's first coordinate in the segment, where its signs begin.</param>
    public void Forward(Span<double> block, long first)
    {
        FlipSigns(block, first);
        Transform(block);
    }

    /// <summary>Undoes <see cref="Forward"/>; the transform is its own inverse.</summary>
    /// <param name="block">A power of two of values.</param>
    /// <param name="first">The block's first coordinate in the segment.</param>
    public void Inverse(Span<double> block, long first)
    {
        Transform(block);
        FlipSigns(block, first);
    }

    /// <inheritdoc/>
    public void Dispose() => _signs.Dispose();

    private void FlipSigns(Span<double> block, long first)
    {
        byte[] bits = new byte[(block.Length + 7 + (int)(first % 8)) / 8];
        _signs.Fill(bits, first / 8);
        int skip = (int)(first % 8);
        for (int i = 0; i < block.Length; i++)
        {
            ulong negative = (ulong)(bits[(i + skip) / 8] >> ((i + skip) % 8)) << 63;
            block[i] = BitConverter.UInt64BitsToDouble(BitConverter.DoubleToUInt64Bits(block[i]) ^ negative);
        }
    }

    private static void Transform(Span<double> block)
    {
        if (!BitOperations.IsPow2(block.Length) || block.Length > MaxBlock)
        {
            throw new ArgumentException("a block is a power of two up to 2^20", nameof(block));
        }

        Butterflies(block);
        double divisor = Math.Sqrt(block.Length);
        foreach (ref double value in block)
        {
            value /= divisor;
        }
    }

    // Large blocks by halves, then their widest butterfly: the same operations as width by width, but the halves stay in the cache.
    private static void Butterflies(Span<double> block)
    {
        if (block.Length > CachedBlock)
        {
            int half = block.Length / 2;
            Butterflies(block[..half]);
            Butterflies(block[half..]);
            Butterfly(block[..half], block[half..]);
            return;
        }

        int width = 1;
        if (block.Length >= 4)
        {
            FirstTwo(block);
            width = 4;
        }

        for (; width < block.Length; width *= 2)
        {
            for (int at = 0; at < block.Length; at += 2 * width)
            {
                Butterfly(block.Slice(at, width), block.Slice(at + width, width));
            }
        }
    }

    // The butterflies of width 1 and 2 in one pass.
    private static void FirstTwo(Span<double> block)
    {
        for (int at = 0; at < block.Length; at += 4)
        {
            Span<double> four = block.Slice(at, 4);
            (double a, double b, double c, double d) = (four[0] + four[1], four[0] - four[1], four[2] + four[3], four[2] - four[3]);
            (four[0], four[1], four[2], four[3]) = (a + c, b + d, a - c, b - d);
        }
    }

    private static void Butterfly(Span<double> left, Span<double> right)
    {
        Span<Vector<double>> leftLanes = MemoryMarshal.Cast<double, Vector<double>>(left);
        Span<Vector<double>> rightLanes = MemoryMarshal.Cast<double, Vector<double>>(right);
        for (int i = 0; i < leftLanes.Length; i++)
        {
            (leftLanes[i], rightLanes[i]) = (leftLanes[i] + rightLanes[i], leftLanes[i] - rightLanes[i]);
        }

        for (int i = leftLanes.Length * Vector<double>.Count; i < left.Length; i++)
        {
            (left[i], right[i]) = (left[i] + right[i], left[i] - right[i]);
        }
    }
}
