// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace FedCloud.Protocol.Adapters;

/// <summary>Version 0 of an adapter from the plan's seed: A uniform, B zero, the same bits on every machine.</summary>
/// <remarks>
/// A is Kaiming-uniform with a = sqrt(5), as PEFT initialises it (He et al. 2015): uniform in ±1/sqrt(in).
/// Key = SHA-256("fedcloud/adapter/v1/init" 00 u64(seed) tensor name); block i of the stream = SHA-256(key u64(i));
/// each 4 bytes, little-endian, shifted right by 8, give a 24-bit integer k; the value is (2k / 2^24 - 1) / sqrt(in),
/// computed in binary64 and rounded once to binary32.
/// </remarks>
public static class AdapterSeed
{
    /// <summary>Fills a tensor of A.</summary>
    /// <param name="seed">The plan's <c>lora.init_seed</c>.</param>
    /// <param name="tensor">The tensor's name and shape (r, in).</param>
    /// <param name="destination">r · in values, row-major.</param>
    public static void FillA(long seed, AdapterTensor tensor, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        byte[] name = Encoding.ASCII.GetBytes(tensor.Tensor.Name);
        byte[] seedBytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(seedBytes, seed);
        byte[] key = SHA256.HashData([.. "fedcloud/adapter/v1/init"u8, 0, .. seedBytes, .. name]);
        double bound = 1.0 / Math.Sqrt(tensor.Module.In);
        byte[] input = [.. key, .. new byte[8]];
        Span<byte> block = stackalloc byte[32];
        for (int i = 0; i < destination.Length; i++)
        {
            int word = i % 8;
            if (word == 0)
            {
                BinaryPrimitives.WriteInt64BigEndian(input.AsSpan(32), i / 8);
                SHA256.HashData(input, block);
            }

            uint k = BinaryPrimitives.ReadUInt32LittleEndian(block[(4 * word)..]) >> 8;
            destination[i] = (float)(((2.0 * k / 16777216.0) - 1.0) * bound);
        }
    }

    /// <summary>The bytes of a tensor of version 0.</summary>
    public static byte[] Bytes(long seed, AdapterTensor tensor)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        float[] values = new float[tensor.Tensor.Count];
        if (tensor.Factor == Factor.A)
        {
            FillA(seed, tensor, values);
        }

        return MemoryMarshal.AsBytes(values.AsSpan()).ToArray();
    }
}
