// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>Optimal composition of mechanisms of which only (epsilon, delta) is known.</summary>
/// <remarks>Kairouz, Oh and Viswanath 2015, "The composition theorem for differential privacy", Theorem 3.3. A reference for auditors; plans use RDP and PLD.</remarks>
public static class AdvancedComposition
{
    /// <summary>The smallest epsilon (count - 2i) epsilon whose total delta is within the target.</summary>
    /// <param name="epsilon">Epsilon of one mechanism, above 0.</param>
    /// <param name="delta">Delta of one mechanism, 0 or more and below 1.</param>
    /// <param name="count">The number of mechanisms, at most 10,000.</param>
    /// <param name="totalDelta">The target delta.</param>
    public static double Epsilon(double epsilon, double delta, int count, double totalDelta)
    {
        PrivacyArguments.TargetEpsilon(epsilon);
        PrivacyArguments.Count(count, "the number of mechanisms", 1, 10_000);
        PrivacyArguments.Delta(totalDelta);
        if (!(delta >= 0 && delta < 1))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "delta", "0 or more and below 1", PrivacyArguments.Text(delta));
        }

        double kept = Math.Exp(count * NearOne.LogOnePlus(-delta));
        double best = double.PositiveInfinity;
        for (int i = 0; i <= count / 2; i++)
        {
            double total = 1 - (kept * (1 - Excess(epsilon, count, i)));
            if (total <= totalDelta)
            {
                best = (count - (2 * i)) * epsilon;
            }
        }

        return PrivacyArguments.Finite(best, "advanced composition");
    }

    // sum over l < i of C(k,l) (e^((k-l)eps) - e^((k-2i+l)eps)) / (1 + e^eps)^k
    private static double Excess(double epsilon, int count, int i)
    {
        double logNormaliser = count * (epsilon + NearOne.LogOnePlus(Math.Exp(-epsilon)));
        double logChoose = 0;
        double sum = 0;
        for (int l = 0; l < i; l++)
        {
            sum += Math.Exp(logChoose + ((count - l) * epsilon) - logNormaliser) * -NearOne.ExpMinusOne(((2 * l) - (2 * i)) * epsilon);
            logChoose += Math.Log((count - l) / (l + 1.0));
        }

        return sum;
    }
}
