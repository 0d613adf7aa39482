// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>A fraction of two whole numbers of any size; its value is below 2^63.</summary>
internal readonly struct LargeRatio : IExponent
{
    private readonly BigInteger _numerator;
    private readonly BigInteger _denominator;

    internal LargeRatio(BigInteger numerator, BigInteger denominator)
    {
        (_numerator, _denominator) = (numerator, denominator);
        Low = (UInt128)((numerator << 64) / denominator);
    }

    public UInt128 Low { get; }

    public UInt128 High => Low + 1;

    public (BigInteger Numerator, BigInteger Denominator) Exact() => (_numerator, _denominator);
}
