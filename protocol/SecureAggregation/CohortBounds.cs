// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What a roster of n silos tolerates (secure-aggregation, section 2).</summary>
public sealed record CohortBounds
{
    private CohortBounds(int n) => N = n;

    /// <summary>The roster's size.</summary>
    public int N { get; }

    /// <summary>t = floor(2n/3) + 1: shares that open a secret, and the smallest U1, U2 and U3.</summary>
    /// <remarks>Two different U3 need t signatures each, and honest silos sign once: 2(t - c) > n - c.</remarks>
    public int Threshold => Roster.Threshold(N);

    /// <summary>The most silos that may be missing at any step, n - t.</summary>
    public int MaxDrops => N - Threshold;

    /// <summary>The most colluding silos for which the design holds, min(2t - n - 1, t - 2).</summary>
    public int MaxColluders => Math.Min((2 * Threshold) - N - 1, Threshold - 2);

    /// <summary>The bounds of a roster.</summary>
    /// <exception cref="FedCloudException"><c>secagg_roster_size</c>: n is not from 3 to 255.</exception>
    public static CohortBounds Of(int n) => n is >= Fcsa1.MinSilos and <= Fcsa1.MaxSilos
        ? new CohortBounds(n)
        : throw new FedCloudException(ErrorCodes.SecaggRosterSize, $"expected a roster of {Fcsa1.MinSilos} to {Fcsa1.MaxSilos} silos, found {n}");

    /// <summary>The smallest U3 that is opened: max(the plan's quorum, t).</summary>
    public int Quorum(int planQuorum) => Math.Max(planQuorum, Threshold);
}
