// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>Which tiles and bundles a tree of a given size has, and which are new when it grows (C2SP tlog-tiles).</summary>
public static class TileLayout
{
    // Above level 7 a tree whose size is a 63-bit number has no hash.
    private const int Levels = 8;

    /// <summary>The tiles of the tree, level by level.</summary>
    public static IEnumerable<TileCoordinate> Tiles(long size) => NewTiles(0, size);

    /// <summary>The bundles of the tree.</summary>
    public static IEnumerable<BundleCoordinate> Bundles(long size) => NewBundles(0, size);

    /// <summary>The tiles that the tree of <paramref name="second"/> entries has and the tree of <paramref name="first"/> lacks, from level 0 upwards: what growth writes.</summary>
    public static IEnumerable<TileCoordinate> NewTiles(long first, long second)
    {
        RequireGrowth(first, second);
        return Enumerable.Range(0, Levels).SelectMany(level =>
            NewIn(Hashes(level, first), Hashes(level, second)).Select(tile => new TileCoordinate(level, tile.Index, tile.Width)));
    }

    /// <summary>The bundles that growth writes.</summary>
    public static IEnumerable<BundleCoordinate> NewBundles(long first, long second)
    {
        RequireGrowth(first, second);
        return NewIn(first, second).Select(bundle => new BundleCoordinate(bundle.Index, bundle.Width));
    }

    /// <summary>The tile that holds hash <paramref name="hash"/> of a level, as wide as the tree of that size has it.</summary>
    public static TileCoordinate TileOf(int level, long hash, long size)
    {
        long count = Hashes(level, size);
        ArgumentOutOfRangeException.ThrowIfNegative(hash);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(hash, count);
        long index = hash / HashTile.FullWidth;
        return new TileCoordinate(level, index, (int)Math.Min(HashTile.FullWidth, count - (index * HashTile.FullWidth)));
    }

    /// <summary>The tiles that an inclusion proof needs, so that a host can fetch them first.</summary>
    public static IReadOnlySet<TileCoordinate> ForInclusion(long index, long size) => Asked(size, nodes => MerkleProof.Inclusion(index, size, nodes));

    /// <summary>The tiles of the larger tree that a consistency proof needs.</summary>
    public static IReadOnlySet<TileCoordinate> ForConsistency(long first, long second) => Asked(second, nodes => MerkleProof.Consistency(first, second, nodes));

    /// <summary>The rightmost partial tiles: all that a writer needs to go on from that size.</summary>
    public static IEnumerable<TileCoordinate> Frontier(long size) =>
        Enumerable.Range(0, Levels)
            .Where(level => Hashes(level, size) % HashTile.FullWidth != 0)
            .Select(level => TileOf(level, Hashes(level, size) - 1, size));

    /// <summary>The number of hashes that a level has.</summary>
    internal static long Hashes(int level, long size) => level < Levels ? size >> (HashTile.Height * level) : 0;

    private static IEnumerable<(long Index, int Width)> NewIn(long first, long second)
    {
        if (first == second)
        {
            yield break;
        }

        for (long index = first / HashTile.FullWidth; index < second / HashTile.FullWidth; index++)
        {
            yield return (index, HashTile.FullWidth);
        }

        if (second % HashTile.FullWidth != 0)
        {
            yield return (second / HashTile.FullWidth, (int)(second % HashTile.FullWidth));
        }
    }

    private static HashSet<TileCoordinate> Asked(long size, Action<MerkleNodes> make)
    {
        HashSet<TileCoordinate> tiles = [];
        make((level, index) =>
        {
            tiles.Add(TiledNodes.TileOf(level, index, size));
            return default;
        });
        return tiles;
    }

    private static void RequireGrowth(long first, long second)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, second);
    }
}
