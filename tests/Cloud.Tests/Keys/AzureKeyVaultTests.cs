// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using Azure;
using Azure.Identity;
using Azure.Security.KeyVault.Keys;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Keys;

/// <summary>The vault on Azure's client, with a vault in memory.</summary>
public sealed class AzureKeyVaultTests : KeyVaultConformance, IDisposable
{
    private static readonly Uri Address = new("https://fed.vault.azure.net");

    private readonly FakeVault _fake = new(Address);
    private readonly AzureKeyVault _vault;

    public AzureKeyVaultTests() => _vault = Open();

    protected override IKeyVault Vault => _vault;

    protected override string UnknownKid => $"https://fed.vault.azure.net/keys/wrapping/{new string('0', 32)}";

    public void Dispose() => _vault.Dispose();

    [Fact]
    public async Task Ensure_Keys_MayDoOneThingOnly()
    {
        await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        await Vault.EnsureAsync("wrapping", KeyKind.Rsa3072, None);

        Assert.Equal(["sign", "verify"], _fake.VersionsOf("message")[0].Operations, StringComparer.Ordinal);
        Assert.Equal(["unwrapKey"], _fake.VersionsOf("wrapping")[0].Operations, StringComparer.Ordinal);
        Assert.Equal(3072, _fake.VersionsOf("wrapping")[0].Key.KeySize);
    }

    [Fact]
    public async Task Ensure_MayNotCreate_SaysWhichKeyTheDeploymentMustMake()
    {
        _fake.May = (_, _, operation) => operation is not "create";

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => Vault.EnsureAsync("kek", KeyKind.Rsa3072, None));

        Assert.Equal(ErrorCodes.KeyMissing, error.Code);
        Assert.Contains("let the deployment make the key 'kek': RSA of 3,072 bits for unwrapKey only", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Kid_IsTheFullIdWithVersion()
    {
        KeyVersion key = await Vault.EnsureAsync("message", KeyKind.EcP256, None);

        Assert.Equal(_fake.VersionsOf("message")[0].Id.AbsoluteUri, key.Kid);
        Assert.Matches("^https://fed\\.vault\\.azure\\.net/keys/message/[0-9a-f]{32}$", key.Kid);
    }

    [Theory]
    [InlineData("https://other.vault.azure.net/keys/NAME/VERSION")]
    [InlineData("https://fed.vault.azure.net.evil.test/keys/NAME/VERSION")]
    [InlineData("http://fed.vault.azure.net/keys/NAME/VERSION")]
    [InlineData("https://fed.vault.azure.net/keys/NAME")]
    [InlineData("https://fed.vault.azure.net/keys/NAME/")]
    [InlineData("https://fed.vault.azure.net/keys/NAME/VERSION/")]
    [InlineData("https://fed.vault.azure.net/keys/NAME/VERSION?x=1")]
    [InlineData("https://fed.vault.azure.net/keys/../keys/NAME/VERSION")]
    [InlineData("https://fed.vault.azure.net/secrets/NAME/VERSION")]
    [InlineData("https://FED.vault.azure.net/keys/NAME/VERSION")]
    [InlineData("https://fed.vault.azure.net/keys/other/VERSION")]
    [InlineData("https://fed.vault.azure.net/keys/NAME/ffffffffffffffffffffffffffffffff")]
    [InlineData("NAME/VERSION")]
    public async Task Kid_OfAnotherFormVaultNameOrVersion_IsNeverUsed(string form)
    {
        string signing = await KidAsync("message", KeyKind.EcP256);
        string wrapping = await KidAsync("wrapping", KeyKind.Rsa3072);

        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.SignAsync(Formed(form, signing), new byte[32], None));
        await FailsAsync(ErrorCodes.KeyRetired, () => Vault.UnwrapAsync(Formed(form, wrapping), new byte[384], None));
        await FailsAsync(ErrorCodes.KeyMissing, () => Vault.DisableAsync(Formed(form, signing), None));
        Assert.All(_fake.Operations, operation => Assert.Contains(operation.Split(' ')[2], (string[])["message", "wrapping", "other"], StringComparer.Ordinal));
    }

