// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>Shows that the machine has not been started anew, restored or cloned since the agent ran last (secure-aggregation, section 6, J7).</summary>
/// <remarks>
/// 32 random bytes, new at every start, in a file on tmpfs whose name is derived from the home's path. The journal keeps only their
/// SHA-256, so a journal alone cannot bring the file back. Wrong for snapshots that contain memory: they copy the file, too. Without a
/// tmpfs, or when anything about the file is not as expected, there is no match and every start is discontinuous.
/// </remarks>
public sealed class StartToken
{
    private const int TokenBytes = 32;

    private readonly ImmutableArray<string> _paths;

    /// <summary>The token of a home, in <c>$XDG_RUNTIME_DIR</c>, <c>/run/user/{uid}</c> or <c>/dev/shm</c>, of which those on tmpfs are used.</summary>
    /// <param name="home">The home folder.</param>
    /// <param name="folders">Other folders than these, for tests.</param>
    public StartToken(string home, IEnumerable<string>? folders = null)
    {
        string name = $"fedcloud-silo-{Sha256Digest.Of(Encoding.UTF8.GetBytes(Path.GetFullPath(home))).Hex}.token";
        _paths = OperatingSystem.IsLinux() ? [.. (folders ?? RuntimeFolders()).Where(IsVolatile).Select(folder => Path.Combine(folder, name))] : [];
    }

    /// <summary>Whether this start continues the one whose token the journal knows.</summary>
    /// <param name="journaled">The SHA-256 of the token, as <see cref="Renew"/> gave it; null when the journal has none.</param>
    public bool Matches(Sha256Digest? journaled) => journaled is { } digest && _paths.Any(path => Holds(path, digest));

    /// <summary>Replaces the token.</summary>
    /// <returns>The SHA-256 of the new one, for the journal. Without a tmpfs it is of bytes that are nowhere, and never matches.</returns>
    public Sha256Digest Renew()
    {
        byte[] token = RandomNumberGenerator.GetBytes(TokenBytes);
        _ = _paths.Any(path => TryWrite(path, token));
        return Sha256Digest.Of(token);
    }

    private static bool Holds(string path, Sha256Digest digest)
    {
        try
        {
            return IsOwn(path) && CryptographicOperations.FixedTimeEquals(SHA256.HashData(PrivateFile.Read(path)), digest.ToBytes());
        }
        catch (Exception error) when (error is FedCloudException or IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    // Where it cannot be written an older token may stay; the journal has the new digest, which that one does not match.
    private static bool TryWrite(string path, byte[] token)
    {
        try
        {
            PrivateFile.Write(path, token);
            return true;
        }
        catch (FedCloudException error) when (error.Code == ErrorCodes.DiskFull)
        {
            return false;
        }
    }

    private static IEnumerable<string> RuntimeFolders() =>
        ((string?[])[Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR"), string.Create(CultureInfo.InvariantCulture, $"/run/user/{EffectiveUser()}"), "/dev/shm"])
            .OfType<string>()
            .Where(Path.IsPathFullyQualified)
            .Distinct(StringComparer.Ordinal);

    private static bool IsVolatile(string folder) => Directory.Exists(folder) && string.Equals(new DriveInfo(folder).DriveFormat, "tmpfs", StringComparison.Ordinal);

    // A regular file of mode 0600 and of this user, and no link to one. In a folder with the sticky bit nobody else can exchange it after this.
    private static bool IsOwn(string path)
    {
        const int WorkingFolder = -100; // AT_FDCWD
        const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW
        const uint BasicStatus = 0x7FF; // STATX_BASIC_STATS
        const int UserAt = 20; // stx_uid in struct statx, which is the same on every architecture
        const int ModeAt = 28; // stx_mode
        const int RegularFile0600 = 0x8000 | 0x180;
        byte[] status = new byte[256];
        return Status(WorkingFolder, path, NoFollow, BasicStatus, status) == 0
            && BitConverter.ToUInt16(status, ModeAt) == RegularFile0600
            && BitConverter.ToUInt32(status, UserAt) == EffectiveUser();
    }

    [DllImport("libc", EntryPoint = "geteuid")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern uint EffectiveUser();

    [DllImport("libc", EntryPoint = "statx")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Status(int folder, [MarshalAs(UnmanagedType.LPUTF8Str)] string path, int flags, uint mask, [Out] byte[] status);
}
