// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Audit;

/// <summary>The one step of a log's writer, without I/O: a batch of entries in, files and a checkpoint to sign out (audit-log, section 3.1).</summary>
/// <remarks>
/// The step is a function of state and batch, so a writer that crashed anywhere repeats it with the batch of the record and
/// meets only files that it wrote itself. A host carries it out in this order:
/// <list type="number">
/// <item>Read the largest archived size s, bring the head up to it, and take the record of batch s if there is one (<see cref="ReadRecord"/>).</item>
/// <item>Else admit a batch (<see cref="EntryAdmission"/>) and create its record; where one exists, start again.</item>
/// <item>Create <see cref="LogStep.Files"/> in order; what exists must be the same (<see cref="LogWrite.RequireSame"/>).</item>
/// <item><see cref="LogStep.Prepare"/> checks the growth against the last signed checkpoint. Sign what it returns, never anything else.</item>
/// <item>Create the archived checkpoint (<see cref="LogStep.Seal"/>); where one exists, <see cref="SealedCheckpoint.Reconcile"/> decides.</item>
/// <item>Overwrite the head under its ETag, then acknowledge the batch.</item>
/// </list>
/// </remarks>
public static class LogSequencer
{
    /// <summary>The most entries in a batch.</summary>
    public const int MaxBatchEntries = 256;

    /// <summary>The longest time that an entry waits for others.</summary>
    public static readonly TimeSpan MaxBatchAge = TimeSpan.FromSeconds(10);

    /// <summary>Computes a step.</summary>
    /// <param name="state">The state at the last signed checkpoint.</param>
    /// <param name="batch">1 to 256 entries, in order.</param>
    /// <param name="begun">Entries of earlier batches that have a record and no checkpoint: the key that had to sign them was lost, and its successor signs them together with the batch.</param>
    /// <exception cref="Errors.FedCloudException">An entry is malformed, or <c>entry_sequence</c>.</exception>
    public static LogStep Step(LogState state, IReadOnlyCollection<byte[]> batch, IReadOnlyCollection<byte[]>? begun = null)
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(batch);
        if (batch.Count is 0 or > MaxBatchEntries)
        {
            throw new ArgumentException("a batch has 1 to 256 entries", nameof(batch));
        }

        byte[][] added = [.. begun ?? [], .. batch];
        (LogState after, ImmutableArray<HashTile> tiles) = state.Append(added);
        byte[][] open = [.. state.Tail, .. added];
        long first = state.Size - state.Tail.Length;
        IEnumerable<LogWrite> bundles = TileLayout.NewBundles(state.Size, after.Size)
            .Select(bundle => new LogWrite(LogContainer.Log, bundle.Path, EntryBundle.Write(open[(int)(bundle.FirstEntry - first)..][..bundle.Width])));
        return new LogStep(state, after, tiles)
        {
            Record = new LogWrite(LogContainer.LogHead, LogPaths.Batch(after.Size - batch.Count), EntryBundle.Write(batch)),
            Files = [.. bundles, .. tiles.Select(tile => new LogWrite(LogContainer.Log, tile.Coordinate.Path, tile.ToBytes()))],
        };
    }

    /// <summary>The entries of a batch record.</summary>
    /// <exception cref="Errors.FedCloudException"><c>bundle_malformed</c>.</exception>
    public static ImmutableArray<byte[]> ReadRecord(ReadOnlySpan<byte> record) => EntryBundle.Read(record);
}
