// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The weight coordinate: a silo's declared count as an integer share of the plan's largest (secure-aggregation, section 8, step 1).</summary>
/// <remarks>The count is declared by the administrator and public, never taken from the records: changes of U3 reveal it.</remarks>
public static class DeclaredWeight
{
    /// <summary>q_w = round(w s_w) with w = min(N, W) / W, halves away from zero; with W = 1 it is s_w.</summary>
    /// <param name="declared">N, the declared count.</param>
    /// <param name="maximum">W, the plan's largest weight.</param>
    /// <param name="layout">The layout, whose <see cref="RingLayout.Limit"/> is s_w.</param>
    /// <param name="minimum">q_min, the smallest share that the plan allows.</param>
    /// <exception cref="FedCloudException"><c>weight_out_of_range</c>: below 1, or its share is below q_min.</exception>
    public static long Quantize(long declared, long maximum, RingLayout layout, long minimum = 1)
    {
        ArgumentNullException.ThrowIfNull(layout);
        if (declared < 1 || maximum < 1)
        {
            throw new FedCloudException(ErrorCodes.WeightOutOfRange, $"expected a declared count and a largest weight of at least 1, found {declared} and {maximum}");
        }

        long share = (long)((((Int128)2 * Math.Min(declared, maximum) * layout.Limit) + maximum) / ((Int128)2 * maximum)); // exact, rounded half up
        return minimum >= 1 && share >= minimum
            ? share
            : throw new FedCloudException(ErrorCodes.WeightOutOfRange, $"expected a share of at least {Math.Max(1, minimum)} of {layout.Limit}, found {share}");
    }
}
