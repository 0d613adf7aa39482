// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>The discrete Gaussian on the integers: P[x] proportional to e^(-x^2 / (2 sigma^2)).</summary>
/// <remarks>
/// Canonne, Kamath and Steinke 2020, Definition 1 and Theorem 7. For sigma^2 of 1 and more normaliser and variance come from
/// Poisson's summation formula, below from the sum itself; delta is a sum of positive terms, so small values keep their digits.
/// </remarks>
public sealed class DiscreteGaussianLaw
{
    private const double MaxVariance = 1e12; // delta sums about 12 sigma terms

    private readonly double _twice;

    /// <summary>The law with a parameter.</summary>
    /// <param name="sigmaSquared">sigma^2, at most 1e12; the variance is never larger.</param>
    public DiscreteGaussianLaw(double sigmaSquared)
    {
        if (!(sigmaSquared >= 1e-3 && sigmaSquared <= MaxVariance))
        {
            throw PrivacyArguments.Refusal(Errors.ErrorCodes.NoiseInvalid, "sigma squared", "from 0.001 to 1E+12", PrivacyArguments.Text(sigmaSquared));
        }

        SigmaSquared = sigmaSquared;
        _twice = 2 * sigmaSquared;
        (Normaliser, Variance) = sigmaSquared >= 1 ? MomentsByDual() : MomentsBySum();
    }

    /// <summary>The parameter sigma^2.</summary>
    public double SigmaSquared { get; }

    /// <summary>The sum of e^(-x^2 / (2 sigma^2)) over all integers.</summary>
    public double Normaliser { get; }

    /// <summary>The variance.</summary>
    public double Variance { get; }

    /// <summary>P[x].</summary>
    public double Probability(long x) => Math.Exp(-((double)x * x) / _twice) / Normaliser;

    /// <summary>The exact delta at an epsilon for one coordinate that moves by a whole number.</summary>
    /// <param name="epsilon">Epsilon, 0 or more.</param>
    /// <param name="sensitivity">The shift, grid units.</param>
    public double Delta(double epsilon, int sensitivity)
    {
        PrivacyArguments.Epsilon(epsilon);
        PrivacyArguments.Count(sensitivity, "the sensitivity", 1, 1_000_000);
        double cut = ((epsilon * _twice / sensitivity) - sensitivity) / 2; // losses above epsilon lie at x > cut, x = noise of P
        long first = (long)Math.Floor(cut) + 1;
        long last = Math.Max(first, 0) + (long)Math.Ceiling(14 * Math.Sqrt(SigmaSquared)) + 2;
        double sum = 0;
        for (long x = last; x >= first; x--)
        {
            double loss = sensitivity * ((2.0 * x) + sensitivity) / _twice;
            sum += Probability(x) * -NearOne.ExpMinusOne(epsilon - loss);
            if (x < 0 && x * x / _twice > 60)
            {
                break;
            }
        }

        return Math.Min(1, sum);
    }

    private (double Normaliser, double Variance) MomentsByDual()
    {
        double theta = 0;
        double second = 0;
        for (int k = 1; k < 8; k++)
        {
            double term = Math.Exp(-2 * Math.PI * Math.PI * SigmaSquared * k * k);
            theta += 2 * term;
            second += 2 * term * k * k;
        }

        double normaliser = Math.Sqrt(2 * Math.PI * SigmaSquared) * (1 + theta);
        double variance = SigmaSquared * (1 - (4 * Math.PI * Math.PI * SigmaSquared * second / (1 + theta)));
        return (normaliser, variance);
    }

    private (double Normaliser, double Variance) MomentsBySum()
    {
        double sum = 1;
        double second = 0;
        for (int x = 1; x < 40; x++)
        {
            double term = 2 * Math.Exp(-(double)x * x / _twice);
            sum += term;
            second += term * x * x;
        }

        return (sum, second / sum);
    }
}
