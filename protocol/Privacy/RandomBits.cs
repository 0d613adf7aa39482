// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;

namespace FedCloud.Protocol.Privacy;

/// <summary>Uniform bits and whole numbers from a random source, buffered.</summary>
/// <remarks>How many it consumes depends on the numbers drawn and must not leave the silo (privacy, rule S7). Not safe for several threads.</remarks>
public sealed class RandomBits : IDisposable
{
    private readonly IRandomSource _source;
    private readonly byte[] _buffer = new byte[4096];
    private int _used;
    private ulong _bits;
    private int _bitCount;

    /// <summary>Reads a source.</summary>
    /// <param name="source">The generator; stays the caller's.</param>
    public RandomBits(IRandomSource source)
    {
        ArgumentNullException.ThrowIfNull(source);
        _source = source;
        _used = _buffer.Length;
    }

    /// <summary>64 uniform bits.</summary>
    public ulong Next64() => BinaryPrimitives.ReadUInt64LittleEndian(Take(8));

    /// <summary>32 uniform bits.</summary>
    public uint Next32() => BinaryPrimitives.ReadUInt32LittleEndian(Take(4));

    /// <summary>One uniform bit.</summary>
    public bool NextBit()
    {
        if (_bitCount == 0)
        {
            _bits = Next64();
            _bitCount = 64;
        }

        bool bit = (_bits & 1) != 0;
        _bits >>= 1;
        _bitCount--;
        return bit;
    }

    /// <summary>A uniform whole number below a bound, exactly (Lemire 2019, "Fast random integer generation in an interval").</summary>
    /// <param name="bound">1 or more.</param>
    public ulong Below(ulong bound)
    {
        if (bound <= uint.MaxValue)
        {
            return Below((uint)bound);
        }

        UInt128 product = (UInt128)Next64() * bound;
        if ((ulong)product < bound)
        {
            ulong biased = unchecked(0 - bound) % bound;
            while ((ulong)product < biased)
            {
                product = (UInt128)Next64() * bound;
            }
        }

        return (ulong)(product >> 64);
    }

    /// <summary>Zeroes what is left of the buffer.</summary>
    public void Dispose()
    {
        CryptographicOperations.ZeroMemory(_buffer);
        (_used, _bits, _bitCount) = (_buffer.Length, 0, 0);
    }

    private uint Below(uint bound)
    {
        ulong product = (ulong)Next32() * bound;
        if ((uint)product < bound)
        {
            uint biased = unchecked(0 - bound) % bound;
            while ((uint)product < biased)
            {
                product = (ulong)Next32() * bound;
            }
        }

        return (uint)(product >> 32);
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_used + count > _buffer.Length)
        {
            _source.Fill(_buffer);
            _used = 0;
        }

        _used += count;
        return _buffer.AsSpan(_used - count, count);
    }
}
