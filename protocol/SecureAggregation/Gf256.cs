// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Arithmetic in GF(2^8) with the polynomial x^8 + x^4 + x^3 + x + 1 (0x11B).</summary>
/// <remarks>No branch and no table index depends on an operand, so the time says nothing about a secret.</remarks>
public static class Gf256
{
    /// <summary>The product of two elements.</summary>
    public static byte Multiply(byte a, byte b)
    {
        int product = 0;
        int power = a;
        for (int bit = 0; bit < 8; bit++)
        {
            product ^= -((b >> bit) & 1) & power;
            power = (power << 1) ^ (-((power >> 7) & 1) & 0x11B);
        }

        return (byte)product;
    }

    /// <summary>The inverse, a^254; of zero it is zero.</summary>
    public static byte Inverse(byte a)
    {
        // a^254 = (a^127)^2, with a^127 by six steps of square and multiply.
        byte power = a;
        for (int step = 0; step < 6; step++)
        {
            power = Multiply(Multiply(power, power), a);
        }

        return Multiply(power, power);
    }

    /// <summary>The product of 32 secret elements with one element.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<byte> Multiply(Vector256<byte> elements, byte factor)
    {
        Vector256<byte> product = Vector256<byte>.Zero;
        Vector256<byte> reduction = Vector256.Create((byte)0x1B);
        for (int bit = 0; bit < 8; bit++)
        {
            product ^= elements & Vector256.Create((byte)-((factor >> bit) & 1));
            Vector256<byte> carries = Vector256.LessThan(elements.AsSByte(), Vector256<sbyte>.Zero).AsByte();
            elements = (elements + elements) ^ (carries & reduction);
        }

        return product;
    }
}
