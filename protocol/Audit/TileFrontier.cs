// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>The right edge of a tiled tree: the hashes of each level that no full tile holds yet. It is all that a writer keeps of the tree.</summary>
/// <remarks>Immutable; at most 255 hashes a level.</remarks>
public sealed class TileFrontier
{
    private readonly ImmutableArray<ImmutableArray<MerkleHash>> _levels;

    private TileFrontier(long size, ImmutableArray<ImmutableArray<MerkleHash>> levels)
    {
        Size = size;
        _levels = levels;
    }

    /// <summary>The tree without entries.</summary>
    public static TileFrontier Empty { get; } = new(0, []);

    /// <summary>The number of entries.</summary>
    public long Size { get; }

    /// <summary>The leaf hashes of the partial tile at the end of level 0; none when the size is a multiple of 256.</summary>
    public ImmutableArray<MerkleHash> LastTile => _levels.IsEmpty ? [] : _levels[0];

    /// <summary>Reads the right edge of the tree of that size out of <see cref="TileLayout.Frontier"/>, and checks it against the root.</summary>
    /// <exception cref="FedCloudException"><c>tile_malformed</c>, or <c>root_mismatch</c> when the tiles do not give the root.</exception>
    public static TileFrontier Restore(long size, MerkleHash root, TileSource tiles)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(size);
        ArgumentNullException.ThrowIfNull(tiles);
        Dictionary<int, ImmutableArray<MerkleHash>> partial = TileLayout.Frontier(size)
            .ToDictionary(tile => tile.Level, tile => HashTile.Parse(tile, tiles(tile).Span).Hashes);
        int levels = partial.Count == 0 ? 0 : partial.Keys.Max() + 1;
        TileFrontier frontier = new(size, [.. Enumerable.Range(0, levels).Select(level => partial.GetValueOrDefault(level, []))]);
        return frontier.Root() == root
            ? frontier
            : throw new FedCloudException(ErrorCodes.RootMismatch, $"the tiles of size {size} do not give the root of its checkpoint");
    }

    /// <summary>Adds entries by their leaf hashes.</summary>
    /// <returns>The grown tree and the tiles that it has and the old one lacked, from level 0 upwards.</returns>
    public TileGrowth Append(IEnumerable<MerkleHash> leaves)
    {
        ArgumentNullException.ThrowIfNull(leaves);
        List<List<MerkleHash>> levels = [.. _levels.Select(level => level.ToList())];
        List<HashTile> full = [];
        long size = Size;
        foreach (MerkleHash leaf in leaves)
        {
            size = checked(size + 1);
            Add(levels, level: 0, leaf, size, full);
        }

        TileFrontier after = new(size, [.. levels.Select(level => level.ToImmutableArray())]);
        IEnumerable<HashTile> partial = TileLayout.NewTiles(Size, size)
            .Where(tile => !tile.IsFull)
            .Select(tile => new HashTile(tile, after._levels[tile.Level]));
        return new TileGrowth(after, [.. full.Concat(partial).OrderBy(tile => tile.Coordinate.Level).ThenBy(tile => tile.Coordinate.Index)]);
    }

    /// <summary>The root of the tree.</summary>
    public MerkleHash Root()
    {
        MerkleHash? root = null;
        foreach (ImmutableArray<MerkleHash> level in _levels)
        {
            int end = level.Length;
            for (int width = 1; width <= level.Length; width <<= 1)
            {
                if ((level.Length & width) != 0)
                {
                    MerkleHash peak = HashTile.PerfectRoot(level.AsSpan().Slice(end - width, width));
                    root = root is { } right ? MerkleTree.HashNode(peak, right) : peak;
                    end -= width;
                }
            }
        }

        return root ?? MerkleTree.EmptyRoot;
    }

    /// <summary>The partial tile at the end of a level, or null.</summary>
    internal HashTile? Partial(int level) =>
        level < _levels.Length && !_levels[level].IsEmpty
            ? new HashTile(TileLayout.TileOf(level, TileLayout.Hashes(level, Size) - 1, Size), _levels[level])
            : null;

    private static void Add(List<List<MerkleHash>> levels, int level, MerkleHash hash, long size, List<HashTile> full)
    {
        if (level == levels.Count)
        {
            levels.Add([]);
        }

        levels[level].Add(hash);
        if (levels[level].Count < HashTile.FullWidth)
        {
            return;
        }

        TileCoordinate coordinate = TileLayout.TileOf(level, TileLayout.Hashes(level, size) - 1, size);
        full.Add(new HashTile(coordinate, [.. levels[level]]));
        levels[level].Clear();
        Add(levels, level + 1, HashTile.PerfectRoot(full[^1].Hashes.AsSpan()), size, full);
    }
}

/// <summary>A tree that grew.</summary>
/// <param name="After">Its right edge now.</param>
/// <param name="Written">The tiles that are new, from level 0 upwards.</param>
public sealed record TileGrowth(TileFrontier After, ImmutableArray<HashTile> Written);
