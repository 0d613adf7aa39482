// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>(a/b)^2 / 2 for a below 2^70 and a/b below 64: the exponent of a discrete Gaussian with whole sigma.</summary>
/// <remarks>a/b is held to 57 binary places, so the interval is about 2^-50 wide.</remarks>
internal readonly struct HalfSquare : IExponent
{
    private const int Places = 57;

    private readonly UInt128 _a;
    private readonly ulong _b;

    private HalfSquare(UInt128 a, ulong b, UInt128 low, UInt128 high) => (_a, _b, Low, High) = (a, b, low, high);

    public UInt128 Low { get; }

    public UInt128 High { get; }

    public (BigInteger Numerator, BigInteger Denominator) Exact() => ((BigInteger)_a * _a, (BigInteger)_b * _b * 2);

    /// <summary>The exponent, where it has this form.</summary>
    internal static bool TryMake(UInt128 a, ulong b, out HalfSquare exponent)
    {
        exponent = default;
        if (a >= UInt128.One << 70)
        {
            return false;
        }

        UInt128 ratio = (a << Places) / b;
        if (ratio >= UInt128.One << (Places + 6))
        {
            return false;
        }

        const int Shift = (2 * Places) + 1 - 64;
        UInt128 next = ratio + 1;
        exponent = new HalfSquare(a, b, (ratio * ratio) >> Shift, ((next * next) >> Shift) + 1);
        return true;
    }
}
