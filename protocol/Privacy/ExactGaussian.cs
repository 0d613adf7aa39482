// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>The exact privacy curve of the Gaussian mechanism without sampling, composed any number of times.</summary>
/// <remarks>
/// Balle and Wang 2018, "Improving the Gaussian mechanism for differential privacy", Theorem 8: with mu = sqrt(T)/z,
/// delta(eps) = Phi(mu/2 - eps/mu) - e^eps Phi(-mu/2 - eps/mu). We write it as density(x) (R(x) - R(x + mu)) with
/// x = eps/mu - mu/2 and Mills' ratio R, and for mu below 1 the difference as an integral of positive terms, so that a delta
/// of 1e-90 keeps 12 digits. It is the accountant of claim C and the oracle of the others at sampling rate 1.
/// </remarks>
public static class ExactGaussian
{
    // Gauss-Legendre, 8 nodes on [-1, 1], symmetric.
    private static readonly double[] Nodes = [0.1834346424956498, 0.5255324099163290, 0.7966664774136267, 0.9602898564975363];
    private static readonly double[] Weights = [0.3626837833783620, 0.3137066458778873, 0.2223810344533745, 0.1012285362903763];

    /// <summary>The mean shift mu of the composed mechanism in units of its noise: sqrt(steps) / noise multiplier.</summary>
    /// <param name="noiseMultiplier">Standard deviation over L2 sensitivity.</param>
    /// <param name="steps">The number of compositions.</param>
    public static double Mu(double noiseMultiplier, long steps) =>
        Math.Sqrt(PrivacyArguments.Count(steps, "the number of steps")) / PrivacyArguments.Noise(noiseMultiplier, "the noise multiplier");

    /// <summary>delta at an epsilon.</summary>
    /// <param name="noiseMultiplier">Standard deviation over L2 sensitivity.</param>
    /// <param name="steps">The number of compositions.</param>
    /// <param name="epsilon">Epsilon, 0 or more.</param>
    public static double Delta(double noiseMultiplier, long steps, double epsilon) =>
        Math.Exp(LogDelta(Mu(noiseMultiplier, steps), PrivacyArguments.Epsilon(epsilon)));

    /// <summary>The smallest epsilon at a delta.</summary>
    /// <param name="noiseMultiplier">Standard deviation over L2 sensitivity.</param>
    /// <param name="steps">The number of compositions.</param>
    /// <param name="delta">Delta, between 0 and 1.</param>
    public static double Epsilon(double noiseMultiplier, long steps, double delta) =>
        EpsilonOf(Mu(noiseMultiplier, steps), PrivacyArguments.Delta(delta));

    /// <summary>The smallest noise multiplier for an epsilon and a delta, rounded to the safe side.</summary>
    /// <param name="epsilon">The target epsilon, above 0.</param>
    /// <param name="delta">The target delta, between 0 and 1.</param>
    /// <param name="steps">The number of compositions.</param>
    public static double NoiseMultiplier(double epsilon, double delta, long steps)
    {
        PrivacyArguments.TargetEpsilon(epsilon);
        double logDelta = Math.Log(PrivacyArguments.Delta(delta));
        double root = Math.Sqrt(PrivacyArguments.Count(steps, "the number of steps"));
        (double low, double high) = (1e-12, 1e12);
        for (int i = 0; i < 120 && low < high; i++)
        {
            double mu = Math.Sqrt(low) * Math.Sqrt(high);
            if (LogDelta(mu, epsilon) <= logDelta)
            {
                low = mu;
            }
            else
            {
                high = mu;
            }
        }

        return PrivacyArguments.Noise(root / low, "the calibrated noise multiplier");
    }

    /// <summary>ln delta(epsilon) of the mechanism with mean shift <paramref name="mu"/>.</summary>
    internal static double LogDelta(double mu, double epsilon)
    {
        double x = (epsilon / mu) - (mu / 2);
        if (mu < 1)
        {
            return NormalTail.LogDensity(x) + Math.Log(MillsDrop(x, mu));
        }

        return x >= 0
            ? NormalTail.LogDensity(x) + Math.Log(NormalTail.Mills(x) - NormalTail.Mills(x + mu))
            : Math.Log(NormalTail.Above(x) - (Math.Exp(NormalTail.LogDensity(x)) * NormalTail.Mills(x + mu)));
    }

    private static double EpsilonOf(double mu, double delta)
    {
        double logDelta = Math.Log(delta);
        if (LogDelta(mu, 0) <= logDelta)
        {
            return 0;
        }

        double low = 0;
        double high = (mu * mu / 2) + (mu * Math.Sqrt(-2 * logDelta)); // delta(eps) <= P[N > eps/mu - mu/2] <= delta
        for (int i = 0; i < 200; i++)
        {
            double middle = 0.5 * (low + high);
            if (middle <= low || middle >= high)
            {
                break;
            }

            if (LogDelta(mu, middle) <= logDelta)
            {
                high = middle;
            }
            else
            {
                low = middle;
            }
        }

        return high;
    }

    // R(x) - R(x + width) as the integral of -R', all of whose values are positive.
    private static double MillsDrop(double x, double width)
    {
        double sum = 0;
        double centre = x + (width / 2);
        for (int i = 0; i < Nodes.Length; i++)
        {
            double reach = width / 2 * Nodes[i];
            sum += Weights[i] * (NormalTail.MillsFall(centre - reach) + NormalTail.MillsFall(centre + reach));
        }

        return width / 2 * sum;
    }
}
