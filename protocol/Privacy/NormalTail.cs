// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>Tails of the standard normal distribution with full relative accuracy, however far out.</summary>
/// <remarks>
/// The scaled complementary error function comes from the midpoint rule on its integral over the real line with the
/// residue of the pole added (Chiarella and Reichel 1968, "On the evaluation of integrals related to the error function").
/// With step 1/2 and 13 nodes the error of the rule is below e^(-4 pi^2), about 7e-18; every sum has terms of one sign.
/// </remarks>
internal static class NormalTail
{
    private const double Step = 0.5;
    private const double PoleLimit = Math.PI / Step;
    private static readonly double LogSqrtTwoPi = 0.5 * Math.Log(2 * Math.PI);
    private static readonly double SqrtHalfPi = Math.Sqrt(Math.PI / 2);
    private static readonly double SqrtPi = Math.Sqrt(Math.PI);
    private static readonly double[] Squares = [.. Enumerable.Range(0, 13).Select(n => Step * Step * (n + 0.5) * (n + 0.5))];
    private static readonly double[] Weights = [.. Squares.Select(square => Math.Exp(-square))];

    /// <summary>P[N > x].</summary>
    internal static double Above(double x) => x < 0 ? 1 - Above(-x) : double.IsPositiveInfinity(x) ? 0 : 0.5 * Math.Exp(-0.5 * x * x) * ScaledErfc(x / Math.Sqrt(2));

    /// <summary>P[N ≤ x].</summary>
    internal static double Below(double x) => Above(-x);

    /// <summary>ln P[N > x].</summary>
    internal static double LogAbove(double x) => x > 0 ? LogDensity(x) + Math.Log(Mills(x)) : Math.Log(Above(x));

    /// <summary>The logarithm of the density at x.</summary>
    internal static double LogDensity(double x) => (-0.5 * x * x) - LogSqrtTwoPi;

    /// <summary>Mills' ratio P[N > x] / density(x).</summary>
    internal static double Mills(double x) =>
        SqrtHalfPi * (x >= 0 ? ScaledErfc(x / Math.Sqrt(2)) : (2 * Math.Exp(0.5 * x * x)) - ScaledErfc(-x / Math.Sqrt(2)));

    /// <summary>1 - x Mills(x), which is minus the derivative of Mills' ratio, without cancellation for large x.</summary>
    internal static double MillsFall(double x)
    {
        if (x < 0)
        {
            return 1 - (x * Mills(x));
        }

        double y = x / Math.Sqrt(2);
        double sum = 0;
        for (int n = 0; n < Squares.Length; n++)
        {
            sum += Weights[n] * Squares[n] / ((y * y) + Squares[n]);
        }

        return (2 * Step * sum / SqrtPi) - (SqrtPi * y * Pole(y));
    }

    /// <summary>The x with P[N ≤ x] = <paramref name="probability"/>, by bisection in the smaller tail.</summary>
    internal static double Quantile(double probability)
    {
        if (probability > 0.5)
        {
            return -Quantile(1 - probability);
        }

        double low = -40;
        double high = 0;
        for (int i = 0; i < 64; i++)
        {
            double middle = 0.5 * (low + high);
            if (Below(middle) < probability)
            {
                low = middle;
            }
            else
            {
                high = middle;
            }
        }

        return high;
    }

    // e^(x^2) erfc(x), x >= 0.
    private static double ScaledErfc(double x)
    {
        double square = x * x;
        double sum = 0;
        for (int n = 0; n < Squares.Length; n++)
        {
            sum += Weights[n] / (square + Squares[n]);
        }

        return (2 * Step * x * sum / Math.PI) + Pole(x);
    }

    private static double Pole(double x)
    {
        double turn = 2 * Math.PI * x / Step;
        return x < PoleLimit ? 2 * Math.Exp((x * x) - turn) / (1 + Math.Exp(-turn)) : 0;
    }
}
