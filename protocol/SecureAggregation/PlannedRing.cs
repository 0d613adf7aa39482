// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Placeholder until merged.</summary>
public static class PlannedRing
{
    /// <summary>Placeholder.</summary>
    public static RingLayout LayoutOf(RunConfig config, int silos, long coordinates) =>
        RingLayout.Create(Ring.K32, RingLayout.LargestBits(Ring.K32, silos), silos, [new RingSegment { Name = RingSegment.Model, Length = coordinates, Clip = 100, Range = 100, Weighted = true }]);
}
