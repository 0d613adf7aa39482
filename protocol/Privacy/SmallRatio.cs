// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>A fraction of two 64-bit numbers, the first not above the second.</summary>
internal readonly struct SmallRatio : IExponent
{
    private readonly ulong _numerator;
    private readonly ulong _denominator;

    internal SmallRatio(ulong numerator, ulong denominator)
    {
        (_numerator, _denominator) = (numerator, denominator);
        Low = ((UInt128)numerator << 64) / denominator;
    }

    public UInt128 Low { get; }

    public UInt128 High => Low + 1;

    public (BigInteger Numerator, BigInteger Denominator) Exact() => (_numerator, _denominator);
}
