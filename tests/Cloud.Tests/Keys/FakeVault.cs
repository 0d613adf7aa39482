// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using Azure;
using Azure.Security.KeyVault.Keys;
using Azure.Security.KeyVault.Keys.Cryptography;

namespace FedCloud.Cloud.Tests.Keys;

/// <summary>A key vault in memory with real keys: versions, rotation, disabled versions, permitted operations, rights by identity.</summary>
internal sealed class FakeVault(Uri address)
{
    private readonly Dictionary<string, List<Version>> _keys = new(StringComparer.Ordinal);
    private DateTimeOffset _now = new(2026, 11, 22, 12, 0, 0, TimeSpan.Zero);

    public Lock Gate { get; } = new();

    /// <summary>What an identity may do with a key: gets identity, key and operation.</summary>
    public Func<string, string, string, bool> May { get; set; } = (_, _, _) => true;

    /// <summary>Throws before the vault sees the operation; gets its name.</summary>
    public Action<string> Before { get; set; } = _ => { };

    /// <summary>How far the vault's clock goes on with each version, which it tells to the second.</summary>
    public TimeSpan Tick { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Changes a signature on its way.</summary>
    public Func<byte[], byte[]> Signature { get; set; } = signature => signature;

    /// <summary>The version that the vault says it used.</summary>
    public Func<Uri, string> UsedVersion { get; set; } = id => id.AbsoluteUri;

    /// <summary>The operations with identity and key, in order.</summary>
    public List<string> Operations { get; } = [];

    public KeyClient KeysAs(string identity) => new FakeKeyClient(this, identity);

    public CryptographyClient UserAs(string identity, Uri version) => new FakeCryptographyClient(this, identity, version);

    /// <summary>A refusal as the vault sends it: only the inner code says why.</summary>
    public static RequestFailedException Failure(int status, string code, string? inner = null)
    {
        string detail = inner is null ? string.Empty : $",\"innererror\":{{\"code\":\"{inner}\"}}";
        return new RequestFailedException(new FakeResponse(status, $"{{\"error\":{{\"code\":\"{code}\",\"message\":\"the vault's words\"{detail}}}}}", ("Content-Type", "application/json")));
    }

    public T Run<T>(string identity, string operation, string key, Func<T> act)
    {
        lock (Gate)
        {
            Operations.Add($"{identity} {operation} {key}");
            Before(operation);
            return May(identity, key, operation) ? act() : throw Failure(403, "Forbidden", "ForbiddenByRbac");
        }
    }

    public Version Add(string name, AsymmetricAlgorithm key, IEnumerable<KeyOperation> operations)
    {
        Version version = new(address, name, key, [.. operations.Select(operation => operation.ToString())], _now);
        _now += Tick;
        (_keys.TryGetValue(name, out List<Version>? versions) ? versions : _keys[name] = []).Add(version);
        return version;
    }

    public IReadOnlyList<Version> VersionsOf(string name) => _keys.TryGetValue(name, out List<Version>? versions) ? versions : throw Failure(404, "KeyNotFound");

    public Version Find(string name, string? number) =>
        (number is null ? VersionsOf(name)[^1] : VersionsOf(name).FirstOrDefault(version => string.Equals(version.Number, number, StringComparison.Ordinal))) ?? throw Failure(404, "KeyNotFound");

    public Version Find(Uri id) => Find(id.Segments[2].Trim('/'), id.Segments[3].Trim('/'));

    internal sealed class Version(Uri address, string name, AsymmetricAlgorithm key, string[] operations, DateTimeOffset made)
    {
        public string Number { get; } = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

        public AsymmetricAlgorithm Key { get; } = key;

        public string[] Operations { get; } = operations;

        public bool Enabled { get; set; } = true;

        public Uri Id => new(address, $"keys/{name}/{Number}");

        public KeyProperties ToProperties()
        {
            KeyProperties properties = KeyModelFactory.KeyProperties(id: Id, vaultUri: address, name: name, version: Number, createdOn: made);
            properties.Enabled = Enabled;
            return properties;
        }

        public KeyVaultKey ToKey() => KeyModelFactory.KeyVaultKey(ToProperties(), Key is ECDsa ec ? new JsonWebKey(ec) : new JsonWebKey((RSA)Key));

        public void Require(string operation)
        {
            if (!Enabled)
            {
                throw Failure(403, "Forbidden", "KeyDisabled");
            }

            if (!Operations.Contains(operation, StringComparer.Ordinal))
            {
                throw Failure(403, "Forbidden", "KeyOperationForbidden");
            }
        }
    }
}

/// <summary>The client of the fake that reads, makes and rotates keys.</summary>
internal sealed class FakeKeyClient(FakeVault vault, string identity) : KeyClient
{
    public override Task<Response<KeyVaultKey>> CreateEcKeyAsync(CreateEcKeyOptions ecKeyOptions, CancellationToken cancellationToken = default) =>
        RunAsync("create", ecKeyOptions.Name, () =>
        {
            Xunit.Assert.Equal(KeyCurveName.P256, ecKeyOptions.CurveName);
            return vault.Add(ecKeyOptions.Name, ECDsa.Create(ECCurve.NamedCurves.nistP256), ecKeyOptions.KeyOperations);
        });

