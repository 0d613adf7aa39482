// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>Tails of the binomial distribution.</summary>
internal static class Binomial
{
    /// <summary>P[X > k] of X ~ Bin(n, p), as a sum of positive terms.</summary>
    internal static double Above(int k, int n, double p)
    {
        if (k < 0)
        {
            return 1;
        }

        if (p >= 1)
        {
            return n > k ? 1 : 0;
        }

        LogSum sum = LogSum.Empty;
        double log = n * Math.Log(1 - p);
        for (int x = 0; x <= n; x++)
        {
            if (x > k)
            {
                sum.Add(log);
            }

            log += Math.Log((n - x) / (x + 1.0)) + Math.Log(p / (1 - p));
        }

        return Math.Min(1, Math.Exp(sum.Value));
    }
}
