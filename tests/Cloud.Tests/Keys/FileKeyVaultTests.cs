// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.Versioning;
using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Keys;

/// <summary>The vault in files.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class FileKeyVaultTests : KeyVaultConformance, IDisposable
{
    private readonly string _folder = Path.Combine(Path.GetTempPath(), "fedcloud-vault-" + Guid.NewGuid().ToString("N"));
    private readonly FileKeyVault _vault;

    public FileKeyVaultTests() => _vault = new FileKeyVault(_folder);

    protected override IKeyVault Vault => _vault;

    protected override string UnknownKid => "file:wrapping/0042-00000000";

    private string FirstKey => Path.Combine(_folder, "message", "0001.p8");

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Files_Made_AreForTheirOwnerOnly()
    {
        await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(FirstKey));
        Assert.All([_folder, Path.Combine(_folder, "message")], folder => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(folder)));
        Assert.Equal([FirstKey], Directory.GetFiles(_folder, "*", SearchOption.AllDirectories), StringComparer.Ordinal);
    }

    [Theory]
    [InlineData(UnixFileMode.GroupRead)]
    [InlineData(UnixFileMode.OtherRead)]
    [InlineData(UnixFileMode.OtherWrite)]
    public async Task Sign_FileOpenToOthers_IsRefused(UnixFileMode more)
    {
        KeyVersion key = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        File.SetUnixFileMode(FirstKey, File.GetUnixFileMode(FirstKey) | more);

        await FailsAsync(ErrorCodes.KeyFilePermissions, () => Vault.SignAsync(key.Kid, new byte[32], None));
        await FailsAsync(ErrorCodes.KeyFilePermissions, () => Vault.ListVersionsAsync("message", None));
    }

    [Fact]
    public void Open_FolderOpenToOthers_IsRefused()
    {
        File.SetUnixFileMode(_folder, File.GetUnixFileMode(_folder) | UnixFileMode.GroupExecute);

        FedCloudException error = Assert.Throws<FedCloudException>(() => new FileKeyVault(_folder));

        Assert.Equal(ErrorCodes.KeyFilePermissions, error.Code);
    }

    [Fact]
    public async Task Open_Again_FindsTheSameKeys()
    {
        KeyVersion key = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        KeyVersion again = await new FileKeyVault(_folder).EnsureAsync("message", KeyKind.EcP256, None);

        Assert.Matches("^file:message/0001-[0-9a-f]{8}$", key.Kid);
        Assert.Equal(key.Spki, again.Spki);
    }

    [Fact]
    public async Task Rotate_OlderFileDeleted_NeverOverwritesAVersion()
    {
        await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        KeyVersion second = await Vault.RotateAsync("message", None);
        File.Delete(FirstKey);

        KeyVersion third = await Vault.RotateAsync("message", None);

        Assert.StartsWith("file:message/0003-", third.Kid, StringComparison.Ordinal);
        Assert.Equal([second.Spki, third.Spki], (await Vault.ListVersionsAsync("message", None)).Select(version => version.Spki));
    }

    [Fact]
    public async Task Ensure_DisabledKeyDeleted_DoesNotUseItsNumberAgain()
    {
        KeyVersion first = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        await Vault.DisableAsync(first.Kid, None);
        File.Delete(FirstKey);

        Assert.StartsWith("file:message/0002-", (await Vault.EnsureAsync("message", KeyKind.EcP256, None)).Kid, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ensure_KeyLostWithoutATrace_ItsKidMeansNoOtherKey()
    {
        KeyVersion lost = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        File.Delete(FirstKey);

        KeyVersion next = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        Assert.NotEqual(lost.Kid, next.Kid);
        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.SignAsync(lost.Kid, new byte[32], None));
        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.DisableAsync(lost.Kid, None));
    }

    [Theory]
    [InlineData("damaged")]
    [InlineData("p384")]
    [InlineData("secp256k1")]
    [InlineData("rsa2048")]
    [InlineData("trailing")]
    public async Task Sign_FileWithAnotherKey_IsUnusable(string what)
    {
        KeyVersion key = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        byte[] other = what switch
        {
            "damaged" => RandomNumberGenerator.GetBytes(138),
            "p384" => ECDsa.Create(ECCurve.NamedCurves.nistP384).ExportPkcs8PrivateKey(),
            "secp256k1" => ECDsa.Create(ECCurve.CreateFromFriendlyName("secp256k1")).ExportPkcs8PrivateKey(),
            "rsa2048" => RSA.Create(2048).ExportPkcs8PrivateKey(),
            _ => [.. await File.ReadAllBytesAsync(FirstKey), 0],
        };
        await File.WriteAllBytesAsync(FirstKey, other);

        await FailsAsync(ErrorCodes.KeyUnusable, () => Vault.SignAsync(key.Kid, new byte[32], None));
    }

    [Theory]
    [InlineData("file:../message/0001-*")]
    [InlineData("file:message/../message/0001-*")]
    [InlineData("file:message/0001-*.p8")]
    [InlineData("file:message/0001")]
    [InlineData("file:message/0001-")]
    [InlineData("file:message/0001-00000000")]
    [InlineData("file:message/1-*")]
    [InlineData("message/0001-*")]
    [InlineData("FILE:message/0001-*")]
    [InlineData("file:message/0001_*")]
    [InlineData("file:message/٠٠٠١-*")]
    [InlineData("file:message/0001-*/")]
    public async Task Sign_KidOfAnotherForm_IsMissing(string form)
    {
        KeyVersion key = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        string kid = form.Replace("*", key.Kid[^8..], StringComparison.Ordinal);

        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.SignAsync(kid, new byte[32], None));
    }

    [Fact]
    public void PrivateFile_WriteIfAbsent_NeverReplaces()
    {
        string path = Path.Combine(_folder, "secret");

        Assert.True(PrivateFile.WriteIfAbsent(path, "first"u8));
        Assert.False(PrivateFile.WriteIfAbsent(path, "second"u8));
        Assert.Equal("first"u8.ToArray(), PrivateFile.Read(path));
        Assert.Equal([path], Directory.GetFiles(_folder), StringComparer.Ordinal);
    }

    [Fact]
    public void PrivateFile_Write_ReplacesAndNarrowsTheMode()
    {
        string path = Path.Combine(_folder, "invitation.json");
        File.WriteAllText(path, "old");
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.OtherRead);

        PrivateFile.Write(path, "new"u8);

        Assert.Equal("new"u8.ToArray(), PrivateFile.Read(path));
        Assert.Equal([path], Directory.GetFiles(_folder), StringComparer.Ordinal);
    }

    [Fact]
    public void PrivateFile_FolderMissing_SaysSo()
    {
        string path = Path.Combine(_folder, "nowhere", "secret");

        Assert.Equal(ErrorCodes.DiskFull, Assert.Throws<FedCloudException>(() => PrivateFile.Write(path, "x"u8)).Code);
        Assert.Equal(ErrorCodes.FileMissing, Assert.Throws<FedCloudException>(() => PrivateFile.Read(path)).Code);
    }
}
