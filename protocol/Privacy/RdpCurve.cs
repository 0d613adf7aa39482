// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>A mechanism's Rényi divergence bound at every order of a grid (Mironov 2017, "Rényi differential privacy").</summary>
/// <remarks>Composition adds curves, Proposition 1 there. An order without a bound holds positive infinity; it never holds NaN.</remarks>
public sealed class RdpCurve
{
    private RdpCurve(ImmutableArray<double> orders, ImmutableArray<double> values)
    {
        Orders = orders;
        Values = values;
    }

    /// <summary>The orders, each 1 or more.</summary>
    public ImmutableArray<double> Orders { get; }

    /// <summary>The bound at each order, in nats, 0 or more, possibly infinite.</summary>
    public ImmutableArray<double> Values { get; }

    /// <summary>The curve of a mechanism.</summary>
    /// <param name="orders">The orders, each 1 or more.</param>
    /// <param name="bound">The bound at an order; NaN or a negative number is a defect and throws.</param>
    public static RdpCurve Of(ImmutableArray<double> orders, Func<double, double> bound)
    {
        ArgumentNullException.ThrowIfNull(bound);
        ImmutableArray<double> values = [.. orders.Select(order => Checked(order, bound(PrivacyArguments.Order(order))))];
        return new RdpCurve(orders, values);
    }

    /// <summary>The composition of two mechanisms.</summary>
    public RdpCurve Plus(RdpCurve other)
    {
        ArgumentNullException.ThrowIfNull(other);
        if (!Orders.AsSpan().SequenceEqual(other.Orders.AsSpan()))
        {
            throw new FedCloudException(ErrorCodes.OrderInvalid, "two RDP curves must share one grid of orders to be added");
        }

        return new RdpCurve(Orders, [.. Values.Zip(other.Values, (a, b) => a + b)]);
    }

    /// <summary>The mechanism composed with itself.</summary>
    /// <param name="steps">The number of compositions.</param>
    public RdpCurve Times(long steps)
    {
        PrivacyArguments.Count(steps, "the number of steps");
        return new RdpCurve(Orders, [.. Values.Select(value => value * steps)]);
    }

    /// <summary>The smallest epsilon over the grid at a delta, and its order.</summary>
    /// <remarks>
    /// Canonne, Kamath and Steinke 2020, "The discrete Gaussian for differential privacy", Proposition 12 (also Balle et al.
    /// 2020, Theorem 21): eps = rdp + ln(1 - 1/a) - (ln delta + ln a)/(a - 1), floor 0. Positive infinity, at order 1, when no
    /// order of the grid has a finite bound.
    /// </remarks>
    public RdpEpsilon Epsilon(double delta)
    {
        double logDelta = Math.Log(PrivacyArguments.Delta(delta));
        RdpEpsilon best = new(double.PositiveInfinity, 1);
        for (int i = 0; i < Orders.Length; i++)
        {
            double epsilon = Math.Max(0, Values[i] + Conversion(Orders[i], logDelta));
            if (epsilon < best.Epsilon)
            {
                best = new RdpEpsilon(epsilon, Orders[i]);
            }
        }

        return best;
    }

    /// <summary>The smallest delta over the grid at an epsilon: the same conversion solved for delta, at most 1.</summary>
    public double Delta(double epsilon)
    {
        PrivacyArguments.Epsilon(epsilon);
        double logDelta = 0;
        for (int i = 0; i < Orders.Length; i++)
        {
            double order = Orders[i];
            if (order > 1 && double.IsFinite(Values[i]) && double.IsFinite(order))
            {
                double log = ((order - 1) * (Values[i] - epsilon + Math.Log(1 - (1 / order)))) - Math.Log(order);
                logDelta = Math.Min(logDelta, log);
            }
        }

        return Math.Exp(logDelta);
    }

    /// <summary>What the conversion adds to the bound at an order; infinite at order 1, 0 at infinity.</summary>
    internal static double Conversion(double order, double logDelta)
    {
        if (double.IsPositiveInfinity(order))
        {
            return 0;
        }

        return order <= 1 ? double.PositiveInfinity : Math.Log(1 - (1 / order)) - ((logDelta + Math.Log(order)) / (order - 1));
    }

    private static double Checked(double order, double value) =>
        value >= 0 ? value : throw PrivacyArguments.Refusal(ErrorCodes.AccountantNotFinite, $"the RDP at order {PrivacyArguments.Text(order)}", "0 or more", PrivacyArguments.Text(value));
}
