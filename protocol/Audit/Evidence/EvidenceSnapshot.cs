// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Enrolment;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>Which files of a growing log are those of one of its checkpoints.</summary>
public static class EvidenceSnapshot
{
    /// <summary>Whether a file belongs to the log of that size. The newest checkpoint does not: its archived copy takes its place.</summary>
    /// <param name="path">A path of the evidence layout.</param>
    /// <param name="size">The checkpoint's number of entries.</param>
    /// <param name="rosters">How many roster versions the entries name.</param>
    public static bool Holds(string path, long size, int rosters)
    {
        ArgumentNullException.ThrowIfNull(path);
        string inLog = path[(path.IndexOf('/', StringComparison.Ordinal) + 1)..];
        return EvidenceLayout.TryParse(path, out EvidenceKind kind) && kind switch
        {
            EvidenceKind.Tile => TileCoordinate.TryParse(inLog, out TileCoordinate tile) && (tile.Index * HashTile.FullWidth) + tile.Width <= Hashes(size, tile.Level),
            EvidenceKind.Bundle => BundleCoordinate.TryParse(inLog, out BundleCoordinate bundle) && bundle.FirstEntry + bundle.Width <= size,
            EvidenceKind.Archive => LogPaths.TryParseArchive(inLog, out long archived) && archived <= size,
            EvidenceKind.Cosigned => EvidenceLayout.CosignedIn(path)?.Size <= size,
            EvidenceKind.Batch => EvidenceLayout.BatchIndex(path) < size,
            EvidenceKind.Head => false,
            EvidenceKind.Roster => RosterBundle.VersionIn(path) <= rosters,
            _ => true,
        };
    }

    // Level L hashes full tiles of level L-1 only.
    private static long Hashes(long size, int level)
    {
        for (int i = 0; i < level; i++)
        {
            size /= HashTile.FullWidth;
        }

        return size;
    }
}
