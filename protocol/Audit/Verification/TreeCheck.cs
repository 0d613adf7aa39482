// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Computes the tree from the entries, and compares every tile, bundle, batch record and checkpoint with it (V2, V3).</summary>
/// <remarks>One pass, in memory that grows with the height of the tree only.</remarks>
internal sealed class TreeCheck
{
    private const string Tiles = "V2";
    private const string Checkpoints = "V3";

    private readonly EvidenceInventory _evidence;
    private readonly CheckpointFiles _checkpoints;
    private readonly Findings _findings;
    private readonly CompactRange _range = new();
    private readonly List<List<MerkleHash>> _levels = [];
    private readonly HashSet<string> _expected = new(StringComparer.Ordinal);
    private readonly Dictionary<(int Level, long Index), List<int>> _partialTiles = [];
    private readonly Dictionary<long, List<int>> _partialBundles = [];
    private readonly Queue<MerkleHash> _batch = [];
    private readonly List<(string Path, long End)> _batchEnds = [];
    private int _nextSize;

    public TreeCheck(EvidenceInventory evidence, CheckpointFiles checkpoints, Findings findings)
    {
        _evidence = evidence;
        _checkpoints = checkpoints;
        _findings = findings;
        ReadPartials();
    }

    /// <summary>Says which files are missing; the entries are not needed for it.</summary>
    public void CheckPresence()
    {
        bool full = IsFullCopy();
        long before = 0;
        foreach (long size in full ? _checkpoints.Sizes : [_checkpoints.Size])
        {
            Expect(before, size);
            before = size;
        }

        foreach (string path in _expected.Where(path => !_evidence.Has(path)))
        {
            _findings.AtFile(Tiles, ErrorCodes.LogFileMissing, path, "the checkpoints have this file, and it is missing");
        }
    }

    /// <summary>Takes the next bundle's leaves.</summary>
    public async Task AddAsync(BundleCoordinate bundle, byte[] bytes, IReadOnlyList<byte[]> entries, IReadOnlyList<MerkleHash> leaves, CancellationToken cancellation)
    {
        await CheckPartialBundlesAsync(bundle, bytes, entries, cancellation);
        foreach (MerkleHash leaf in leaves)
        {
            await CheckBatchAsync(leaf, cancellation);
            _range.Append(leaf);
            await AddAsync(level: 0, leaf, cancellation);
            CheckRoot();
        }
    }

    /// <summary>Compares the tiles at the right edge, and says which files are too many.</summary>
    /// <param name="replaced">Where the log's key was replaced: sizes between two checkpoints that the lost key did not sign any more, and a writer may have left files for.</param>
    /// <param name="cancellation">Stops it.</param>
    public async Task FinishAsync(IReadOnlyCollection<(long Before, long After)> replaced, CancellationToken cancellation)
    {
        for (int level = 0; level < _levels.Count; level++)
        {
            if (_levels[level].Count > 0)
            {
                await CheckTilesAsync(level, TileLayout.Hashes(level, _range.Size) / HashTile.FullWidth, _levels[level], cancellation);
            }
        }

        bool IsEnd(long size) => _checkpoints.Sizes.Contains(size) || replaced.Any(gap => gap.Before < size && size < gap.After);
        foreach ((string path, long end) in _batchEnds.Where(batch => !IsEnd(batch.End)))
        {
            _findings.AtFile(Tiles, ErrorCodes.TileMismatch, path, $"the batch ends at {end}, and no checkpoint has that size");
        }

        foreach (EvidenceFile file in _evidence.Of(EvidenceKind.Batch).Where(file => EvidenceLayout.BatchIndex(file.Path) is not { } first || (first != 0 && !IsEnd(first)) || first >= _range.Size))
        {
            _findings.AtFile(Tiles, ErrorCodes.LogFileUnexpected, file.Path, "no batch of the log begins there");
        }

        foreach ((long before, long after) in replaced)
        {
            for (long size = before + 1; size < after; size++)
            {
                Expect(before, size);
            }
        }

        foreach (EvidenceFile file in _evidence.Of(EvidenceKind.Tile).Concat(_evidence.Of(EvidenceKind.Bundle)).Where(file => !_expected.Contains(file.Path)))
        {
            _findings.AtFile(Tiles, ErrorCodes.LogFileUnexpected, file.Path, "no archived checkpoint has this file");
        }
    }

    private void Expect(long before, long size)
    {
        _expected.UnionWith(TileLayout.NewTiles(before, size).Select(tile => EvidenceLayout.Of(LogContainer.Log, tile.Path)));
        _expected.UnionWith(TileLayout.NewBundles(before, size).Select(bundle => EvidenceLayout.Of(LogContainer.Log, bundle.Path)));
    }

    private void ReadPartials()
    {
        foreach (EvidenceFile file in _evidence.Of(EvidenceKind.Tile))
        {
            if (TileCoordinate.TryParse(InLog(file.Path), out TileCoordinate tile) && !tile.IsFull)
            {
                Add(_partialTiles, (tile.Level, tile.Index), tile.Width);
            }
        }

        foreach (EvidenceFile file in _evidence.Of(EvidenceKind.Bundle))
        {
            if (BundleCoordinate.TryParse(InLog(file.Path), out BundleCoordinate bundle) && bundle.Width < HashTile.FullWidth)
            {
                Add(_partialBundles, bundle.Index, bundle.Width);
            }
        }
    }

