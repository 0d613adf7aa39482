// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.SiloAgent.Homes;

namespace FedCloud.SiloAgent.Audit;

/// <summary>Reads each entry of the log once, and proves all of them at once: the root over what was read is the checkpoint's.</summary>
public sealed class LogFollower
{
    private readonly SiloHome _home;
    private readonly LogFiles _files;

    /// <summary>Goes on where it stopped.</summary>
    public LogFollower(SiloHome home, LogFiles files)
    {
        _home = home;
        _files = files;
        Index = File.Exists(home.LogIndexPath) ? LogIndex.Parse(File.ReadAllBytes(home.LogIndexPath)) : LogIndex.Empty;
    }

    /// <summary>What was read so far.</summary>
    public LogIndex Index { get; private set; }

    /// <summary>Reads on to a checkpoint, without taking anything yet.</summary>
    /// <param name="checkpoint">The checkpoint.</param>
    /// <param name="afresh">Whether all entries are read, whatever was read before.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>root_mismatch</c>, <c>log_file_missing</c>, or a bundle or an entry is malformed.</exception>
    public async Task<LogIndex> ReadAsync(Checkpoint checkpoint, bool afresh, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(checkpoint);
        if (checkpoint.Size == Index.Size && !afresh)
        {
            return Index;
        }

        // An index that does not lead to the checkpoint is of another history, and worth nothing.
        return (Index.Size < checkpoint.Size && !afresh ? await ReadAsync(Index, checkpoint, cancellation) : null)
            ?? await ReadAsync(LogIndex.Empty, checkpoint, cancellation)
            ?? throw new FedCloudException(ErrorCodes.RootMismatch, $"the {checkpoint.Size} entries do not give the checkpoint's root");
    }

    /// <summary>Takes what was read up to a checkpoint that the witness has accepted since.</summary>
    public void Take(LogIndex index)
    {
        ArgumentNullException.ThrowIfNull(index);
        if (!ReferenceEquals(index, Index))
        {
            WholeFile.Write(_home.LogIndexPath, index.ToJson());
            Index = index;
        }
    }

    private async Task<LogIndex?> ReadAsync(LogIndex from, Checkpoint to, CancellationToken cancellation)
    {
        LogIndex index = from;
        CompactRange range = from.Range();
        foreach (BundleCoordinate bundle in TileLayout.NewBundles(from.Size, to.Size))
        {
            foreach (byte[] entry in EntryBundle.Read(await _files.BundleAsync(bundle, cancellation), bundle.Width).Skip((int)(index.Size - bundle.FirstEntry)))
            {
                range.Append(MerkleTree.HashLeaf(entry));
                index = index.With(_home.Invitation.SiloId, LogEntry.Parse(entry));
            }
        }

        return range.Root() == to.Root ? index with { Peaks = [.. range.Peaks.Select(peak => peak.ToBase64())] } : null;
    }
}
