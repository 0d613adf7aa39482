// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>The nodes of a tree, read out of its tiles.</summary>
public static class TiledNodes
{
    /// <summary>The nodes of the tree of <paramref name="size"/> entries. Each tile is read once.</summary>
    /// <remarks>The tiles are not checked against a root; a proof made from wrong tiles does not verify.</remarks>
    public static MerkleNodes Over(long size, TileSource tiles)
    {
        ArgumentNullException.ThrowIfNull(tiles);
        Dictionary<TileCoordinate, HashTile> read = [];
        return (level, index) =>
        {
            TileCoordinate coordinate = TileOf(level, index, size);
            if (!read.TryGetValue(coordinate, out HashTile? tile))
            {
                tile = HashTile.Parse(coordinate, tiles(coordinate).Span);
                read.Add(coordinate, tile);
            }

            int height = level % HashTile.Height;
            return tile.Subtree(height, (int)((index << height) % HashTile.FullWidth));
        };
    }

    /// <summary>The tile in which a node's hashes lie.</summary>
    internal static TileCoordinate TileOf(int level, long index, long size) =>
        TileLayout.TileOf(level / HashTile.Height, index << (level % HashTile.Height), size);
}
