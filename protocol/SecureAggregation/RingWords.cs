// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Arithmetic on packed ring vectors, mod 2^k, in time that depends on the lengths alone.</summary>
public static class RingWords
{
    /// <summary>target += addend.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="target">Packed words.</param>
    /// <param name="addend">As many packed words.</param>
    public static void Add(Ring ring, Span<byte> target, ReadOnlySpan<byte> addend) => Combine(ring, target, addend, subtract: false);

    /// <summary>target -= subtrahend.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="target">Packed words.</param>
    /// <param name="subtrahend">As many packed words.</param>
    public static void Subtract(Ring ring, Span<byte> target, ReadOnlySpan<byte> subtrahend) => Combine(ring, target, subtrahend, subtract: true);

    /// <summary>Reads a word.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="words">Packed words.</param>
    /// <param name="index">Which.</param>
    public static uint Read(Ring ring, ReadOnlySpan<byte> words, int index)
    {
        ArgumentNullException.ThrowIfNull(ring);
        ReadOnlySpan<byte> word = words.Slice(index * ring.WordBytes, ring.WordBytes);
        return ring.Bits switch
        {
            16 => BinaryPrimitives.ReadUInt16LittleEndian(word),
            24 => word[0] | ((uint)word[1] << 8) | ((uint)word[2] << 16),
            _ => BinaryPrimitives.ReadUInt32LittleEndian(word),
        };
    }

    /// <summary>Writes the residue of an integer.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="words">Packed words.</param>
    /// <param name="index">Which.</param>
    /// <param name="value">Any integer; its residue mod 2^k is written.</param>
    public static void Write(Ring ring, Span<byte> words, int index, long value)
    {
        ArgumentNullException.ThrowIfNull(ring);
        Span<byte> word = words.Slice(index * ring.WordBytes, ring.WordBytes);
        word[0] = unchecked((byte)value);
        word[1] = unchecked((byte)(value >> 8));
        if (ring.Bits > 16)
        {
            word[2] = unchecked((byte)(value >> 16));
        }

        if (ring.Bits > 24)
        {
            word[3] = unchecked((byte)(value >> 24));
        }
    }

    /// <summary>Writes residues of integers.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="values">Integers of which 32 bits are given.</param>
    /// <param name="words">Receives as many packed words.</param>
    public static void Pack(Ring ring, ReadOnlySpan<int> values, Span<byte> words)
    {
        ArgumentNullException.ThrowIfNull(ring);
        if (ring.Bits == 32 && BitConverter.IsLittleEndian)
        {
            MemoryMarshal.AsBytes(values).CopyTo(words);
            return;
        }

        for (int i = 0; i < values.Length; i++)
        {
            Write(ring, words, i, values[i]);
        }
    }

    /// <summary>Reads the integers of smallest absolute value, two's complement.</summary>
    /// <param name="ring">The ring.</param>
    /// <param name="words">Packed words.</param>
    /// <param name="values">Receives as many integers.</param>
    public static void Unpack(Ring ring, ReadOnlySpan<byte> words, Span<int> values)
    {
        ArgumentNullException.ThrowIfNull(ring);
        if (ring.Bits == 32 && BitConverter.IsLittleEndian)
        {
            words.CopyTo(MemoryMarshal.AsBytes(values));
            return;
        }

        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (int)ring.Lift(Read(ring, words, i));
        }
    }

    private static void Combine(Ring ring, Span<byte> target, ReadOnlySpan<byte> operand, bool subtract)
    {
        ArgumentNullException.ThrowIfNull(ring);
        if (target.Length != operand.Length || target.Length % ring.WordBytes != 0)
        {
            throw new ArgumentException("the vectors have different lengths, or end inside a word", nameof(operand));
        }

        int done = !BitConverter.IsLittleEndian ? 0 : ring.Bits switch
        {
            16 => Lanes<ushort>(target, operand, subtract),
            24 => Lanes24(target, operand, subtract),
            _ => Lanes<uint>(target, operand, subtract),
        };
        for (int i = done / ring.WordBytes; i < target.Length / ring.WordBytes; i++)
        {
            long right = Read(ring, operand, i);
            Write(ring, target, i, Read(ring, target, i) + (subtract ? -right : right));
        }
    }

    private static int Lanes<T>(Span<byte> target, ReadOnlySpan<byte> operand, bool subtract)
        where T : unmanaged
    {
        Span<Vector<T>> left = MemoryMarshal.Cast<byte, Vector<T>>(target);
        ReadOnlySpan<Vector<T>> right = MemoryMarshal.Cast<byte, Vector<T>>(operand);
        for (int i = 0; i < left.Length; i++)
        {
            left[i] = subtract ? left[i] - right[i] : left[i] + right[i];
        }

        return left.Length * Vector<byte>.Count;
    }

    // Four packed words of 24 bits are spread over four lanes of 32, combined, and packed again. Loads take 16 bytes of which 12
    // count, so the last groups of a vector are left to the caller's loop.
    private static int Lanes24(Span<byte> target, ReadOnlySpan<byte> operand, bool subtract)
    {
        Vector128<byte> spread = Vector128.Create(0, 1, 2, 255, 3, 4, 5, 255, 6, 7, 8, 255, 9, 10, 11, 255); // 255 gives a zero byte
        Vector128<byte> packed = Vector128.Create(0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 13, 14, 255, 255, 255, 255);
        ref byte at = ref MemoryMarshal.GetReference(target);
        ref byte by = ref MemoryMarshal.GetReference(operand);
        nuint done = 0;
        for (; done + 16 <= (nuint)target.Length; done += 12)
        {
            Vector128<uint> left = Vector128.Shuffle(Vector128.LoadUnsafe(ref at, done), spread).AsUInt32();
            Vector128<uint> right = Vector128.Shuffle(Vector128.LoadUnsafe(ref by, done), spread).AsUInt32();
            Vector128<byte> result = Vector128.Shuffle((subtract ? left - right : left + right).AsByte(), packed);
            result.GetLower().StoreUnsafe(ref at, done);
            Unsafe.WriteUnaligned(ref Unsafe.AddByteOffset(ref at, done + 8), result.AsUInt32().GetElement(2));
        }

        return (int)done;
    }
}
