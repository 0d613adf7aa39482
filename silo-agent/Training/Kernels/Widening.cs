// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedCloud.Training.Kernels;

/// <summary>Makes float32 of stored weights: bfloat16 exactly, an integer times its scale rounded once. So widening has the same bits whatever the vectors' width.</summary>
/// <remarks>Hot from the first step on, so compiled once and well, not in tiers.</remarks>
internal static unsafe class Widening
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromBFloat16(ushort* from, int count, float* to)
    {
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i + 32 <= count; i += 32)
            {
                (Vector512<uint> low, Vector512<uint> high) = Vector512.Widen(Vector512.Load(from + i));
                (low << 16).AsSingle().Store(to + i);
                (high << 16).AsSingle().Store(to + i + 16);
            }
        }

        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 16 <= count; i += 16)
            {
                (Vector256<uint> low, Vector256<uint> high) = Vector256.Widen(Vector256.Load(from + i));
                (low << 16).AsSingle().Store(to + i);
                (high << 16).AsSingle().Store(to + i + 8);
            }
        }

        for (; i + 8 <= count; i += 8)
        {
            (Vector128<uint> low, Vector128<uint> high) = Vector128.Widen(Vector128.Load(from + i));
            (low << 16).AsSingle().Store(to + i);
            (high << 16).AsSingle().Store(to + i + 4);
        }

        for (; i < count; i++)
        {
            to[i] = BitConverter.UInt32BitsToSingle((uint)from[i] << 16);
        }
    }

    /// <summary>Numbers of one scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromInt8(sbyte* from, int count, float scale, float* to)
    {
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i + 16 <= count; i += 16)
            {
                (Numbers16(from + i) * scale).Store(to + i);
            }
        }

        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 8 <= count; i += 8)
            {
                (Numbers8(from + i) * scale).Store(to + i);
            }
        }

        for (; i + 4 <= count; i += 4)
        {
            (Numbers4(from + i) * scale).Store(to + i);
        }

        for (; i < count; i++)
        {
            to[i] = from[i] * scale;
        }
    }

    /// <summary>Numbers each of which has its scale.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void FromInt8(sbyte* from, int count, float* scales, float* to)
    {
        int i = 0;
        if (Vector512.IsHardwareAccelerated)
        {
            for (; i + 16 <= count; i += 16)
            {
                (Numbers16(from + i) * Vector512.Load(scales + i)).Store(to + i);
            }
        }

        if (Vector256.IsHardwareAccelerated)
        {
            for (; i + 8 <= count; i += 8)
            {
                (Numbers8(from + i) * Vector256.Load(scales + i)).Store(to + i);
            }
        }

        for (; i + 4 <= count; i += 4)
        {
            (Numbers4(from + i) * Vector128.Load(scales + i)).Store(to + i);
        }

        for (; i < count; i++)
        {
            to[i] = from[i] * scales[i];
        }
    }

    // Loads just the bytes that there are: behind them the memory may end.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Numbers16(sbyte* from)
    {
        (Vector128<short> low, Vector128<short> high) = Vector128.Widen(Vector128.Load(from));
        return Vector512.ConvertToSingle(Vector512.WidenLower(Vector256.Create(low, high).ToVector512()));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Numbers8(sbyte* from)
    {
        Vector128<short> numbers = Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<long>(from)).AsSByte());
        return Vector256.ConvertToSingle(Vector256.Create(Vector128.WidenLower(numbers), Vector128.WidenUpper(numbers)));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Numbers4(sbyte* from) =>
        Vector128.ConvertToSingle(Vector128.WidenLower(Vector128.WidenLower(Vector128.CreateScalarUnsafe(Unsafe.ReadUnaligned<int>(from)).AsSByte())));
}
