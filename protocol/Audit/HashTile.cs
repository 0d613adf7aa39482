// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Numerics;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>A tile: up to 256 consecutive hashes of one level (C2SP tlog-tiles). It stands for a subtree of height 8.</summary>
public sealed class HashTile
{
    /// <summary>The number of hashes in a full tile.</summary>
    public const int FullWidth = 256;

    /// <summary>The height of the subtree under a full tile's root.</summary>
    public const int Height = 8;

    /// <summary>Makes a tile.</summary>
    /// <exception cref="ArgumentException">The number of hashes is not the coordinate's width.</exception>
    public HashTile(TileCoordinate coordinate, ImmutableArray<MerkleHash> hashes)
    {
        if (hashes.IsDefault || hashes.Length != coordinate.Width || hashes.Length is < 1 or > FullWidth)
        {
            throw new ArgumentException("a tile has as many hashes as its width says", nameof(hashes));
        }

        Coordinate = coordinate;
        Hashes = hashes;
    }

    /// <summary>Where the tile lies.</summary>
    public TileCoordinate Coordinate { get; }

    /// <summary>The hashes, in order.</summary>
    public ImmutableArray<MerkleHash> Hashes { get; }

    /// <summary>Reads a tile's bytes.</summary>
    /// <exception cref="FedCloudException"><c>tile_malformed</c>: the length is not 32 times the width.</exception>
    public static HashTile Parse(TileCoordinate coordinate, ReadOnlySpan<byte> bytes)
    {
        if (coordinate.Width is < 1 or > FullWidth || bytes.Length != coordinate.Width * MerkleHash.Length)
        {
            throw new FedCloudException(ErrorCodes.TileMalformed, $"{coordinate}: expected {coordinate.Width * MerkleHash.Length} bytes, found {bytes.Length}");
        }

        ImmutableArray<MerkleHash>.Builder hashes = ImmutableArray.CreateBuilder<MerkleHash>(coordinate.Width);
        for (int i = 0; i < coordinate.Width; i++)
        {
            hashes.Add(MerkleHash.FromBytes(bytes.Slice(i * MerkleHash.Length, MerkleHash.Length)));
        }

        return new HashTile(coordinate, hashes.MoveToImmutable());
    }

    /// <summary>The tile's bytes: 32 a hash.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Hashes.Length * MerkleHash.Length];
        for (int i = 0; i < Hashes.Length; i++)
        {
            Hashes[i].WriteTo(bytes.AsSpan(i * MerkleHash.Length));
        }

        return bytes;
    }

    /// <summary>The root of 2^<paramref name="height"/> hashes from <paramref name="first"/> on; both must lie inside the tile.</summary>
    public MerkleHash Subtree(int height, int first) => PerfectRoot(Hashes.AsSpan().Slice(first, 1 << height));

    /// <summary>The root of a full tile, which is a hash of the level above.</summary>
    internal static MerkleHash PerfectRoot(ReadOnlySpan<MerkleHash> hashes)
    {
        if (!BitOperations.IsPow2(hashes.Length))
        {
            throw new ArgumentException("a perfect subtree has a power of two of hashes", nameof(hashes));
        }

        MerkleHash[] level = hashes.ToArray();
        for (int count = level.Length; count > 1; count /= 2)
        {
            for (int i = 0; i < count; i += 2)
            {
                level[i / 2] = MerkleTree.HashNode(level[i], level[i + 1]);
            }
        }

        return level[0];
    }
}
