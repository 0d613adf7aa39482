// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>Whether a ledger's limit admits a job: the RDP filter (Feldman and Zrnic 2021; Lecuyer 2021; privacy, section 6.2).</summary>
/// <remarks>
/// A job is admitted if at some order a of G: spent + reserved + new ≤ eps_max - [ln(1 - 1/a) - (ln delta_a + ln a)/(a - 1)],
/// delta_a = delta_max / |G|. The bracket is a binary64 value rounded up to 1e-12; all else is exact, so a total that is
/// exactly at the limit is admitted and one unit of 1e-20 more is not.
/// </remarks>
public static class LedgerFilter
{
    private const byte Places = 12;

    /// <summary>The smallest limit eps_max that admits a total; null when no order has a bound.</summary>
    /// <param name="total">Spent, reserved and new together.</param>
    /// <param name="deltaMax">The ledger's delta_max, between 0 and 1.</param>
    public static decimal? RequiredEpsilon(LedgerRdp total, double deltaMax)
    {
        ArgumentNullException.ThrowIfNull(total);
        double logDelta = Math.Log(PrivacyArguments.Delta(deltaMax)) - Math.Log(RdpOrders.Ledger.Length);
        decimal? best = null;
        for (int i = 0; i < total.Values.Length; i++)
        {
            decimal? needed = total.Values[i] + LedgerRdp.RoundUp(RdpCurve.Conversion(RdpOrders.Ledger[i], logDelta), Places);
            if (needed is not null && (best is null || needed < best))
            {
                best = needed;
            }
        }

        return best;
    }

    /// <summary>Whether the filter admits a job.</summary>
    /// <param name="spent">What is spent and will not return.</param>
    /// <param name="reserved">What other jobs hold in reserve.</param>
    /// <param name="requested">The job's reserve, over its maximum rounds, metrics included.</param>
    /// <param name="epsilonMax">The ledger's eps_max.</param>
    /// <param name="deltaMax">The ledger's delta_max, between 0 and 1.</param>
    public static bool Admits(LedgerRdp spent, LedgerRdp reserved, LedgerRdp requested, decimal epsilonMax, double deltaMax)
    {
        ArgumentNullException.ThrowIfNull(spent);
        ArgumentNullException.ThrowIfNull(reserved);
        return RequiredEpsilon(spent.Plus(reserved).Plus(requested), deltaMax) <= epsilonMax;
    }
}
