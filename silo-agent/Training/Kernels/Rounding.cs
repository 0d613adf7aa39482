// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Runtime.InteropServices;

namespace FedCloud.Training.Kernels;

/// <summary>Makes stored weights of float32, to the nearest, of two that are equally near to the even one.</summary>
internal static class Rounding
{
    private const float Largest = 127;

    /// <summary>Rounds to bfloat16.</summary>
    /// <param name="from">Numbers, none of them NaN. What is too large for bfloat16 becomes infinite.</param>
    /// <param name="to">As many.</param>
    public static void ToBFloat16(ReadOnlySpan<float> from, Span<ushort> to)
    {
        ReadOnlySpan<uint> bits = MemoryMarshal.Cast<float, uint>(from);
        int i = 0;
        for (; i + (2 * Vector<uint>.Count) <= bits.Length; i += 2 * Vector<uint>.Count)
        {
            Vector.Narrow(Rounded(new Vector<uint>(bits[i..])), Rounded(new Vector<uint>(bits[(i + Vector<uint>.Count)..]))).CopyTo(to[i..]);
        }

        for (; i < bits.Length; i++)
        {
            to[i] = (ushort)((bits[i] + 0x7fff + ((bits[i] >> 16) & 1)) >> 16);
        }

        static Vector<uint> Rounded(Vector<uint> value) => (value + new Vector<uint>(0x7fff) + ((value >>> 16) & Vector<uint>.One)) >>> 16;
    }

    /// <summary>The index of the first bfloat16 number that is NaN or infinite; -1 when all are finite.</summary>
    public static int IndexOfNotFinite(ReadOnlySpan<ushort> values)
    {
        const ushort Exponent = 0x7f80;
        int i = 0;
        Vector<ushort> exponent = new(Exponent);
        for (; i + Vector<ushort>.Count <= values.Length && !Vector.EqualsAny(new Vector<ushort>(values[i..]) & exponent, exponent); i += Vector<ushort>.Count)
        {
        }

        for (; i < values.Length; i++)
        {
            if ((values[i] & Exponent) == Exponent)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>The scale of numbers of which the largest has this magnitude.</summary>
    public static float ScaleOf(float largest) => largest / Largest;

    /// <summary>The largest magnitude.</summary>
    public static float LargestOf(ReadOnlySpan<float> values)
    {
        Vector<float> most = Vector<float>.Zero;
        int i = 0;
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count)
        {
            most = Vector.Max(most, Vector.Abs(new Vector<float>(values[i..])));
        }

        float largest = 0;
        for (int j = 0; j < Vector<float>.Count; j++)
        {
            largest = Math.Max(largest, most[j]);
        }

        for (; i < values.Length; i++)
        {
            largest = Math.Max(largest, Math.Abs(values[i]));
        }

        return largest;
    }

    /// <summary>Raises magnitudes to those of other numbers, one by one.</summary>
    public static void RaiseTo(ReadOnlySpan<float> values, Span<float> largest)
    {
        for (int i = 0; i < values.Length; i++)
        {
            largest[i] = Math.Max(largest[i], Math.Abs(values[i]));
        }
    }

    /// <summary>q = round(w / scale), in [-127, 127]; |w - q·scale| is at most half a scale and what float32 rounds, but for scales so small that they are not exact (below 2⁻¹²⁶).</summary>
    /// <param name="from">w.</param>
    /// <param name="scale">0 where all numbers are 0.</param>
    /// <param name="to">As many.</param>
    public static void ToInt8(ReadOnlySpan<float> from, float scale, Span<sbyte> to)
    {
        int i = 0;
        for (; scale != 0 && i + (4 * Vector<float>.Count) <= from.Length; i += 4 * Vector<float>.Count)
        {
            Vector<short> low = Vector.Narrow(Numbers(from[i..], scale), Numbers(from[(i + Vector<float>.Count)..], scale));
            Vector<short> high = Vector.Narrow(Numbers(from[(i + (2 * Vector<float>.Count))..], scale), Numbers(from[(i + (3 * Vector<float>.Count))..], scale));
            Vector.Narrow(low, high).CopyTo(to[i..]);
        }

        for (; i < from.Length; i++)
        {
            to[i] = ToInt8(from[i], scale);
        }

        static Vector<int> Numbers(ReadOnlySpan<float> from, float scale) => Vector.ConvertToInt32(
            Vector.Clamp(Vector.Round(new Vector<float>(from) / new Vector<float>(scale), MidpointRounding.ToEven), new Vector<float>(-Largest), new Vector<float>(Largest)));
    }

    /// <summary>The same with a scale for each number.</summary>
    public static void ToInt8(ReadOnlySpan<float> from, ReadOnlySpan<float> scales, Span<sbyte> to)
    {
        for (int i = 0; i < from.Length; i++)
        {
            to[i] = ToInt8(from[i], scales[i]);
        }
    }

    private static sbyte ToInt8(float value, float scale) => scale == 0 ? (sbyte)0 : (sbyte)Math.Clamp(MathF.Round(value / scale, MidpointRounding.ToEven), -Largest, Largest);
}
