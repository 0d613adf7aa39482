// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Coordinator.Audit;

/// <summary>Which code runs, as the log records it.</summary>
/// <remarks>
/// A digest over several files is that of their list as <c>sha256sum</c> prints it, in the order of the paths' bytes, so that everybody
/// who has the files can recompute it: <c>find . -type f | sed 's|^\./||' | LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum</c>.
/// </remarks>
/// <param name="Image">Over all files of the program's folder.</param>
/// <param name="Materials">Over the lists of its dependencies (<c>*.deps.json</c>).</param>
/// <param name="Code">Over our own assemblies (<c>FedCloud.*.dll</c>).</param>
public sealed record Deployment(Sha256Digest Image, Sha256Digest Materials, Sha256Digest Code)
{
    /// <summary>Reads the program's folder.</summary>
    public static Deployment Of(string folder)
    {
        SortedDictionary<string, Sha256Digest> files = new(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
        {
            using FileStream file = File.OpenRead(path);
            files.Add(Path.GetRelativePath(folder, path).Replace('\\', '/'), Sha256Digest.FromBytes(SHA256.HashData(file)));
        }

        return new Deployment(
            Over(files, static _ => true),
            Over(files, static path => path.EndsWith(".deps.json", StringComparison.Ordinal)),
            Over(files, static path => Path.GetFileName(path) is { } name && name.StartsWith("FedCloud.", StringComparison.Ordinal) && name.EndsWith(".dll", StringComparison.Ordinal)));
    }

    private static Sha256Digest Over(SortedDictionary<string, Sha256Digest> files, Func<string, bool> isOne) =>
        Sha256Digest.Of(Encoding.UTF8.GetBytes(string.Concat(files.Where(file => isOne(file.Key)).Select(file => $"{file.Value.Hex}  {file.Key}\n"))));
}
