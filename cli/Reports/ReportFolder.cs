// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Reports;

/// <summary>The folder of a report: written beside its place, and moved there when it is whole.</summary>
internal sealed class ReportFolder : IDisposable
{
    private readonly string _target;
    private bool _isWhole;

    private ReportFolder(string target, string draft)
    {
        _target = target;
        Draft = draft;
    }

    /// <summary>Where it is written first.</summary>
    public string Draft { get; }

    /// <summary>Begins a folder.</summary>
    /// <param name="target">Its place; nothing may be there but an empty folder.</param>
    /// <exception cref="FedCloudException"><c>report_folder_taken</c> or <c>disk_full</c>.</exception>
    public static ReportFolder Begin(string target)
    {
        string full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(target));
        RequireFree(full);
        string parent = Path.GetDirectoryName(full) ?? throw Taken(full);
        string draft = Path.Combine(parent, $".{Path.GetFileName(full)}.{RandomNumberGenerator.GetHexString(12, lowercase: true)}.part");
        try
        {
            Directory.CreateDirectory(draft);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(full, error);
        }

        return new ReportFolder(full, draft);
    }

    /// <summary>Writes files, and the sums of all that are there.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void Write(IReadOnlyDictionary<string, byte[]> files)
    {
        try
        {
            foreach ((string path, byte[] bytes) in files)
            {
                string place = Path.Combine(Draft, path);
                Directory.CreateDirectory(Path.GetDirectoryName(place) ?? Draft);
                File.WriteAllBytes(place, bytes);
            }

            File.WriteAllText(Path.Combine(Draft, ReportPaths.Sums), Sums(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(_target, error);
        }
    }

    /// <summary>Moves the folder to its place.</summary>
    /// <exception cref="FedCloudException"><c>report_folder_taken</c>: something came there meanwhile; <c>disk_full</c>.</exception>
    public void Commit()
    {
        RequireFree(_target);
        try
        {
            if (Directory.Exists(_target))
            {
                Directory.Delete(_target);
            }

            Directory.Move(Draft, _target);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw NotWritten(_target, error);
        }

        _isWhole = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!_isWhole && Directory.Exists(Draft))
        {
            Directory.Delete(Draft, recursive: true);
        }
    }

    private static void RequireFree(string target)
    {
        if (File.Exists(target) || (Directory.Exists(target) && Directory.EnumerateFileSystemEntries(target).Any()))
        {
            throw Taken(target);
        }
    }

    // The form of sha256sum: two spaces, the path from the folder.
    private string Sums()
    {
        StringBuilder sums = new();
        foreach (string path in Directory.EnumerateFiles(Draft, "*", SearchOption.AllDirectories).Select(file => Path.GetRelativePath(Draft, file).Replace(Path.DirectorySeparatorChar, '/')).Order(StringComparer.Ordinal))
        {
            using FileStream file = File.OpenRead(Path.Combine(Draft, path));
            sums.Append(Convert.ToHexStringLower(SHA256.HashData(file))).Append("  ").Append(path).Append('\n');
        }

        return sums.ToString();
    }

    private static FedCloudException Taken(string target) => new(ErrorCodes.ReportFolderTaken, $"expected an empty folder or none at {target}, found something else");

    private static FedCloudException NotWritten(string target, Exception cause) => new(ErrorCodes.DiskFull, $"{target} cannot be written", "check the path, its permissions and the free space", cause);
}
