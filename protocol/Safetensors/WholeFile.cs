// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Safetensors;

/// <summary>Files that appear whole or not at all: written beside their place under the suffix <c>.tmp</c>, flushed to disk, renamed.</summary>
public static class WholeFile
{
    private const int PieceBytes = 1 << 16;

    /// <summary>Writes a file.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>: nothing of the file is left.</exception>
    public static void Write(string path, Action<FileStream> write)
    {
        string temporary = path + ".tmp";
        try
        {
            using (FileStream stream = Begin(temporary))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (Exception error)
        {
            Remove(temporary);
            if (IsOfTheDisk(error))
            {
                throw NotWritten(path, error);
            }

            throw;
        }
    }

    /// <summary>Writes these bytes.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static void Write(string path, ReadOnlyMemory<byte> bytes) => Write(path, stream => stream.Write(bytes.Span));

    /// <summary>Writes everything that a stream gives. Errors of the source are passed on as they are.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static async Task CopyAsync(Stream source, string path, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(source);
        string temporary = path + ".tmp";
        byte[] piece = new byte[PieceBytes];
        try
        {
            await using (FileStream stream = OnDisk(path, () => Begin(temporary)))
            {
                int read;
                while ((read = await source.ReadAsync(piece, cancellation)) > 0)
                {
                    OnDisk(path, () => stream.Write(piece, 0, read));
                }

                OnDisk(path, () => stream.Flush(flushToDisk: true));
            }

            OnDisk(path, () => File.Move(temporary, path, overwrite: true));
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    private static FileStream Begin(string path) => new(path, FileMode.Create, FileAccess.ReadWrite, FileShare.None);

    private static T OnDisk<T>(string path, Func<T> work)
    {
        try
        {
            return work();
        }
        catch (Exception error) when (IsOfTheDisk(error))
        {
            throw NotWritten(path, error);
        }
    }

    private static void OnDisk(string path, Action work) => OnDisk(path, () =>
    {
        work();
        return true;
    });

    private static bool IsOfTheDisk(Exception error) => error is IOException or UnauthorizedAccessException;

    private static FedCloudException NotWritten(string path, Exception error) =>
        new(ErrorCodes.DiskFull, $"{Path.GetFileName(path)} could not be written: {error.Message}", cause: error);

    private static void Remove(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (IsOfTheDisk(error))
        {
            // The first error says what happened; a leftover with the suffix .tmp is overwritten by the next attempt.
        }
    }
}
