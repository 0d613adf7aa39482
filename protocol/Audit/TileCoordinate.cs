// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Protocol.Audit;

/// <summary>Where a tile of hashes lies: <c>tile/&lt;level&gt;/&lt;index&gt;[.p/&lt;width&gt;]</c> (C2SP tlog-tiles).</summary>
/// <param name="Level">The level, 0 to 63; level 0 holds leaf hashes.</param>
/// <param name="Index">The tile's number within its level.</param>
/// <param name="Width">The number of hashes, 1 to 256; below 256 the tile is partial.</param>
public readonly record struct TileCoordinate(int Level, long Index, int Width)
{
    /// <summary>The highest level that a path may name.</summary>
    public const int MaxLevel = 63;

    private const string Root = "tile/";

    /// <summary>Whether the tile has all its 256 hashes.</summary>
    public bool IsFull => Width == HashTile.FullWidth;

    /// <summary>The path.</summary>
    public string Path => string.Create(CultureInfo.InvariantCulture, $"{Root}{Level}/{TilePath.Encode(Index, Width)}");

    /// <summary>Reads a path; only the one canonical spelling is taken.</summary>
    public static bool TryParse(string path, out TileCoordinate tile)
    {
        ArgumentNullException.ThrowIfNull(path);
        tile = default;
        string[] parts = path.Split('/', 3);
        if (parts.Length != 3
            || !int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int level) || level > MaxLevel
            || !TilePath.TryDecode(parts[2], out long index, out int width))
        {
            return false;
        }

        tile = new TileCoordinate(level, index, width);
        return string.Equals(tile.Path, path, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public override string ToString() => Path;
}
