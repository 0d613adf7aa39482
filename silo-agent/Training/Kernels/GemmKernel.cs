// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Runtime.Intrinsics;

namespace FedCloud.Training.Kernels;

/// <summary>The innermost part of the matrix product for one class of processors.</summary>
public sealed unsafe class GemmKernel
{
    private static readonly GemmTile Wide = new(12, 32, &MicroKernels.Tile12X32);
    private static readonly GemmTile Middle = new(6, 16, &MicroKernels.Tile6X16);
    private static readonly GemmTile Narrow = new(12, 8, &MicroKernels.Tile12X8);
    private static readonly GemmTile Low = new(8, 8, &MicroKernels.Tile8X8);
    private static readonly GemmTile Portable = new(4, 8, &MicroKernels.Tile4X8);

    private readonly ImmutableArray<GemmTile> _tiles;

    private readonly GemmTile _low;

    private GemmKernel(string name, bool isSupported, GemmTile low, params ReadOnlySpan<GemmTile> tiles)
    {
        Name = name;
        IsSupported = isSupported;
        _low = low;
        _tiles = [.. tiles];
    }

    /// <summary>All kernels, widest first.</summary>
    public static IReadOnlyList<GemmKernel> All { get; } =
    [
        new("AVX-512", Vector512.IsHardwareAccelerated, Low, Narrow, Middle, Wide),
        new("AVX2", Vector256.IsHardwareAccelerated, Low, Narrow, Middle),
        new("portable", isSupported: true, Portable, Portable),
    ];

    /// <summary>The widest kernel that this processor has.</summary>
    public static GemmKernel Widest { get; } = All.First(kernel => kernel.IsSupported);

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Whether this processor has the instructions; without them they are emulated, slowly.</summary>
    public bool IsSupported { get; }

    /// <summary>The widest tile.</summary>
    internal GemmTile WidestTile => _tiles[^1];

    /// <summary>The tile for a product of n columns: the narrowest that holds them, so that the rank of an adapter does not fill a tile of 32 with zeros.</summary>
    /// <param name="n">Columns.</param>
    /// <param name="crowded">Whether elements of a column of A share a set of the nearest cache.</param>
    internal GemmTile Tile(int n, bool crowded = false)
    {
        if (crowded && n <= _low.Columns)
        {
            return _low;
        }

        foreach (GemmTile tile in _tiles)
        {
            if (n <= tile.Columns)
            {
                return tile;
            }
        }

        return _tiles[^1];
    }
}
