// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Privacy;

/// <summary>The grids of Rényi orders.</summary>
public static class RdpOrders
{
    /// <summary>The grid of a job's epsilon: 1.1, 1.2, ..., 10.9, 12..63, 128, 256, 512 (privacy, section 3).</summary>
    public static ImmutableArray<double> Job { get; } =
        [.. Enumerable.Range(11, 99).Select(tenths => tenths / 10.0), .. Enumerable.Range(12, 52).Select(order => (double)order), 128, 256, 512];

    /// <summary>The grid G of the ledger's filter (privacy, section 6.2).</summary>
    public static ImmutableArray<double> Ledger { get; } = [1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64];

    /// <summary>The whole orders of distributed noise: 2..128 and 256.</summary>
    public static ImmutableArray<double> Distributed { get; } = [.. Enumerable.Range(2, 127).Select(order => (double)order), 256];
}
