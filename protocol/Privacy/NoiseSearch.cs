// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>Where a search for a noise multiplier begins and when it stops.</summary>
public sealed record NoiseSearch
{
    /// <summary>A noise multiplier known, or believed, to be too small; default 0.</summary>
    public double Low { get; init; }

    /// <summary>The first noise multiplier that is tried as large enough; doubled until it is. Default 20.</summary>
    public double High { get; init; } = 20;

    /// <summary>The search stops when the answer is known to this width; default 2.5e-4, at most the 1e-3 of the specification.</summary>
    public double Width { get; init; } = 2.5e-4;

    /// <summary>The search also stops when epsilon is this near below the target; default 0.</summary>
    public double EpsilonSlack { get; init; }
}