    private static void Add<TKey>(Dictionary<TKey, List<int>> widths, TKey key, int width)
        where TKey : notnull
    {
        if (!widths.TryGetValue(key, out List<int>? of))
        {
            widths.Add(key, of = []);
        }

        of.Add(width);
    }

    private static string InLog(string path) => path["log/".Length..];

    // Superseded partial files are there all, or none: so a checkpoint that was removed from a full copy is missed.
    private bool IsFullCopy()
    {
        HashSet<string> newest =
        [
            .. TileLayout.Tiles(_checkpoints.Size).Select(tile => tile.Path),
            .. TileLayout.Bundles(_checkpoints.Size).Select(bundle => bundle.Path),
        ];
        return _partialTiles.Any(tiles => tiles.Value.Any(width => !newest.Contains(new TileCoordinate(tiles.Key.Level, tiles.Key.Index, width).Path)))
            || _partialBundles.Any(bundles => bundles.Value.Any(width => !newest.Contains(new BundleCoordinate(bundles.Key, width).Path)));
    }

    private async Task AddAsync(int level, MerkleHash hash, CancellationToken cancellation)
    {
        if (level == _levels.Count)
        {
            _levels.Add(new List<MerkleHash>(HashTile.FullWidth));
        }

        List<MerkleHash> tile = _levels[level];
        tile.Add(hash);
        if (tile.Count == HashTile.FullWidth)
        {
            await CheckTilesAsync(level, (TileLayout.Hashes(level, _range.Size) - 1) / HashTile.FullWidth, tile, cancellation);
            MerkleHash root = HashTile.PerfectRoot(System.Runtime.InteropServices.CollectionsMarshal.AsSpan(tile));
            tile.Clear();
            await AddAsync(level + 1, root, cancellation);
        }
    }

    private async Task CheckTilesAsync(int level, long index, List<MerkleHash> hashes, CancellationToken cancellation)
    {
        byte[] expected = new byte[hashes.Count * MerkleHash.Length];
        for (int i = 0; i < hashes.Count; i++)
        {
            hashes[i].WriteTo(expected.AsSpan(i * MerkleHash.Length));
        }

        IEnumerable<int> widths = _partialTiles.GetValueOrDefault((level, index)) ?? [];
        foreach (int width in widths.Append(HashTile.FullWidth).Where(width => width <= hashes.Count))
        {
            string path = EvidenceLayout.Of(LogContainer.Log, new TileCoordinate(level, index, width).Path);
            if (await _evidence.ReadAsync(path, cancellation) is { } bytes)
            {
                Compare(path, bytes, expected.AsSpan(0, width * MerkleHash.Length));
            }
        }
    }

    private async Task CheckPartialBundlesAsync(BundleCoordinate bundle, byte[] bytes, IReadOnlyList<byte[]> entries, CancellationToken cancellation)
    {
        foreach (int width in (_partialBundles.GetValueOrDefault(bundle.Index) ?? []).Where(width => width < bundle.Width))
        {
            string path = EvidenceLayout.Of(LogContainer.Log, new BundleCoordinate(bundle.Index, width).Path);
            byte[] partial = await _evidence.ReadAsync(path, cancellation) ?? [];
            Compare(path, partial, bytes.AsSpan(0, entries.Take(width).Sum(entry => 2 + entry.Length)));
        }
    }

    private void Compare(string path, ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> expected)
    {
        if (!bytes.SequenceEqual(expected))
        {
            _findings.AtFile(Tiles, ErrorCodes.TileMismatch, path, $"{bytes.Length} bytes that the entries do not give", $"{expected.Length} bytes as the entries give them");
        }
    }

    private async Task CheckBatchAsync(MerkleHash leaf, CancellationToken cancellation)
    {
        if (_evidence.Of(EvidenceKind.Batch).Count > 0 && await _evidence.ReadAsync(BatchPath(), cancellation) is { } record)
        {
            string path = BatchPath();
            _batch.Clear();
            _findings.Try(Tiles, path, () =>
            {
                foreach (byte[] entry in EntryBundle.Read(record))
                {
                    _batch.Enqueue(MerkleTree.HashLeaf(entry));
                }
            });
            _batchEnds.Add((path, _range.Size + _batch.Count));
        }

        if (_batch.TryDequeue(out MerkleHash recorded) && recorded != leaf)
        {
            _batch.Clear();
            _findings.AtEntry(Tiles, ErrorCodes.TileMismatch, _range.Size, "the batch record has another entry there");
        }
    }

    private string BatchPath() => EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Batch(_range.Size));

    private void CheckRoot()
    {
        if (_nextSize == _checkpoints.Sizes.Length || _checkpoints.Sizes[_nextSize] != _range.Size)
        {
            return;
        }

        _nextSize++;
        Checkpoint checkpoint = _checkpoints.At(_range.Size);
        MerkleHash root = _range.Root();
        if (root != checkpoint.Root)
        {
            _findings.AtFile(Checkpoints, ErrorCodes.RootMismatch, CheckpointFiles.PathOf(_range.Size), $"root {checkpoint.Root}", $"root {root}, as the entries give it");
        }
    }
}
