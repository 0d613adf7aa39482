// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>The entries of an evidence bundle as they are logged, for people to read. Nothing is verified.</summary>
public static class EvidenceEntries
{
    /// <summary>Reads all entries up to the newest checkpoint, in order.</summary>
    /// <exception cref="FedCloudException"><c>evidence_unusable</c>, <c>log_file_missing</c>, <c>bundle_malformed</c>, or the checkpoint is malformed.</exception>
    public static async IAsyncEnumerable<(long Index, byte[] Bytes)> ReadAsync(IEvidenceSource source, [EnumeratorCancellation] CancellationToken cancellation)
    {
        EvidenceInventory evidence = await EvidenceInventory.ReadAsync(source, cancellation);
        byte[] head = await RequireAsync(evidence, EvidenceLayout.Of(LogContainer.LogHead, LogPaths.Head), cancellation);
        long size = Checkpoint.Parse(SignedNote.Parse(head).Text).Size;
        foreach (BundleCoordinate bundle in TileLayout.Bundles(size))
        {
            byte[] bytes = await RequireAsync(evidence, EvidenceLayout.Of(LogContainer.Log, bundle.Path), cancellation);
            long index = bundle.FirstEntry;
            foreach (byte[] entry in EntryBundle.Read(bytes, bundle.Width))
            {
                yield return (index++, entry);
            }
        }
    }

    private static async ValueTask<byte[]> RequireAsync(EvidenceInventory evidence, string path, CancellationToken cancellation) =>
        await evidence.ReadAsync(path, cancellation) ?? throw new FedCloudException(ErrorCodes.LogFileMissing, $"{path} is missing");
}
