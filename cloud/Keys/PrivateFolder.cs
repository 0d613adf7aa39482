// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Keys;

/// <summary>Folders that only their owner may enter.</summary>
/// <remarks>On Windows the folder's own access rules protect it; modes are not checked there.</remarks>
public static class PrivateFolder
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    /// <summary>Makes a folder with mode 0700 unless there is one, and refuses one that others may enter.</summary>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c>.</exception>
    public static void Make(string folder)
    {
        bool there = Directory.Exists(folder);
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        Directory.CreateDirectory(folder, Mode);
        if ((File.GetUnixFileMode(folder) & ~Mode) != UnixFileMode.None)
        {
            throw new FedCloudException(ErrorCodes.KeyFilePermissions, $"expected mode 0700 on the folder {Path.GetFileName(folder)}, found a wider one");
        }

        if (!there)
        {
            Flush(Path.GetDirectoryName(Path.GetFullPath(folder)));
        }
    }

    /// <summary>Brings a folder's names to the disk: what was made, renamed or deleted in it is so after a crash, too.</summary>
    /// <remarks>Where this cannot be had (Windows, some network folders) nothing happens; the files themselves are flushed all the same.</remarks>
    public static void Flush(string? folder)
    {
        if (folder is null || OperatingSystem.IsWindows())
        {
            return;
        }

        const int ReadOnly = 0;
        int descriptor = Open(folder, ReadOnly);
        if (descriptor >= 0)
        {
            _ = Sync(descriptor);
            _ = Close(descriptor);
        }
    }

    [DllImport("libc", EntryPoint = "open")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Open([MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags);

    [DllImport("libc", EntryPoint = "fsync")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Sync(int descriptor);

    [DllImport("libc", EntryPoint = "close")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Close(int descriptor);
}
