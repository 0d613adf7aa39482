// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>The ring layout, weights and gate that a run's configuration gives a round: silo, coordinator and auditor compute the same (secure-aggregation, section 8).</summary>
/// <remarks>
/// The one segment is the model. With noise on the ring (section 8.1) it holds z, every silo counts the same, and where a record is
/// protected the clip is one record's: learning rate times example clip over <c>max_records</c>. Otherwise it counts as weighted exactly when weights are declared. With uniform weights W = 1, so q_w = s_w, w' = 1
/// at the silo, and z_{d-1} / s_w is |U3| itself: both divisors of the dequantisation are equal, and |U3| is the one that no silo can shift.
/// </remarks>
public static class PlannedRing
{
    /// <summary>How a round's updates lie in the ring.</summary>
    /// <param name="config">The run's configuration.</param>
    /// <param name="silos">n, the roster's size.</param>
    /// <param name="coordinates">The exchanged adapter coordinates of the round, without padding; at least 1.</param>
    /// <exception cref="FedCloudException"><c>ring_too_small</c>, also where it is too coarse for its noise; <c>secagg_parameters_invalid</c>, <c>secagg_roster_size</c>.</exception>
    public static RingLayout LayoutOf(RunConfig config, int silos, long coordinates)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentOutOfRangeException.ThrowIfLessThan(coordinates, 1);
        SecureAggregationPlan plan = config.Aggregation.Secure;
        Ring ring = Ring.OfBits(plan.RingBits);
        bool rotated = ring == Ring.K16;
        PrivacyPlan privacy = config.Privacy;
        int records = privacy.IsRecordOnRing ? privacy.MaxRecords : 1;
        double clip = privacy.IsRecordOnRing ? RecordClip(config) : Real(plan.UpdateClip);
        RingSegment model = new()
        {
            Name = RingSegment.Model,
            Length = rotated ? HadamardRotation.PaddedLength(coordinates) : coordinates,
            Clip = clip,
            Range = plan.Range is { } range ? Real(range) : clip * records,
            Weighted = config.Aggregation.Weighting == Weighting.Declared && !privacy.IsOnRing,
            NoiseMultiplier = privacy.IsOnRing ? Real(privacy.NoiseMultiplier ?? throw new ArgumentException("noise on the ring needs the plan's multiplier", nameof(config))) : 0,
            MaxRecords = records,
        };
        RingLayout layout = RingLayout.Create(ring, plan.CoordinateBits == 0 ? RingLayout.LargestBits(ring, silos, [model]) : plan.CoordinateBits, silos, [model], rotated);
        DistributedPrivacy.RequireResolved(layout);
        return layout;
    }

    /// <summary>The L2 bound of what one record adds to its silo's update where the ring's noise protects records: learning rate times example clip over <c>max_records</c>.</summary>
    /// <param name="config">A plan of claim B with unit record.</param>
    public static double RecordClip(RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(config);
        return Real(config.Training.LearningRate) * Real(config.Privacy.ExampleClip) / config.Privacy.MaxRecords;
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
