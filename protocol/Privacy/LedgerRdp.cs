// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Numerics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>An RDP vector of the ledger: one exact decimal for each order of the grid G (privacy, section 6).</summary>
/// <remarks>
/// A value is a whole number of 1e-20 and at most 1e8; a bound above that is null, and its order is out of use for good. A
/// binary64 value is rounded up once, when a charge is made; from then on sums, multiples and differences are exact decimals,
/// so the order of additions never matters and reserve = rounds times charge to the last digit.
/// </remarks>
public sealed class LedgerRdp : IEquatable<LedgerRdp>
{
    private const byte Scale = 20;
    private const decimal Largest = 100_000_000m;

    private LedgerRdp(ImmutableArray<decimal?> values) => Values = values;

    /// <summary>Nothing spent.</summary>
    public static LedgerRdp Zero { get; } = new([.. RdpOrders.Ledger.Select(_ => (decimal?)0m)]);

    /// <summary>The value at each order of <see cref="RdpOrders.Ledger"/>, in nats; null where there is no bound.</summary>
    public ImmutableArray<decimal?> Values { get; }

    /// <summary>The vector of a curve, each value rounded up.</summary>
    /// <param name="curve">A curve on <see cref="RdpOrders.Ledger"/>.</param>
    public static LedgerRdp Of(RdpCurve curve)
    {
        ArgumentNullException.ThrowIfNull(curve);
        if (!curve.Orders.AsSpan().SequenceEqual(RdpOrders.Ledger.AsSpan()))
        {
            throw new FedCloudException(ErrorCodes.OrderInvalid, $"a ledger entry needs the {RdpOrders.Ledger.Length} orders of the ledger's grid, found a grid of {curve.Orders.Length}");
        }

        return new LedgerRdp([.. curve.Values.Select(RoundUp)]);
    }

    /// <summary>The vector that a ledger file holds.</summary>
    /// <param name="values">One value for each order of the grid; null where there is no bound.</param>
    public static LedgerRdp OfValues(ImmutableArray<decimal?> values)
    {
        bool usable = values.Length == RdpOrders.Ledger.Length && values.All(value => value is null || (value >= 0 && value <= Largest && value.Value.Scale <= Scale));
        return usable ? new LedgerRdp(values) : throw new FedCloudException(ErrorCodes.OrderInvalid, $"a ledger entry needs {RdpOrders.Ledger.Length} decimals from 0 to {Largest} with at most {Scale} digits after the point");
    }

    /// <summary>The sum of two vectors.</summary>
    public LedgerRdp Plus(LedgerRdp other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new LedgerRdp([.. Values.Zip(other.Values, (a, b) => Bounded(a + b))]);
    }

    /// <summary>What is left of a reserve: no value may fall below 0.</summary>
    public LedgerRdp Minus(LedgerRdp other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new LedgerRdp([.. Values.Zip(other.Values, (a, b) => a is null || b is null ? null : a >= b ? a - b : throw PrivacyArguments.Refusal(ErrorCodes.CountInvalid, "what is taken from a reserve", $"at most {a}", $"{b}"))]);
    }

    /// <summary>The vector of several equal charges.</summary>
    /// <param name="rounds">How many.</param>
    public LedgerRdp Times(long rounds)
    {
        PrivacyArguments.Count(rounds, "the number of rounds");
        return new LedgerRdp([.. Values.Select(value => Bounded(value * rounds))]);
    }

    /// <summary>The larger value at each order: an order without a bound in either has none (rule L13).</summary>
    public LedgerRdp Larger(LedgerRdp other)
    {
        ArgumentNullException.ThrowIfNull(other);
        return new LedgerRdp([.. Values.Zip(other.Values, (a, b) => a is null || b is null ? null : a >= b ? a : b)]);
    }

    /// <inheritdoc/>
    public bool Equals(LedgerRdp? other) => other is not null && Values.AsSpan().SequenceEqual(other.Values.AsSpan());

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as LedgerRdp);

    /// <inheritdoc/>
    public override int GetHashCode() => Values[0].GetHashCode();

    /// <summary>The smallest decimal with <paramref name="places"/> digits after the point that is not below a binary64 value.</summary>
    internal static decimal RoundUp(double value, byte places)
    {
        long bits = BitConverter.DoubleToInt64Bits(Math.Abs(value));
        int exponent = (int)(bits >> 52);
        BigInteger mantissa = (bits & ((1L << 52) - 1)) | (exponent == 0 ? 0 : 1L << 52);
        int shift = Math.Max(exponent, 1) - 1075;
        BigInteger scaled = (value < 0 ? -mantissa : mantissa) * BigInteger.Pow(10, places);
        BigInteger whole = shift >= 0 ? scaled << shift : -(-scaled >> -shift); // shifting right rounds down
        return (decimal)whole / (decimal)BigInteger.Pow(10, places);
    }

    private static decimal? RoundUp(double value) => value <= (double)Largest ? RoundUp(value, Scale) : null;

    private static decimal? Bounded(decimal? value) => value <= Largest ? value : null;
}
