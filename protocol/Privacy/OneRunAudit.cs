// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Privacy;

/// <summary>The lower bound on epsilon that right guesses about canaries give, all canaries in one run of training (privacy, section 7).</summary>
/// <remarks>
/// Steinke, Nasr and Jagielski 2023, "Privacy Auditing with One (1) Training Run" (arXiv 2305.08846), section 5 and the program in its appendix. If training is
/// (epsilon, delta)-DP when a record is added or removed, then whatever the attack, v or more of r guesses are right with probability at most
/// f(v) + 2 m delta max over i of (f(v - i) - f(v)) / i, where f(k) = P[Bin(r, e^epsilon / (1 + e^epsilon)) ≥ k]. A small
/// probability refutes epsilon; a large one proves nothing. The bound says nothing where guesses were picked after a look at the coins.
/// </remarks>
public static class OneRunAudit
{
    private const int Halvings = 50;

    /// <summary>The most that the probability of so many right guesses, or more, can be under (epsilon, delta)-DP.</summary>
    /// <param name="guesses">The outcome of the attack.</param>
    /// <param name="epsilon">Epsilon, 0 or more.</param>
    /// <param name="delta">Delta, 0 or more and below 1.</param>
    public static double Probability(CanaryGuesses guesses, double epsilon, double delta)
    {
        Check(guesses, delta);
        return Bound(guesses, PrivacyArguments.Epsilon(epsilon), delta);
    }

    /// <summary>The epsilon up to which the guesses refute (epsilon, delta)-DP. It is above the true one with a probability of at most 1 - confidence.</summary>
    /// <param name="guesses">The outcome of the attack.</param>
    /// <param name="delta">Delta, 0 or more and below 1.</param>
    /// <param name="confidence">Between 0 and 1.</param>
    public static double LowerEpsilon(CanaryGuesses guesses, double delta, double confidence)
    {
        Check(guesses, delta);
        if (!(confidence > 0 && confidence < 1))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "the confidence", "between 0 and 1", PrivacyArguments.Text(confidence));
        }

        bool Refutes(double epsilon) => Bound(guesses, epsilon, delta) < 1 - confidence;
        if (!Refutes(0))
        {
            return 0;
        }

        // Ends, since f(v) tends to 1. Up in small steps: with a large delta the probability need not rise everywhere.
        double low = 0;
        while (Refutes(low + 1))
        {
            low++;
        }

        double high = low + 1;
        for (int i = 0; i < Halvings; i++)
        {
            double middle = 0.5 * (low + high);
            (low, high) = Refutes(middle) ? (middle, high) : (low, middle);
        }

        return low;
    }

    private static void Check(CanaryGuesses guesses, double delta)
    {
        PrivacyArguments.Count(guesses.Canaries, "the number of canaries", 1, int.MaxValue);
        PrivacyArguments.Count(guesses.Guesses, "the number of guesses", 0, guesses.Canaries);
        PrivacyArguments.Count(guesses.Right, "the number of right guesses", 0, guesses.Guesses);
        if (!(delta >= 0 && delta < 1))
        {
            throw PrivacyArguments.Refusal(ErrorCodes.DeltaInvalid, "delta", "0 or more and below 1", PrivacyArguments.Text(delta));
        }
    }

    // From all guesses right downwards: P[W = k - 1] = P[W = k] e^-epsilon k / (r - k + 1), every term positive.
    private static double Bound(CanaryGuesses guesses, double epsilon, double delta)
    {
        (int m, int r, int v) = guesses;
        double log = -r * NearOne.LogOnePlus(Math.Exp(-epsilon));
        LogSum tail = LogSum.Empty; // P[W >= v]
        LogSum below = LogSum.Empty; // P[v > W >= v - i]
        double steepest = 0;
        for (int k = r; k >= 0; k--)
        {
            if (k >= v)
            {
                tail.Add(log);
            }
            else
            {
                below.Add(log);
                steepest = Math.Max(steepest, Math.Exp(below.Value) / (v - k));
            }

            log += Math.Log(k / (r - k + 1.0)) - epsilon;
        }

        return Math.Min(1, Math.Exp(tail.Value) + (2.0 * m * delta * steepest));
    }
}
