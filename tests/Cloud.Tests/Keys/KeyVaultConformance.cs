// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Keys;

/// <summary>What every key vault does. A derived class says which vault it is.</summary>
public abstract class KeyVaultConformance
{
    protected static readonly CancellationToken None = CancellationToken.None;

    protected abstract IKeyVault Vault { get; }

    /// <summary>A kid of the vault's own form that names no version.</summary>
    protected abstract string UnknownKid { get; }

    [Fact]
    public async Task Ensure_Twice_IsTheSameVersion()
    {
        KeyVersion first = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        KeyVersion second = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        Assert.Equal(first.Kid, second.Kid);
        Assert.Equal(first.Spki, second.Spki);
        Assert.Equal(("message", KeyKind.EcP256, true), (second.Name, second.Kind, second.Enabled));
    }

    [Fact]
    public async Task Ensure_OtherKind_IsRefused()
    {
        await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        await FailsAsync(ErrorCodes.KeyUnusable, () => Vault.EnsureAsync("message", KeyKind.Rsa3072, None));
    }

    [Fact]
    public async Task Ensure_ManyAtOnce_MakesOneVersion()
    {
        KeyVersion[] versions = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => Vault.EnsureAsync("message", KeyKind.EcP256, None))));

        Assert.Single(versions.Select(version => version.Kid).Distinct(StringComparer.Ordinal));
        Assert.Single(await Vault.ListVersionsAsync("message", None));
    }

    [Theory]
    [InlineData("../other")]
    [InlineData("Message")]
    [InlineData("a/b")]
    [InlineData("")]
    [InlineData("..")]
    public async Task Ensure_MalformedName_IsRefused(string name)
    {
        await FailsAsync(ErrorCodes.IdMalformed, () => Vault.EnsureAsync(name, KeyKind.EcP256, None));
    }

    [Fact]
    public async Task ListVersions_UnknownKey_IsEmpty()
    {
        Assert.Empty(await Vault.ListVersionsAsync("nothing", None));
    }

    [Fact]
    public async Task Rotate_Key_MakesANewerVersionAndKeepsTheOld()
    {
        KeyVersion first = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        KeyVersion second = await Vault.RotateAsync("message", None);

        Assert.NotEqual(first.Kid, second.Kid, StringComparer.Ordinal);
        Assert.NotEqual(first.Spki, second.Spki);
        Assert.Equal([first.Kid, second.Kid], (await Vault.ListVersionsAsync("message", None)).Select(version => version.Kid), StringComparer.Ordinal);
        Assert.Equal(second.Kid, (await Vault.EnsureAsync("message", KeyKind.EcP256, None)).Kid);
        Assert.Equal(64, (await Vault.SignAsync(first.Kid, new byte[32], None)).Length);
    }

    [Fact]
    public async Task Rotate_UnknownKey_IsMissing()
    {
        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.RotateAsync("nothing", None));
    }

    [Fact]
    public async Task Sign_Digest_VerifiesWithThePublicKeyOfThatVersion()
    {
        KeyVersion first = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        KeyVersion second = await Vault.RotateAsync("message", None);
        byte[] digest = SHA256.HashData("signed"u8);

        byte[] signature = await Vault.SignAsync(first.Kid, digest, None);

        Assert.Equal(64, signature.Length);
        Assert.True(Verifies(first, digest, signature));
        Assert.False(Verifies(second, digest, signature));
    }

    [Theory]
    [InlineData(31)]
    [InlineData(64)]
    public async Task Sign_NotASha256Digest_Throws(int length)
    {
        KeyVersion key = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        await Assert.ThrowsAnyAsync<ArgumentException>(() => Vault.SignAsync(key.Kid, new byte[length], None));
    }

    [Fact]
    public async Task Sign_WrappingKey_IsRefused()
    {
        KeyVersion key = await Vault.EnsureAsync("wrapping", KeyKind.Rsa3072, None);

        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.SignAsync(key.Kid, new byte[32], None));
    }

    [Fact]
    public async Task Unwrap_DataKey_NeedsExactlyTheVersionInTheKid()
    {
        KeyVersion first = await Vault.EnsureAsync("wrapping", KeyKind.Rsa3072, None);
        KeyVersion second = await Vault.RotateAsync("wrapping", None);
        byte[] dataKey = RandomNumberGenerator.GetBytes(32);
        byte[] wrapped = Wrap(first, dataKey);

        Assert.Equal(dataKey, await Vault.UnwrapAsync(first.Kid, wrapped, None));
        await FailsAsync(ErrorCodes.EnvelopeTampered, () => Vault.UnwrapAsync(second.Kid, wrapped, None));
        Assert.Equal(dataKey, await Vault.UnwrapAsync(second.Kid, Wrap(second, dataKey), None));
    }

    [Fact]
    public async Task Unwrap_OtherPaddingOrBytes_IsTampered()
    {
        KeyVersion key = await Vault.EnsureAsync("wrapping", KeyKind.Rsa3072, None);
        using RSA rsa = RSA.Create();
        rsa.ImportSubjectPublicKeyInfo(key.Spki, out _);
        byte[] sha1 = rsa.Encrypt(new byte[32], RSAEncryptionPadding.OaepSHA1);
        byte[] flipped = Wrap(key, new byte[32]);
        flipped[100] ^= 1;

        await FailsAsync(ErrorCodes.EnvelopeTampered, () => Vault.UnwrapAsync(key.Kid, sha1, None));
        await FailsAsync(ErrorCodes.EnvelopeTampered, () => Vault.UnwrapAsync(key.Kid, flipped, None));
        await FailsAsync(ErrorCodes.EnvelopeTampered, () => Vault.UnwrapAsync(key.Kid, [], None));
        Assert.Equal(3072, rsa.KeySize);
    }

    [Fact]
    public async Task Unwrap_UnknownOrSigningKey_IsRetired()
    {
        KeyVersion signing = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        await FailsAsync(ErrorCodes.KeyRetired, () => Vault.UnwrapAsync(UnknownKid, new byte[384], None));
        await FailsAsync(ErrorCodes.KeyRetired, () => Vault.UnwrapAsync(signing.Kid, new byte[384], None));
        await FailsAsync(ErrorCodes.KeyRetired, () => Vault.UnwrapAsync("https://elsewhere.test/keys/wrapping/0001", new byte[384], None));
    }

    [Fact]
    public async Task Disable_Version_NeitherUnwrapsNorSigns()
    {
        KeyVersion wrapping = await Vault.EnsureAsync("wrapping", KeyKind.Rsa3072, None);
        KeyVersion signing = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        byte[] wrapped = Wrap(wrapping, new byte[32]);

        await Vault.DisableAsync(wrapping.Kid, None);
        await Vault.DisableAsync(signing.Kid, None);

        await FailsAsync(ErrorCodes.KeyRetired, () => Vault.UnwrapAsync(wrapping.Kid, wrapped, None));
        await FailsAsync(ErrorCodes.KeyRetired, () => Vault.SignAsync(signing.Kid, new byte[32], None));
        Assert.False(Assert.Single(await Vault.ListVersionsAsync("message", None)).Enabled);
        Assert.NotEqual(signing.Kid, (await Vault.EnsureAsync("message", KeyKind.EcP256, None)).Kid, StringComparer.Ordinal);
    }

    [Fact]
    public async Task Disable_UnknownVersion_IsMissing()
    {
        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.DisableAsync(UnknownKid, None));
        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.SignAsync(UnknownKid, new byte[32], None));
    }

    protected static async Task FailsAsync(ErrorCode code, Func<Task> act)
    {
        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(act);

        Assert.Equal(code, error.Code);
    }

    private static byte[] Wrap(KeyVersion key, byte[] dataKey)
    {
        using RSA rsa = RSA.Create();
        rsa.ImportSubjectPublicKeyInfo(key.Spki, out _);
        return rsa.Encrypt(dataKey, RSAEncryptionPadding.OaepSHA256);
    }

    private static bool Verifies(KeyVersion key, byte[] digest, byte[] signature)
    {
        using ECDsa ecdsa = ECDsa.Create();
        ecdsa.ImportSubjectPublicKeyInfo(key.Spki, out _);
        return ecdsa.VerifyHash(digest, signature, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
    }
}
