// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.IO.Compression;

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>Packs evidence.</summary>
public static class EvidenceZip
{
    // No clock: the same evidence gives the same bytes.
    private static readonly DateTimeOffset Epoch = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    /// <summary>Writes all files of a source.</summary>
    /// <param name="source">The evidence.</param>
    /// <param name="target">Takes the zip, from its beginning; it can be read and written anywhere, and stays open.</param>
    /// <param name="cancellation">Stops it.</param>
    public static async Task WriteAsync(IEvidenceSource source, Stream target, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(source);
        using (ZipArchive zip = new(target, ZipArchiveMode.Create, leaveOpen: true) { Comment = ZipSeal.Placeholder })
        {
            await WriteAsync(source, zip, cancellation);
        }

        ZipSeal.Write(target);
    }

    private static async Task WriteAsync(IEvidenceSource source, ZipArchive zip, CancellationToken cancellation)
    {
        foreach (EvidenceFile file in (await source.ListAsync(cancellation)).OrderBy(file => file.Path, StringComparer.Ordinal))
        {
            // Masked words are as random as any cipher's: nothing packs them.
            bool isMasked = EvidenceLayout.TryParse(file.Path, out EvidenceKind kind) && kind == EvidenceKind.Vector;
            ZipArchiveEntry entry = zip.CreateEntry(file.Path, isMasked ? CompressionLevel.NoCompression : CompressionLevel.Optimal);
            entry.LastWriteTime = Epoch;
            await using Stream from = await source.OpenAsync(file, cancellation);
            await using Stream to = await entry.OpenAsync(cancellation);
            await from.CopyToAsync(to, cancellation);
        }
    }
}
