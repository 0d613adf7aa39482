// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>Accounting of noise shares on the ring (claims B and C): sensitivity after rounding, and the RDP of the sum of shares.</summary>
/// <remarks>All lengths are in grid units, where coordinates are integers. Participation is counted at rate 1 (privacy, section 4).</remarks>
public static class DistributedNoise
{
    /// <summary>The conditional rounding's beta, e^(-1/2) (secure aggregation, section 8.1).</summary>
    public static double Beta { get; } = Math.Exp(-0.5);

    /// <summary>The L2 bound of a vector after conditional stochastic rounding (Kairouz, Liu and Steinke 2021, Proposition 22).</summary>
    /// <param name="norm">The L2 bound before rounding, grid units.</param>
    /// <param name="coordinates">The number of coordinates.</param>
    public static double RoundedL2(double norm, long coordinates) => RoundedL2(norm, coordinates, Beta);

    /// <summary>The same at another beta; 0 gives the bound that holds for every rounding.</summary>
    /// <param name="norm">The L2 bound before rounding, grid units.</param>
    /// <param name="coordinates">The number of coordinates.</param>
    /// <param name="beta">The probability that bounds the bias, 0 or more and below 1.</param>
    public static double RoundedL2(double norm, long coordinates, double beta)
    {
        PrivacyArguments.Noise(norm, "the L2 bound");
        double root = Math.Sqrt(PrivacyArguments.Count(coordinates, "the number of coordinates", 1, 1L << 40));
        if (!(beta >= 0 && beta < 1))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "beta", "0 or more and below 1", PrivacyArguments.Text(beta));
        }

        double always = norm + root;
        double likely = Math.Sqrt((norm * norm) + (coordinates / 4.0) + (Math.Sqrt(-2 * Math.Log(beta)) * (norm + (root / 2))));
        return beta > 0 ? Math.Min(always, likely) : always;
    }

    /// <summary>The L1 bound of an integer vector: min(L2 sqrt(p), L2^2).</summary>
    /// <param name="l2">Its L2 bound, grid units.</param>
    /// <param name="coordinates">The number of coordinates.</param>
    public static double L1(double l2, long coordinates)
    {
        PrivacyArguments.Noise(l2, "the L2 bound");
        return l2 * Math.Min(Math.Sqrt(PrivacyArguments.Count(coordinates, "the number of coordinates", 1, 1L << 40)), l2);
    }

    /// <summary>RDP of the sum of discrete Gaussian shares (Kairouz, Liu and Steinke 2021, Proposition 14 with the distance of Theorem 1).</summary>
    /// <remarks>tau = 10 sum over k below the number of shares of e^(-2 pi^2 sigma^2 k/(k+1)): how far the sum is from a discrete Gaussian.</remarks>
    /// <param name="localSigma">One share's sigma, grid units.</param>
    /// <param name="shares">The number of honest shares that count, h = t - c_max.</param>
    /// <param name="l2">The L2 sensitivity after rounding, grid units.</param>
    /// <param name="coordinates">The number of coordinates.</param>
    /// <returns>The bound as a function of the order.</returns>
    public static Func<double, double> DiscreteGaussian(double localSigma, int shares, double l2, long coordinates)
    {
        PrivacyArguments.Noise(localSigma, "the local sigma");
        PrivacyArguments.Count(shares, "the number of noise shares", 1, 1_000_000);
        double sigma = localSigma * Math.Sqrt(shares);
        double scale = l2 / sigma;
        double scale1 = L1(l2, coordinates) / sigma;
        double tau = SumDistance(localSigma, shares);
        double root = Math.Sqrt(coordinates) * tau;
        double square = Math.Min((scale + root) * (scale + root), (scale * scale) + (2 * scale1 * tau) + (root * tau * Math.Sqrt(coordinates)));
        return order => Math.Min(order / 2 * square, (order / 2 * scale * scale) + (tau * coordinates));
    }

    /// <summary>RDP of Skellam noise, the difference of two Poisson draws (Agarwal, Kairouz and Liu 2021, Theorem 3.5).</summary>
    /// <remarks>Skellam noise is closed under sums, so there is no distance term. The bound is proven at whole orders only; the others are infinite.</remarks>
    /// <param name="sigma">Standard deviation of the honest sum, grid units.</param>
    /// <param name="l2">The L2 sensitivity after rounding, grid units.</param>
    /// <param name="coordinates">The number of coordinates.</param>
    /// <returns>The bound as a function of the order.</returns>
    public static Func<double, double> Skellam(double sigma, double l2, long coordinates)
    {
        double variance = PrivacyArguments.Noise(sigma, "the standard deviation of the sum") * sigma;
        double l1 = L1(l2, coordinates);
        return order => order >= 2 && order.Equals(Math.Floor(order)) && double.IsFinite(order)
            ? (order * l2 * l2 / (2 * variance)) + Math.Min(((((2 * order) - 1) * l2 * l2) + (6 * l1)) / (4 * variance * variance), 3 * l1 / (2 * variance))
            : double.PositiveInfinity;
    }

    /// <summary>Refuses a sampling rate below 1: distributed noise has no amplification here.</summary>
    /// <param name="samplingRate">The plan's rate.</param>
    public static void RequireFullParticipation(double samplingRate)
    {
        if (PrivacyArguments.SamplingRate(samplingRate) < 1)
        {
            throw PrivacyArguments.Refusal(ErrorCodes.SamplerNotAccounted, "the sampling rate of distributed noise", "1", PrivacyArguments.Text(samplingRate));
        }
    }

    private static double SumDistance(double localSigma, int shares)
    {
        double sum = 0;
        double exponent = -2 * Math.PI * Math.PI * localSigma * localSigma;
        for (int k = 1; k < shares; k++)
        {
            sum += Math.Exp(exponent * k / (k + 1.0));
        }

        return 10 * sum;
    }
}
