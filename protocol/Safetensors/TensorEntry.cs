// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Safetensors;

/// <summary>The element types that are read; the names are the format's.</summary>
public enum TensorType
{
    /// <summary>IEEE 754 binary32, little-endian.</summary>
    F32,

    /// <summary>IEEE 754 binary16, little-endian.</summary>
    F16,

    /// <summary>The upper half of a binary32, little-endian.</summary>
    BF16,

    /// <summary>Signed 64-bit integer, little-endian.</summary>
    I64,

    /// <summary>Signed 32-bit integer, little-endian.</summary>
    I32,

    /// <summary>Unsigned byte.</summary>
    U8,
}

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its element type.</param>
/// <param name="Shape">Its shape.</param>
/// <param name="Offset">Its first byte, from the start of the data section.</param>
/// <param name="ByteLength">Its length in bytes.</param>
public sealed record TensorEntry(string Name, TensorType Type, ImmutableArray<long> Shape, long Offset, long ByteLength)
{
    /// <summary>The number of elements.</summary>
    public long Count => ByteLength / SizeOf(Type);

    /// <summary>The bytes of one element.</summary>
    public static int SizeOf(TensorType type) => type switch
    {
        TensorType.F32 or TensorType.I32 => 4,
        TensorType.F16 or TensorType.BF16 => 2,
        TensorType.I64 => 8,
        _ => 1,
    };

    /// <summary>A tensor that is about to be written; the writer sets the offset.</summary>
    public static TensorEntry Of(string name, TensorType type, params ReadOnlySpan<long> shape)
    {
        long count = 1;
        foreach (long side in shape)
        {
            count = checked(count * side);
        }

        return new TensorEntry(name, type, [.. shape], 0, checked(count * SizeOf(type)));
    }
}
