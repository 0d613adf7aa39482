// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>Where a bundle of entries lies: <c>tile/entries/&lt;index&gt;[.p/&lt;width&gt;]</c> (C2SP tlog-tiles).</summary>
/// <param name="Index">The bundle's number.</param>
/// <param name="Width">The number of entries, 1 to 256; below 256 the bundle is partial.</param>
public readonly record struct BundleCoordinate(long Index, int Width)
{
    private const string Root = "tile/entries/";

    /// <summary>The index of the bundle's first entry in the log.</summary>
    public long FirstEntry => Index * HashTile.FullWidth;

    /// <summary>The path.</summary>
    public string Path => Root + TilePath.Encode(Index, Width);

    /// <summary>Reads a path; only the one canonical spelling is taken.</summary>
    public static bool TryParse(string path, out BundleCoordinate bundle)
    {
        ArgumentNullException.ThrowIfNull(path);
        bundle = default;
        if (!path.StartsWith(Root, StringComparison.Ordinal) || !TilePath.TryDecode(path[Root.Length..], out long index, out int width))
        {
            return false;
        }

        bundle = new BundleCoordinate(index, width);
        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Path;
}
