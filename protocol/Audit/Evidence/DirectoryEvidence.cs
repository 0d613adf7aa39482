// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>An evidence bundle in a folder. Links are refused: they could lead out of it.</summary>
/// <param name="folder">The folder.</param>
public sealed class DirectoryEvidence(string folder) : IEvidenceSource
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<EvidenceFile>> ListAsync(CancellationToken cancellation)
    {
        string root = Path.GetFullPath(folder);
        List<EvidenceFile> files = [];
        try
        {
            foreach (FileSystemInfo entry in new DirectoryInfo(root).EnumerateFileSystemInfos("*", new EnumerationOptions { RecurseSubdirectories = true, AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false }))
            {
                cancellation.ThrowIfCancellationRequested();
                string path = Path.GetRelativePath(root, entry.FullName).Replace(Path.DirectorySeparatorChar, '/');
                if (entry.LinkTarget is not null)
                {
                    throw EvidenceInventory.Unusable($"expected plain files, found the link '{EvidenceInventory.Printable(path)}'");
                }

                if (entry is FileInfo file)
                {
                    files.Add(new EvidenceFile(path, file.Length));
                }
            }
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw EvidenceInventory.Unusable("expected a folder that can be read, found another", error);
        }

        return new(files);
    }

    /// <inheritdoc/>
    public ValueTask<Stream> OpenAsync(EvidenceFile file, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(file);
        try
        {
            return new(new FileStream(Path.Combine(folder, file.Path), FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw EvidenceInventory.Unusable($"{file.Path} cannot be read", error);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
