// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Keys;

/// <summary>What every key vault does.</summary>
public abstract class KeyVaultConformance
{
    protected abstract IKeyVault Open();

    [Fact]
    public async Task Sign_Digest_VerifiesWithThePublicKey()
    {
        IKeyVault vault = Open();
        KeyVersion key = await vault.EnsureAsync("signing", KeyKind.EcP256, default);
        byte[] digest = SHA256.HashData([1, 2, 3]);

        byte[] signature = await vault.SignAsync(key.Kid, digest, default);

        using ECDsa verifier = ECDsa.Create();
        verifier.ImportSubjectPublicKeyInfo(key.Spki, out _);
        Assert.True(verifier.VerifyHash(digest, signature, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
        Assert.Equal(key.Kid, (await vault.EnsureAsync("signing", KeyKind.EcP256, default)).Kid);
    }

    [Fact]
    public async Task Rotate_WrappingKey_OldVersionUnwrapsUntilDisabled()
    {
        IKeyVault vault = Open();
        KeyVersion first = await vault.EnsureAsync("wrapping", KeyKind.Rsa3072, default);
        using RSA rsa = RSA.Create();
        rsa.ImportSubjectPublicKeyInfo(first.Spki, out _);
        byte[] wrapped = rsa.Encrypt([9, 9], RSAEncryptionPadding.OaepSHA256);

        KeyVersion second = await vault.RotateAsync("wrapping", default);

        Assert.NotEqual(first.Kid, second.Kid);
        Assert.Equal(2, (await vault.ListVersionsAsync("wrapping", default)).Count);
        Assert.Equal([9, 9], await vault.UnwrapAsync(first.Kid, wrapped, default));
        Assert.Equal(ErrorCodes.EnvelopeTampered, (await Assert.ThrowsAsync<FedCloudException>(() => vault.UnwrapAsync(second.Kid, wrapped, default))).Code);
        await vault.DisableAsync(first.Kid, default);
        Assert.Equal(ErrorCodes.KeyRetired, (await Assert.ThrowsAsync<FedCloudException>(() => vault.UnwrapAsync(first.Kid, wrapped, default))).Code);
    }

    [Fact]
    public async Task Unwrap_UnknownVersion_IsRetired()
    {
        IKeyVault vault = Open();

        foreach (string kid in (string[])["file:wrapping/0009", "file:../x/0001", "other", "file:wrapping/../0001"])
        {
            Assert.Equal(ErrorCodes.KeyRetired, (await Assert.ThrowsAsync<FedCloudException>(() => vault.UnwrapAsync(kid, new byte[384], default))).Code);
        }
    }
}

/// <summary>The vault in files.</summary>
public sealed class FileKeyVaultTests : KeyVaultConformance
{
    private readonly string _folder = Path.Combine(Directory.CreateTempSubdirectory("vault").FullName, "keys");

    protected override IKeyVault Open() => new FileKeyVault(_folder);

    [Fact]
    public async Task Files_AreReadableByTheirOwnerOnly()
    {
        if (OperatingSystem.IsWindows())
        {
            return; // there, the folder's access list protects the files
        }

        FileKeyVault vault = new(_folder);
        KeyVersion key = await vault.EnsureAsync("signing", KeyKind.EcP256, default);
        string file = Directory.GetFiles(_folder, "*.p8", SearchOption.AllDirectories).Single();

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Equal(ErrorCodes.KeyFilePermissions, (await Assert.ThrowsAsync<FedCloudException>(() => vault.SignAsync(key.Kid, new byte[32], default))).Code);
    }
}
