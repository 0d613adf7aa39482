// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>A rational number x of 0 or more, as a narrow interval of 64.64 fixed-point numbers and, on demand, exactly.</summary>
internal interface IExponent
{
    /// <summary>Not above x, in units of 2^-64.</summary>
    UInt128 Low { get; }

    /// <summary>Not below x, in units of 2^-64.</summary>
    UInt128 High { get; }

    /// <summary>x as a fraction.</summary>
    (BigInteger Numerator, BigInteger Denominator) Exact();
}
