// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>What one batch makes of a log; see <see cref="LogSequencer"/> for the order in which a host carries it out.</summary>
public sealed class LogStep
{
    private readonly LogState _before;
    private readonly ImmutableArray<HashTile> _tiles;

    internal LogStep(LogState before, LogState after, ImmutableArray<HashTile> tiles)
    {
        _before = before;
        After = after;
        _tiles = tiles;
    }

    /// <summary>The state once the checkpoint is archived.</summary>
    public LogState After { get; }

    /// <summary>The fingerprints of the keys that sign the checkpoint.</summary>
    /// <param name="first">The log key of roster version 1.</param>
    /// <param name="lastSigned">The last archived checkpoint; null when there is none.</param>
    public ImmutableArray<Sha256Digest> Signers(Sha256Digest first, Checkpoint? lastSigned) => LogKeyChange.Signers(first, After.KeyChange, lastSigned?.Size ?? 0);

    /// <summary>The batch record, to create before anything else.</summary>
    public required LogWrite Record { get; init; }

    /// <summary>Bundles, then tiles from level 0 upwards, to create in this order.</summary>
    public required ImmutableArray<LogWrite> Files { get; init; }

    /// <summary>Checks that the new tree goes on from the last signed checkpoint. There is no other way to what is signed.</summary>
    /// <param name="lastSigned">The last archived checkpoint; null when there is none.</param>
    /// <returns>The checkpoint, and the 32-byte digest that the key vault signs: SHA-256 of its text.</returns>
    /// <exception cref="FedCloudException"><c>consistency_failed</c> or <c>checkpoint_origin</c>.</exception>
    public (Checkpoint Checkpoint, byte[] Digest) Prepare(Checkpoint? lastSigned)
    {
        if (lastSigned is null != (_before.Size == 0))
        {
            throw new FedCloudException(ErrorCodes.ConsistencyFailed, $"expected a signed checkpoint of size {_before.Size} before the batch, found {lastSigned?.Size.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? "none"}");
        }

        Checkpoint next = After.Checkpoint;
        if (lastSigned is not null)
        {
            RequireGrowth(lastSigned, next);
        }

        return (next, SHA256.HashData(Encoding.UTF8.GetBytes(next.ToText())));
    }

    /// <summary>Puts the checkpoint and its signatures together.</summary>
    /// <param name="signatures">The log's key, and during an overlap both keys, each with r‖s over the digest of <see cref="Prepare"/>.</param>
    /// <exception cref="FedCloudException"><c>note_signature_invalid</c>: a signature is not its key's.</exception>
    public SealedCheckpoint Seal(params IReadOnlyList<(NoteKey Key, byte[] Signature)> signatures)
    {
        ArgumentNullException.ThrowIfNull(signatures);
        SignedNote note = new(After.Checkpoint.ToText(), [.. signatures.Select(signed => new NoteSignature(signed.Key.Name, signed.Key.Id, EcdsaDer.FromP1363(signed.Signature)))]);
        note.Verify(signatures.Select(signed => signed.Key));
        return new SealedCheckpoint(note, After.Checkpoint);
    }

    private void RequireGrowth(Checkpoint lastSigned, Checkpoint next)
    {
        if (!string.Equals(lastSigned.Origin, next.Origin, StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.CheckpointOrigin, "the last signed checkpoint is of another log");
        }

        bool grows = lastSigned.Size == _before.Size
            && MerkleProof.VerifyConsistency(lastSigned.Size, next.Size, lastSigned.Root, next.Root, MerkleProof.Consistency(lastSigned.Size, next.Size, Nodes()));
        if (!grows)
        {
            throw new FedCloudException(ErrorCodes.ConsistencyFailed, $"the tree of size {next.Size} does not begin with the signed one of size {lastSigned.Size}");
        }
    }

    // The proof needs nodes at the right edge only: they lie in the new tiles, or in partial tiles that did not change.
    private MerkleNodes Nodes()
    {
        Dictionary<TileCoordinate, HashTile> tiles = _tiles.ToDictionary(tile => tile.Coordinate);
        return TiledNodes.Over(After.Size, coordinate =>
            (tiles.GetValueOrDefault(coordinate) ?? _before.Frontier.Partial(coordinate.Level) ?? throw new InvalidOperationException($"{coordinate} is not at the edge")).ToBytes());
    }
}
