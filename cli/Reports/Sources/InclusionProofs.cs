// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Reports.Sources;

/// <summary>Makes inclusion proofs out of the evidence's tiles, towards one checkpoint.</summary>
/// <param name="files">The evidence.</param>
/// <param name="checkpoint">The checkpoint.</param>
/// <param name="note">The same with its signature lines.</param>
internal sealed class InclusionProofs(EvidenceInventory files, Checkpoint checkpoint, SignedNote note)
{
    private readonly Dictionary<TileCoordinate, byte[]> _tiles = [];

    /// <summary>The proof of an entry; null where the tiles are missing or give none that verifies, as in spoiled evidence.</summary>
    public async Task<TlogProof?> OfAsync(LoggedRecord record, CancellationToken cancellation)
    {
        if (record.Index >= checkpoint.Size)
        {
            return null;
        }

        foreach (TileCoordinate tile in TileLayout.ForInclusion(record.Index, checkpoint.Size).Where(tile => !_tiles.ContainsKey(tile)))
        {
            if (await files.ReadAsync(EvidenceLayout.Of(LogContainer.Log, tile.Path), cancellation) is not { } bytes)
            {
                return null;
            }

            _tiles.Add(tile, bytes);
        }

        return TryMake(record);
    }

    private TlogProof? TryMake(LoggedRecord record)
    {
        try
        {
            TlogProof proof = new()
            {
                Index = record.Index,
                Hashes = MerkleProof.Inclusion(record.Index, checkpoint.Size, TiledNodes.Over(checkpoint.Size, tile => _tiles[tile])),
                Note = note,
            };
            return MerkleProof.VerifyInclusion(record.Leaf, proof.Index, checkpoint.Size, proof.Hashes, checkpoint.Root) ? proof : null;
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.TileMalformed)
        {
            return null;
        }
    }
}
