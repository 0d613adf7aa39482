// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>RDP bounds of mechanisms that are accounted without sampling, each as a function of the order.</summary>
/// <remarks>The exponential mechanism and tree aggregation are no mechanisms of a plan; auditors compare accountants by them.</remarks>
public static class RdpMechanisms
{
    /// <summary>Concentrated differential privacy: a rho (Bun and Steinke 2016, Definition 1.1).</summary>
    /// <param name="rho">The mechanism's rho, 0 or more.</param>
    public static Func<double, double> ZeroConcentrated(double rho)
    {
        PrivacyArguments.Epsilon(rho);
        return order => order * rho;
    }

    /// <summary>The Gaussian mechanism: a / (2 z^2) (Mironov 2017, Proposition 7).</summary>
    /// <param name="noiseMultiplier">Standard deviation over L2 sensitivity.</param>
    public static Func<double, double> Gaussian(double noiseMultiplier)
    {
        double z = PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier");
        return order => order / (2 * z * z);
    }

    /// <summary>One discrete Gaussian: the bound of the continuous one (Canonne, Kamath and Steinke 2020, Theorem 4).</summary>
    /// <param name="sigma">The parameter sigma, in grid units.</param>
    /// <param name="sensitivity">The L2 sensitivity, in grid units.</param>
    public static Func<double, double> DiscreteGaussian(double sigma, double sensitivity) =>
        Gaussian(PrivacyArguments.Noise(sigma, "sigma") / PrivacyArguments.Noise(sensitivity, "the sensitivity"));

    /// <summary>The exponential mechanism, bounded range (Dong, Durfee and Rogers 2020, section 3).</summary>
    /// <param name="epsilon">Its pure epsilon, above 0.</param>
    public static Func<double, double> Exponential(double epsilon)
    {
        PrivacyArguments.TargetEpsilon(epsilon);
        double ratio = epsilon / NearOne.ExpMinusOne(epsilon);
        double offset = ratio - 1 - Math.Log(ratio) - (epsilon * epsilon / 8);
        return order => Math.Min(offset + (epsilon * epsilon / 8 * order), epsilon);
    }

    /// <summary>Tree aggregation over one epoch (Kairouz et al. 2021, "Practical and private (deep) learning without sampling or shuffling", appendix D).</summary>
    /// <param name="noiseMultiplier">Standard deviation at each node over L2 sensitivity.</param>
    /// <param name="steps">The number of leaves.</param>
    public static Func<double, double> SingleEpochTree(double noiseMultiplier, long steps)
    {
        double z = PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier");
        double depth = Math.Ceiling(Math.Log2(PrivacyArguments.Count(steps, "the number of steps") + 1.0));
        return order => order * depth / (2 * z * z);
    }

    /// <summary>Any mechanism after Poisson sampling, at whole orders (Zhu and Wang 2019, "Poisson subsampled Rényi differential privacy", Theorem 5).</summary>
    /// <remarks>
    /// A reference for published figures only: claims B and C are accounted at rate 1 (privacy, section 4). The result is never
    /// above the bound without sampling. At an order that is not whole the bound without sampling stays.
    /// </remarks>
    /// <param name="bound">The mechanism's RDP at whole orders.</param>
    /// <param name="samplingRate">The probability of each record to enter.</param>
    public static Func<double, double> PoissonSampled(Func<double, double> bound, double samplingRate)
    {
        ArgumentNullException.ThrowIfNull(bound);
        double q = PrivacyArguments.SamplingRate(samplingRate);
        return order => q >= 1 || order < 2 || order > 4096 || !order.Equals(Math.Floor(order)) ? bound(order) : Math.Min(bound(order), Amplified(bound, (int)order, q));
    }

    /// <summary>The delta at an epsilon of a mechanism with concentrated privacy (Canonne, Kamath and Steinke 2020, Corollary 13).</summary>
    /// <param name="rho">The mechanism's rho, above 0.</param>
    /// <param name="epsilon">Epsilon, 0 or more.</param>
    public static double ZeroConcentratedDelta(double rho, double epsilon)
    {
        if (!(rho > 0 && rho <= PrivacyArguments.MaxEpsilon))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.EpsilonInvalid, "rho", "above 0 and at most 1000000", PrivacyArguments.Text(rho));
        }

        PrivacyArguments.Epsilon(epsilon);
        (double low, double high) = (1 + 1e-12, ((epsilon + 1) / (2 * rho)) + 2);
        for (int i = 0; i < 200; i++)
        {
            double order = 0.5 * (low + high);
            double slope = ((2 * order) - 1) * rho - epsilon + Math.Log(1 - (1 / order));
            if (slope < 0)
            {
                low = order;
            }
            else
            {
                high = order;
            }
        }

        double log = ((low - 1) * ((low * rho) - epsilon)) - Math.Log(low - 1) + (low * Math.Log(1 - (1 / low)));
        return Math.Min(1, Math.Exp(log));
    }

    private static double Amplified(Func<double, double> bound, int order, double q)
    {
        LogSum sum = LogSum.Empty;
        sum.Add(((order - 1) * Math.Log(1 - q)) + Math.Log((order * q) - q + 1));
        double logChoose = Math.Log(order);
        for (int l = 2; l <= order; l++)
        {
            logChoose += Math.Log((order - l + 1.0) / l);
            double log = logChoose + ((order - l) * Math.Log(1 - q)) + (l * Math.Log(q)) + ((l - 1) * bound(l));
            sum.Add(l == 2 ? log : log + Math.Log(3));
        }

        return Math.Max(0, sum.Value) / (order - 1);
    }
}
