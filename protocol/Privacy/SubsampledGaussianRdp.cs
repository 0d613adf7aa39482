// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Privacy;

/// <summary>RDP of one step of DP-SGD: Gaussian noise after Poisson sampling, one record added or removed.</summary>
/// <remarks>
/// Mironov, Talwar and Zhang 2019, "Rényi differential privacy of the sampled Gaussian mechanism": RDP(a) = ln(A_a)/(a - 1),
/// A_a = E[(1 - q + q e^((2x-1)/(2 z^2)))^a], x normal with deviation z; Theorem 5 shows that the other direction is never
/// larger. Whole orders use the finite sum of section 3.3 there. For the others we differ: instead of the two alternating
/// series we integrate A_a - 1 = E[(1+u)^a - 1 - a u], whose integrand is never negative, by the trapezoidal rule, which
/// converges geometrically for this analytic integrand at every q and a. An order whose integral does not settle to a
/// relative 1e-11 after four halvings of the step counts as infinity.
/// </remarks>
public static class SubsampledGaussianRdp
{
    private const int MaxPoints = 1 << 21;
    private const int MaxHalvings = 4;
    private const int MaxTerms = 1000;
    private const double Reach = 12; // standard deviations around the integrand's two centres

    /// <summary>The curve of one step.</summary>
    /// <param name="orders">The orders, each 1 or more.</param>
    /// <param name="noiseMultiplier">Standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    public static RdpCurve Step(ImmutableArray<double> orders, double noiseMultiplier, double samplingRate)
    {
        PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier");
        PrivacyArguments.SamplingRate(samplingRate);
        return RdpCurve.Of(orders, order => AtOrder(order, noiseMultiplier, samplingRate));
    }

    /// <summary>The curve of one step with the paper's two series for orders that are not whole, every term taken as positive.</summary>
    /// <remarks>
    /// A bound that is never below <see cref="Step"/>: what dp_accounting reports, and so the other end of the interval in which a
    /// job's RDP epsilon must lie. An order whose series does not converge in 1,000 terms counts as infinity.
    /// </remarks>
    /// <param name="orders">The orders, each 1 or more.</param>
    /// <param name="noiseMultiplier">Standard deviation over clip norm.</param>
    /// <param name="samplingRate">The probability of each record to enter a step.</param>
    public static RdpCurve StepBySeries(ImmutableArray<double> orders, double noiseMultiplier, double samplingRate)
    {
        PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier");
        PrivacyArguments.SamplingRate(samplingRate);
        return RdpCurve.Of(orders, order => samplingRate >= 1 || order <= 1 || IsWhole(order) || double.IsPositiveInfinity(order)
            ? AtOrder(order, noiseMultiplier, samplingRate)
            : Math.Max(0, LogSeries(order, noiseMultiplier, samplingRate)) / (order - 1));
    }

    private static bool IsWhole(double order) => order <= 1e6 && order.Equals(Math.Floor(order));

    private static double AtOrder(double order, double z, double q)
    {
        if (double.IsPositiveInfinity(order))
        {
            return double.PositiveInfinity;
        }

        if (q >= 1)
        {
            return order / (2 * z * z);
        }

        if (order <= 1)
        {
            return AtOrder(1.0 + 1e-4, z, q); // RDP never falls with the order
        }

        double logExcess = IsWhole(order) ? LogExcessWhole((int)order, z, q) : LogExcessReal(order, z, q);
        return LogOnePlusExp(logExcess) / (order - 1);
    }

    // ln(A - 1) = ln sum over k >= 2 of C(a,k) (1-q)^(a-k) q^k (e^(k(k-1)/(2 z^2)) - 1); the terms k = 0 and 1 vanish.
    private static double LogExcessWhole(int order, double z, double q)
    {
        double logQ = Math.Log(q);
        double logRest = Math.Log(1 - q);
        double logChoose = Math.Log(order);
        LogSum sum = LogSum.Empty;
        for (int k = 2; k <= order; k++)
        {
            logChoose += Math.Log((order - k + 1.0) / k);
            sum.Add(logChoose + ((order - k) * logRest) + (k * logQ) + LogExpMinusOne((double)k * (k - 1) / (2 * z * z)));
        }

        return sum.Value;
    }

