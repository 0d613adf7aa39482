// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Cli.Plans;

/// <summary>What secure aggregation means for a plan and a number of silos.</summary>
/// <param name="Silos">n.</param>
/// <param name="Needed">The fewest updates of a round: max(quorum, t).</param>
/// <param name="Threshold">t.</param>
/// <param name="MayBeMissing">Silos that a round can do without.</param>
/// <param name="MayCollude">Silos that may work with the coordinator without seeing another silo's update.</param>
/// <param name="RingBits">k.</param>
/// <param name="CoordinateBits">b.</param>
/// <param name="BytesPerParameter">Bytes on the wire for each exchanged parameter.</param>
/// <param name="Step">The distance of two values that a coordinate can have.</param>
internal sealed record SecureFigures(int Silos, int Needed, int Threshold, int MayBeMissing, int MayCollude, int RingBits, int CoordinateBits, int BytesPerParameter, double Step)
{
    /// <summary>The figures; null in plain mode, and without a plan or a number.</summary>
    public static SecureFigures? Of(RunConfig? config, int? silos)
    {
        if (config is not { Aggregation.IsSecure: true } || silos is not { } n)
        {
            return null;
        }

        CohortBounds bounds = CohortBounds.Of(n);
        RingLayout layout = PlannedRing.LayoutOf(config, n, coordinates: 1);
        int needed = bounds.Quorum(config.Participation.Quorum);
        return new(n, needed, bounds.Threshold, n - needed, bounds.MaxColluders, layout.Ring.Bits, layout.Bits, layout.Ring.WordBytes, 1 / layout.Scale(0));
    }
}
