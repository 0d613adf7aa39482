// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The ring layout, weights and gate that a run's configuration gives a round: silo, coordinator and auditor compute the same (secure-aggregation, section 8).</summary>
/// <remarks>
/// The one segment is the model. It counts as weighted exactly when weights are declared. With uniform weights W = 1, so q_w = s_w, w' = 1
/// at the silo, and z_{d-1} / s_w is |U3| itself: both divisors of the dequantisation are equal, and |U3| is the one that no silo can shift.
/// </remarks>
public static class PlannedRing
{
    /// <summary>How a round's updates lie in the ring.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="silos">n, the roster's size.</param>
    /// <param name="coordinates">The exchanged adapter coordinates of the round, without padding; at least 1.</param>
    /// <exception cref="FedCloudException"><c>ring_too_small</c>, <c>secagg_parameters_invalid</c>, <c>secagg_roster_size</c>.</exception>
    public static RingLayout LayoutOf(RunConfig config, int silos, long coordinates)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfLessThan(coordinates, 1);
        SecureAggregationPlan plan = config.Aggregation.Secure;
        Ring ring = Ring.OfBits(plan.RingBits);
        bool rotated = ring == Ring.K16;
        RingSegment model = new()
        {
            Name = RingSegment.Model,
            Length = rotated ? HadamardRotation.PaddedLength(coordinates) : coordinates,
            Clip = Real(plan.UpdateClip),
            Range = Real(plan.Range ?? plan.UpdateClip),
            Weighted = config.Aggregation.Weighting == Weighting.Declared,
        };
        return RingLayout.Create(ring, plan.CoordinateBits == 0 ? RingLayout.LargestBits(ring, silos) : plan.CoordinateBits, silos, [model], rotated);
    }

    /// <summary>q_w, what a silo puts into the weight coordinate; s_w with uniform weights.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="layout">The round's layout.</param>
    /// <param name="declared">N, the silo's declared count.</param>
    /// <exception cref="FedCloudException"><c>weight_out_of_range</c>.</exception>
    public static long WeightOf(RunConfig config, RingLayout layout, long declared) => Share(config, layout, declared, MinWeightOf(config, layout));

    /// <summary>The smallest weight that <see cref="SumCheck"/> accepts of a silo: q_min, and s_w with uniform weights.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="layout">The round's layout.</param>
    /// <exception cref="FedCloudException"><c>weight_out_of_range</c>: the plan's smallest weight rounds to zero, which <see cref="CompatibilityMatrix"/> refuses.</exception>
    public static long MinWeightOf(RunConfig config, RingLayout layout)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Share(config, layout, config.Aggregation.Secure.WeightMin, minimum: 1);
    }

    /// <summary>The plan's gate on the L2 norm of the mean; null means the implied bound, <see cref="SumDequantizer.ImpliedNorm"/>.</summary>
    public static double? NormMaxOf(RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return config.Aggregation.AggregateNormMax is { } norm ? Real(norm) : null;
    }

    /// <summary>What the configuration says about a round's sum.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="silos">n, the roster's size.</param>
    /// <param name="coordinates">The exchanged adapter coordinates of the round, without padding; at least 1.</param>
    /// <exception cref="FedCloudException">As <see cref="LayoutOf"/> and <see cref="MinWeightOf"/>.</exception>
    public static SumTerms TermsOf(RunConfig config, int silos, long coordinates)
    {
        RingLayout layout = LayoutOf(config, silos, coordinates);
        return new SumTerms
        {
            Layout = layout,
            Coordinates = coordinates,
            MinWeight = MinWeightOf(config, layout),
            NormMaximum = NormMaxOf(config),
        };
    }

    private static long Share(RunConfig config, RingLayout layout, long declared, long minimum) =>
        DeclaredWeight.Quantize(declared, config.Aggregation.Weighting == Weighting.Uniform ? 1 : config.Aggregation.WeightMax, layout, minimum);

    // The decimal string to the nearest binary64, as any other implementation reads it; a cast rounds long decimals twice.
    private static double Real(decimal value) => double.Parse(DecimalString.Format(value), CultureInfo.InvariantCulture);
}
