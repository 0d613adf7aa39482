// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.Versioning;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.SiloAgent.SecureAggregation;
using Xunit;

namespace FedCloud.SiloAgent.Tests.SecureAggregation;

/// <summary>The token in volatile storage; where there is no tmpfs (not Linux) every start is discontinuous.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class StartTokenTests : IDisposable
{
    private readonly string _folder = Directory.CreateDirectory(Path.Combine(HasTmpfs ? "/dev/shm" : Path.GetTempPath(), "fedcloud-test-" + Guid.NewGuid().ToString("N"))).FullName;

    private static bool HasTmpfs => OperatingSystem.IsLinux() && Directory.Exists("/dev/shm");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Matches_ProcessStartedAgain_IsTrueUntilRenewed()
    {
        Sha256Digest first = Of("/home/a").Renew();

        Assert.Equal(HasTmpfs, Of("/home/a").Matches(first));
        Assert.Equal(HasTmpfs, Of("/home/../home/a").Matches(first));

        Sha256Digest second = Of("/home/a").Renew();

        Assert.False(Of("/home/a").Matches(first));
        Assert.Equal(HasTmpfs, Of("/home/a").Matches(second));
    }

    [Fact]
    public void Matches_NothingJournaledOrRebooted_IsFalse()
    {
        Sha256Digest digest = Of("/home/a").Renew();

        Assert.False(Of("/home/a").Matches(null));
        Assert.False(Of("/home/a").Matches(Sha256Digest.Zero));
        Directory.GetFiles(_folder).ToList().ForEach(File.Delete);
        Assert.False(Of("/home/a").Matches(digest));
    }

    [Fact]
    public void Matches_HomeCopiedElsewhere_IsFalse()
    {
        Sha256Digest digest = Of("/home/a").Renew();

        Assert.False(Of("/home/b").Matches(digest));
    }

    [Fact]
    public void Matches_NoTmpfs_IsFalse()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        bool isTmpfs = OperatingSystem.IsLinux() && string.Equals(new DriveInfo(folder).DriveFormat, "tmpfs", StringComparison.Ordinal);
        StartToken none = new("/home/a", ["/proc", Path.Combine(_folder, "absent")]);
        StartToken onDisk = new("/home/a", [folder]);

        Assert.False(none.Matches(none.Renew()));
        Assert.Equal(isTmpfs, onDisk.Matches(onDisk.Renew()));
        Assert.Equal(isTmpfs ? 1 : 0, Directory.GetFiles(folder).Length);
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Matches_FirstFolderNotOnTmpfs_UsesTheNext()
    {
        StartToken token = new("/home/a", ["/proc", _folder]);

        Assert.Equal(HasTmpfs, token.Matches(token.Renew()));
    }

    [Fact]
    public void Matches_FileOpenToOthersOrLinked_IsFalse()
    {
        if (!HasTmpfs)
        {
            return;
        }

        Sha256Digest digest = Of("/home/a").Renew();
        string path = Assert.Single(Directory.GetFiles(_folder));
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.False(Of("/home/a").Matches(digest));

        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        Assert.True(Of("/home/a").Matches(digest));

        File.Move(path, path + ".moved");
        File.CreateSymbolicLink(path, path + ".moved");
        Assert.False(Of("/home/a").Matches(digest));
    }

    [Fact]
    public void Renew_FileMade_IsForItsOwnerOnlyAndHoldsNotTheDigest()
    {
        if (!HasTmpfs)
        {
            return;
        }

        Sha256Digest digest = Of("/home/a").Renew();
        string path = Assert.Single(Directory.GetFiles(_folder));

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
        Assert.Equal(digest.ToBytes(), SHA256.HashData(File.ReadAllBytes(path)));
        Assert.DoesNotContain("home", Path.GetFileName(path), StringComparison.Ordinal);
    }

    private StartToken Of(string home) => new(home, [_folder]);
}