    private static double LogExcessReal(double order, double z, double q)
    {
        double width = (order / z) + (2 * Reach);
        double step = Math.Min(0.4, Math.PI * z / 5);
        double previous = double.NaN;
        for (int halving = 0; halving <= MaxHalvings && width / step <= MaxPoints; halving++, step /= 2)
        {
            double value = Integrate(order, z, q, step, (int)Math.Ceiling(width / step));
            if (Math.Abs(value - previous) <= 1e-11)
            {
                return value;
            }

            previous = value;
        }

        return double.PositiveInfinity;
    }

    private static double Integrate(double order, double z, double q, double step, int points)
    {
        LogSum sum = LogSum.Empty;
        for (int i = 0; i <= points; i++)
        {
            double y = (i * step) - Reach;
            sum.Add(LogIntegrand(order, q, (y / z) - (1 / (2 * z * z))) + NormalTail.LogDensity(y));
        }

        return sum.Value + Math.Log(step);
    }

    // ln((1+u)^a - 1 - a u), u = q (e^t - 1).
    private static double LogIntegrand(double order, double q, double t) =>
        t > 700 ? order * (Math.Log(q) + t) : LogBinomialTail(order, q * NearOne.ExpMinusOne(t));

    private static double LogBinomialTail(double order, double u)
    {
        if (Math.Abs(u) * order < 0.3)
        {
            return LogSmallTail(order, u);
        }

        double power = order * NearOne.LogOnePlus(u);
        return power > 60 ? power : Math.Log(NearOne.ExpMinusOne(power) - (order * u));
    }

    private static double LogSmallTail(double order, double u)
    {
        double term = order * (order - 1) / 2 * u * u;
        double sum = term;
        for (int k = 3; k < 60 && Math.Abs(term) > 1e-18 * sum; k++)
        {
            term *= (order - k + 1) / k * u;
            sum += term;
        }

        return Math.Log(sum);
    }

    // ln of the sums over i of |C(a,i)| times both halves of the split integral, Mironov et al. 2019, section 3.3.
    private static double LogSeries(double order, double z, double q)
    {
        double split = (z * z * Math.Log((1 / q) - 1)) + 0.5;
        (double logQ, double logRest) = (Math.Log(q), Math.Log(1 - q));
        double logChoose = 0;
        (double lastLeft, double lastRight) = (double.NegativeInfinity, double.NegativeInfinity);
        LogSum sum = LogSum.Empty;
        for (int i = 0; i < MaxTerms; i++)
        {
            double j = order - i;
            double left = logChoose + (i * logQ) + (j * logRest) + (i * (i - 1.0) / (2 * z * z)) + NormalTail.LogAbove((i - split) / z);
            double right = logChoose + (j * logQ) + (i * logRest) + (j * (j - 1) / (2 * z * z)) + NormalTail.LogAbove((split - j) / z);
            sum.Add(left);
            sum.Add(right);
            if (left < lastLeft && right < lastRight && Math.Max(left, right) < sum.Value - 30)
            {
                return sum.Value;
            }

            (lastLeft, lastRight) = (left, right);
            logChoose += Math.Log(Math.Abs(j) / (i + 1));
        }

        return double.PositiveInfinity;
    }

    private static double LogExpMinusOne(double x) => x > 30 ? x + NearOne.LogOnePlus(-Math.Exp(-x)) : Math.Log(NearOne.ExpMinusOne(x));

    private static double LogOnePlusExp(double x) => x > 30 ? x + NearOne.LogOnePlus(Math.Exp(-x)) : NearOne.LogOnePlus(Math.Exp(x));
}
