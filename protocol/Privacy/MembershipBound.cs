// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>What a privacy loss distribution says about membership inference (privacy, section 7).</summary>
/// <remarks>Kairouz, Oh and Viswanath 2015, Theorem 2.1: every test has TPR ≤ e^eps FPR + delta(eps) at every eps of either sign.</remarks>
public static class MembershipBound
{
    /// <summary>The largest true-positive rate of any test at a false-positive rate, in the worse direction.</summary>
    /// <param name="distribution">The composed distribution.</param>
    /// <param name="falsePositiveRate">The rate, between 0 and 1.</param>
    public static double TruePositiveRate(PrivacyLossDistribution distribution, double falsePositiveRate)
    {
        ArgumentNullException.ThrowIfNull(distribution);
        if (!(falsePositiveRate > 0 && falsePositiveRate < 1))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "the false-positive rate", "between 0 and 1", PrivacyArguments.Text(falsePositiveRate));
        }

        double remove = Bound(distribution.Remove, falsePositiveRate);
        return ReferenceEquals(distribution.Remove, distribution.Add) ? remove : Math.Max(remove, Bound(distribution.Add, falsePositiveRate));
    }

    /// <summary>The mu of the Gaussian mechanism whose tests reach the same rates: the largest over the given false-positive rates (Dong, Roth and Su 2022).</summary>
    /// <remarks>An estimate: a rate that is not given may need a larger mu.</remarks>
    /// <param name="distribution">The composed distribution.</param>
    /// <param name="falsePositiveRates">The rates, each between 0 and 1.</param>
    public static double GaussianMu(PrivacyLossDistribution distribution, params ReadOnlySpan<double> falsePositiveRates)
    {
        double mu = 0;
        foreach (double rate in falsePositiveRates)
        {
            mu = Math.Max(mu, NormalTail.Quantile(TruePositiveRate(distribution, rate)) - NormalTail.Quantile(rate));
        }

        return mu;
    }

    private static double Bound(LossPmf pmf, double rate)
    {
        double best = 1;
        double delta = pmf.InfiniteMass;
        double fall = -NearOne.ExpMinusOne(-pmf.Interval);
        LossTail above = default; // losses above the current one
        for (int i = pmf.Count - 1; i >= 0; i--)
        {
            double loss = pmf.Loss(i);
            delta += above.At(loss + pmf.Interval) * fall;
            best = Math.Min(best, (Math.Exp(loss) * rate) + delta);
            above.Add(loss, pmf.Masses[i]);
        }

        return best;
    }
}