    public override Task<Response<KeyVaultKey>> CreateRsaKeyAsync(CreateRsaKeyOptions rsaKeyOptions, CancellationToken cancellationToken = default) =>
        RunAsync("create", rsaKeyOptions.Name, () => vault.Add(rsaKeyOptions.Name, RSA.Create(rsaKeyOptions.KeySize ?? 2048), rsaKeyOptions.KeyOperations));

    public override Task<Response<KeyVaultKey>> GetKeyAsync(string name, string? version = null, CancellationToken cancellationToken = default) => RunAsync("read", name, () => vault.Find(name, version));

    public override AsyncPageable<KeyProperties> GetPropertiesOfKeyVersionsAsync(string name, CancellationToken cancellationToken = default) => new FakePages<KeyProperties>(() => vault.Run(
        identity,
        "list",
        name,
        () => vault.VersionsOf(name).Select(version => version.ToProperties()).OrderBy(properties => properties.Version, StringComparer.Ordinal).Chunk(2).ToArray()));

    public override Task<Response<KeyVaultKey>> RotateKeyAsync(string name, CancellationToken cancellationToken = default) => RunAsync("rotate", name, () =>
    {
        FakeVault.Version newest = vault.Find(name, null);
        return vault.Add(name, newest.Key is ECDsa ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(newest.Key.KeySize), newest.Operations.Select(operation => new KeyOperation(operation)));
    });

    public override Task<Response<KeyVaultKey>> UpdateKeyPropertiesAsync(KeyProperties properties, IEnumerable<KeyOperation>? keyOperations = null, CancellationToken cancellationToken = default) =>
        RunAsync("update", properties.Name, () =>
        {
            FakeVault.Version version = vault.Find(properties.Name, properties.Version);
            version.Enabled = properties.Enabled ?? version.Enabled;
            return version;
        });

    private async Task<Response<KeyVaultKey>> RunAsync(string operation, string key, Func<FakeVault.Version> act)
    {
        await Task.Yield();
        return FakeResponse.With(vault.Run(identity, operation, key, () => act().ToKey()));
    }
}

/// <summary>The client of the fake that uses one version.</summary>
internal sealed class FakeCryptographyClient(FakeVault vault, string identity, Uri id) : CryptographyClient
{
    public override async Task<SignResult> SignAsync(SignatureAlgorithm algorithm, byte[] digest, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        return vault.Run(identity, "sign", id.Segments[2].Trim('/'), () =>
        {
            FakeVault.Version version = vault.Find(id);
            version.Require("sign");
            byte[] signature = version.Key is ECDsa ec && algorithm == SignatureAlgorithm.ES256
                ? ec.SignHash(digest, DSASignatureFormat.IeeeP1363FixedFieldConcatenation)
                : throw FakeVault.Failure(400, "BadParameter");
            return CryptographyModelFactory.SignResult(vault.UsedVersion(version.Id), vault.Signature(signature), algorithm);
        });
    }

    public override async Task<UnwrapResult> UnwrapKeyAsync(KeyWrapAlgorithm algorithm, byte[] encryptedKey, CancellationToken cancellationToken = default)
    {
        await Task.Yield();
        return vault.Run(identity, "unwrap", id.Segments[2].Trim('/'), () =>
        {
            FakeVault.Version version = vault.Find(id);
            version.Require("unwrapKey");
            try
            {
                byte[] key = version.Key is RSA rsa && algorithm == KeyWrapAlgorithm.RsaOaep256 ? rsa.Decrypt(encryptedKey, RSAEncryptionPadding.OaepSHA256) : throw FakeVault.Failure(400, "BadParameter");
                return CryptographyModelFactory.UnwrapResult(vault.UsedVersion(version.Id), key, algorithm);
            }
            catch (CryptographicException)
            {
                throw FakeVault.Failure(400, "BadParameter");
            }
        });
    }
}
