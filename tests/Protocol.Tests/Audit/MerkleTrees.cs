// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Audit;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>Trees for tests.</summary>
internal static class MerkleTrees
{
    /// <summary>Entry i is the ASCII text <c>entry-i</c>.</summary>
    public static byte[][] Entries(int count) => [.. Enumerable.Range(0, count).Select(i => Encoding.ASCII.GetBytes($"entry-{i}"))];

    /// <summary>Nodes hashed anew from the entries by the naive tree.</summary>
    public static MerkleNodes NodesOf(byte[][] entries) => (level, index) =>
        MerkleHash.FromBytes(NaiveTree.Root(entries[(int)(index << level)..(int)((index + 1) << level)]));

    /// <summary>All files that a log has written when it grew through these sizes.</summary>
    public static Dictionary<string, byte[]> Files(byte[][] entries, params int[] sizes)
    {
        Dictionary<string, byte[]> files = new(StringComparer.Ordinal);
        TileFrontier frontier = TileFrontier.Empty;
        foreach (int size in sizes)
        {
            int before = (int)frontier.Size;
            TileGrowth growth = frontier.Append(entries[before..size].Select(entry => MerkleTree.HashLeaf(entry)));
            foreach (HashTile tile in growth.Written)
            {
                files.Add(tile.Coordinate.Path, tile.ToBytes());
            }

            foreach (BundleCoordinate bundle in TileLayout.NewBundles(before, size))
            {
                files.Add(bundle.Path, EntryBundle.Write(entries[(int)bundle.FirstEntry..][..bundle.Width]));
            }

            frontier = growth.After;
        }

        return files;
    }

    public static TileSource Source(IReadOnlyDictionary<string, byte[]> files) => tile => files[tile.Path];
}
