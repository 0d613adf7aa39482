// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Keys;

/// <summary>Files that only their owner may read.</summary>
public static class PrivateFile
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file whole or not at all, with mode 0600 from its first byte, in place of one that may be there.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = WriteBeside(path, bytes);
        Place(temporary, path, overwrite: true);
    }

    /// <summary>Writes a file whole or not at all, with mode 0600, unless there is one; of several processes one wins.</summary>
    /// <returns>False when there is one.</returns>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static bool WriteIfAbsent(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = WriteBeside(path, bytes);
        return Place(temporary, path, overwrite: false);
    }

    /// <summary>Reads a file that only its owner may read.</summary>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c> or <c>file_missing</c>.</exception>
    public static byte[] Read(string path)
    {
        try
        {
            using FileStream stream = File.OpenRead(path);

            // Of the open file, so that nobody exchanges it in between.
            if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(stream.SafeFileHandle) & ~Mode) != UnixFileMode.None)
            {
                throw new FedCloudException(ErrorCodes.KeyFilePermissions, $"expected mode 0600 on {Path.GetFileName(path)}, found a wider one");
            }

            byte[] bytes = new byte[stream.Length];
            stream.ReadExactly(bytes);
            return bytes;
        }
        catch (Exception error) when (error is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected the file {Path.GetFileName(path)}, found none", cause: error);
        }
    }

    private static string WriteBeside(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = $"{path}.{Guid.NewGuid():N}.tmp";
        try
        {
            FileStreamOptions options = new() { Mode = FileMode.CreateNew, Access = FileAccess.Write, Share = FileShare.None };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = Mode;
            }

            using FileStream stream = new(temporary, options);
            stream.Write(bytes);
            stream.Flush(flushToDisk: true);
            return temporary;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Remove(temporary);
            throw NotWritten(path, error);
        }
    }

    private static bool Place(string temporary, string path, bool overwrite)
    {
        try
        {
            // Without overwriting this is link and unlink, of which the first fails where there is a file.
            File.Move(temporary, path, overwrite);
            PrivateFolder.Flush(Path.GetDirectoryName(Path.GetFullPath(path)));
            return true;
        }
        catch (IOException) when (!overwrite && File.Exists(path))
        {
            File.Delete(temporary);
            return false;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            Remove(temporary);
            throw NotWritten(path, error);
        }
    }

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error says what happened; what is left is for its owner only, too.
        }
    }

    private static FedCloudException NotWritten(string path, Exception error) =>
        new(ErrorCodes.DiskFull, $"{Path.GetFileName(path)} could not be written: {error.Message}", cause: error);
}
