// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.IO.Compression;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Evidence;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>An evidence bundle in memory.</summary>
internal sealed class MemoryEvidence : IEvidenceSource
{
    public SortedDictionary<string, byte[]> Files { get; } = new(StringComparer.Ordinal);

    public ValueTask<IReadOnlyList<EvidenceFile>> ListAsync(CancellationToken cancellation) =>
        new([.. Files.Select(file => new EvidenceFile(file.Key, file.Value.Length))]);

    public ValueTask<Stream> OpenAsync(EvidenceFile file, CancellationToken cancellation) => new(new MemoryStream(Files[file.Path], writable: false));

    public MemoryEvidence Copy()
    {
        MemoryEvidence copy = new();
        foreach ((string path, byte[] bytes) in Files)
        {
            copy.Files.Add(path, [.. bytes]);
        }

        return copy;
    }

    /// <summary>Takes out the partial tiles and bundles that larger ones superseded.</summary>
    public void Prune(long size)
    {
        HashSet<string> kept = [.. TileLayout.Tiles(size).Select(tile => "log/" + tile.Path), .. TileLayout.Bundles(size).Select(bundle => "log/" + bundle.Path)];
        foreach (string path in Files.Keys.Where(path => path.StartsWith("log/tile/", StringComparison.Ordinal) && !kept.Contains(path)).ToArray())
        {
            Files.Remove(path);
        }
    }

    public byte[] ToZip()
    {
        using MemoryStream stream = new();
        using (ZipArchive zip = new(stream, ZipArchiveMode.Create, leaveOpen: true))
        {
            foreach ((string path, byte[] bytes) in Files)
            {
                using Stream entry = zip.CreateEntry(path).Open();
                entry.Write(bytes);
            }
        }

        return stream.ToArray();
    }

    public void ToFolder(string folder)
    {
        foreach ((string path, byte[] bytes) in Files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.Combine(folder, path))!);
            File.WriteAllBytes(Path.Combine(folder, path), bytes);
        }
    }

    public void Dispose()
    {
    }
}
