// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>How privacy losses are brought onto the grid.</summary>
public enum LossRounding
{
    /// <summary>Upper bound, the tightest on the grid: each cell keeps its mass under P and under Q (Doroshenko et al. 2022, "Connect the dots", section 3).</summary>
    ConnectTheDots,

    /// <summary>Upper bound: each loss rounds up (Meiser and Mohammadi 2018, privacy buckets).</summary>
    Up,

    /// <summary>Lower bound: each loss rounds down.</summary>
    Down,

    /// <summary>Lower bound: each cell around a grid point becomes one loss, its centroid under Q, which rounds down; cells are shifted so that little is lost.</summary>
    Merge,
}