    [Fact]
    public async Task Identities_EachKeyHasItsOwn()
    {
        // Keys-and-identity, section 7 and Z1: who signs cannot unwrap, who unwraps cannot sign.
        string ck = await KidAsync("ck-key", KeyKind.EcP256);
        string lk = await KidAsync("lk-key", KeyKind.EcP256);
        string kek = await KidAsync("kek-key", KeyKind.Rsa3072);
        byte[] wrapped = WrapFor(_fake.VersionsOf("kek-key")[0].Key, new byte[32]);
        _fake.Operations.Clear();
        using AzureKeyVault fresh = Open();
        _fake.May = (identity, key, operation) => (identity, key, operation) is ("orchestrator", "ck-key", "sign") or ("log-signer", "lk-key", "sign") or ("aggregator", "kek-key", "unwrap");

        await fresh.SignAsync(ck, new byte[32], None);
        await fresh.SignAsync(lk, new byte[32], None);
        Assert.Equal(new byte[32], await fresh.UnwrapAsync(kek, wrapped, None));
        Assert.Equal(
            ["orchestrator read ck-key", "orchestrator sign ck-key", "log-signer read lk-key", "log-signer sign lk-key", "aggregator read kek-key", "aggregator unwrap kek-key"],
            _fake.Operations,
            StringComparer.Ordinal);
    }

    [Fact]
    public async Task Use_WithoutTheRight_IsDeniedAndNotRetired()
    {
        string signing = await KidAsync("message", KeyKind.EcP256);
        string wrapping = await KidAsync("wrapping", KeyKind.Rsa3072);
        _fake.May = (_, _, _) => false;
        using AzureKeyVault fresh = Open();

        await FailsAsync(ErrorCodes.VaultDenied, () => fresh.SignAsync(signing, new byte[32], None));
        await FailsAsync(ErrorCodes.VaultDenied, () => fresh.UnwrapAsync(wrapping, new byte[384], None));
        await FailsAsync(ErrorCodes.VaultDenied, () => fresh.ListVersionsAsync("message", None));
        await FailsAsync(ErrorCodes.VaultDenied, () => fresh.RotateAsync("message", None));
        await FailsAsync(ErrorCodes.VaultDenied, () => fresh.DisableAsync(signing, None));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(63)]
    [InlineData(70)]
    public async Task Sign_ResultOfAnotherLength_IsRefused(int length)
    {
        string kid = await KidAsync("message", KeyKind.EcP256);
        _fake.Signature = _ => new byte[length];

        await FailsAsync(ErrorCodes.VaultFailed, () => Vault.SignAsync(kid, new byte[32], None));
    }

    [Fact]
    public async Task Use_VaultUsedAnotherVersion_IsRefused()
    {
        string signing = await KidAsync("message", KeyKind.EcP256);
        string wrapping = await KidAsync("wrapping", KeyKind.Rsa3072);
        byte[] wrapped = WrapFor(_fake.VersionsOf("wrapping")[0].Key, new byte[32]);
        _fake.UsedVersion = id => id.AbsoluteUri[..^1] + "x";

        await FailsAsync(ErrorCodes.VaultFailed, () => Vault.SignAsync(signing, new byte[32], None));
        await FailsAsync(ErrorCodes.VaultFailed, () => Vault.UnwrapAsync(wrapping, wrapped, None));
    }

    [Fact]
    public async Task ListVersions_OfOneSecond_HasTheCurrentOneLast()
    {
        _fake.Tick = TimeSpan.Zero;
        await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        for (int i = 0; i < 4; i++)
        {
            KeyVersion newest = await Vault.RotateAsync("message", None);

            Assert.Equal(newest.Kid, (await Vault.ListVersionsAsync("message", None))[^1].Kid);
            Assert.Equal(newest.Kid, (await Vault.EnsureAsync("message", KeyKind.EcP256, None)).Kid);
        }
    }

    [Fact]
    public async Task ListVersions_DisabledKeyIsNotShown_IsKnownFromBeforeOrLeftOut()
    {
        KeyVersion first = await Vault.EnsureAsync("message", KeyKind.EcP256, None);
        KeyVersion second = await Vault.RotateAsync("message", None);
        await Vault.DisableAsync(first.Kid, None);
        _fake.Before = operation =>
        {
            if (operation is "read")
            {
                throw FakeVault.Failure(403, "Forbidden", "KeyDisabled");
            }
        };

        Assert.Equal([(first.Kid, false), (second.Kid, true)], (await Vault.ListVersionsAsync("message", None)).Select(version => (version.Kid, version.Enabled)));
        await _vault.DisableAsync(second.Kid, None);
        using AzureKeyVault fresh = Open();
        Assert.Empty(await fresh.ListVersionsAsync("message", None));
    }

    [Theory]
    [InlineData("p384")]
    [InlineData("rsa2048")]
    public async Task ListVersions_KeyOfAnotherKind_IsUnusable(string kind)
    {
        _fake.Add("message", kind is "p384" ? ECDsa.Create(ECCurve.NamedCurves.nistP384) : RSA.Create(2048), []);

        await FailsAsync(ErrorCodes.KeyUnusable, () => Vault.ListVersionsAsync("message", None));
        await FailsAsync(ErrorCodes.KeyUnusable, () => Vault.EnsureAsync("message", KeyKind.EcP256, None));
    }

    [Theory]
    [InlineData(429, "vault_unreachable")]
    [InlineData(503, "vault_unreachable")]
    [InlineData(0, "vault_unreachable")]
    [InlineData(401, "vault_denied")]
    [InlineData(409, "vault_failed")]
    public async Task Any_VaultFails_HasOurCode(int status, string expected)
    {
        string signing = await KidAsync("message", KeyKind.EcP256);
        string wrapping = await KidAsync("wrapping", KeyKind.Rsa3072);
        _fake.Before = _ => throw new RequestFailedException(status, "the vault's words", "Code", null);

        await AllFailAsync(signing, wrapping, expected);
    }

    [Fact]
    public async Task Any_OtherTrouble_HasOurCode()
    {
        string signing = await KidAsync("message", KeyKind.EcP256);
        string wrapping = await KidAsync("wrapping", KeyKind.Rsa3072);
        foreach ((Exception error, string expected) in ((Exception, string)[])
            [
                (new CredentialUnavailableException("no identity"), "sign_in_failed"),
                (new AggregateException(new HttpRequestException()), "vault_unreachable"),
                (new TaskCanceledException(), "vault_unreachable"),
            ])
        {
            _fake.Before = _ => throw error;

            await AllFailAsync(signing, wrapping, expected);
        }
    }

    [Fact]
    public void Open_ContractBuild_SaysSoAtOnce()
    {
        Exception? error = Record.Exception(() => new AzureKeyVault(Address, _ => new AzureCliCredential()).Dispose());

        Assert.Equal(ContractCheck.IsContract(typeof(KeyClient)) ? ErrorCodes.PackageNotRestored : null, (error as FedCloudException)?.Code);
    }

    private static string IdentityOf(string key) => key switch
    {
        "ck-key" => "orchestrator",
        "lk-key" => "log-signer",
        "kek-key" => "aggregator",
        _ => "anyone",
    };

    private static string Formed(string form, string kid)
    {
        string[] parts = kid.Split('/');
        return form.Replace("NAME", parts[^2], StringComparison.Ordinal).Replace("VERSION", parts[^1], StringComparison.Ordinal);
    }

    private static byte[] WrapFor(AsymmetricAlgorithm key, byte[] dataKey) => ((RSA)key).Encrypt(dataKey, RSAEncryptionPadding.OaepSHA256);

    private AzureKeyVault Open() => new(Address, name => _fake.KeysAs(IdentityOf(name)), id => _fake.UserAs(IdentityOf(id.Name), id.Uri));

    private async Task<string> KidAsync(string name, KeyKind kind) => (await Vault.EnsureAsync(name, kind, None)).Kid;

    private async Task AllFailAsync(string signing, string wrapping, string expected)
    {
        foreach (Func<Task> act in (Func<Task>[])
            [
                () => Vault.SignAsync(signing, new byte[32], None),
                () => Vault.UnwrapAsync(wrapping, new byte[384], None),
                () => Vault.ListVersionsAsync("message", None),
                () => Vault.EnsureAsync("another", KeyKind.EcP256, None),
                () => Vault.RotateAsync("message", None),
                () => Vault.DisableAsync(signing, None),
            ])
        {
            FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(act);
            Assert.Equal(expected, error.Code.Name);
            Assert.DoesNotContain("words", error.Message, StringComparison.Ordinal);
        }
    }
}
