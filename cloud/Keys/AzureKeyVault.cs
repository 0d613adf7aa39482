// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Security.Cryptography;
using Azure;
using Azure.Core;
using Azure.Security.KeyVault.Keys;
using Azure.Security.KeyVault.Keys.Cryptography;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Cloud.Keys;

/// <summary>Azure Key Vault: keys stay there, and each is used under an identity of its own.</summary>
/// <remarks>
/// A kid is the full id with version. Signing needs the right <c>sign</c>, unwrapping <c>unwrapKey</c>; reading public keys needs
/// <c>read</c>. The vault cannot make a key only where there is none: within a process one call makes it, and of two processes
/// both use the newest version. It tells times to the second; of versions of one second its current one counts as the newest.
/// A disabled version whose public key the vault does not show is left out of lists, unless this object has read it before.
/// </remarks>
public sealed class AzureKeyVault : IKeyVault, IDisposable
{
    private const int SignatureBytes = 64;
    private const int RsaBits = 3072;

    private readonly Uri _vault;
    private readonly Func<VaultKeyId, CryptographyClient> _cryptographyOf;
    private readonly ConcurrentDictionary<string, CryptographyClient> _users = new(StringComparer.Ordinal);
    private readonly VaultVersions _versions;
    private readonly SemaphoreSlim _making = new(1);

    /// <summary>Opens a vault.</summary>
    /// <param name="vault">Its address, such as <c>https://fedcloud.vault.azure.net</c>.</param>
    /// <param name="credentialOf">The identity for each key, by the key's name: who signs must not be able to unwrap (keys-and-identity, Z1).</param>
    /// <param name="options">Retries and limits.</param>
    /// <exception cref="FedCloudException"><c>package_not_restored</c>.</exception>
    public AzureKeyVault(Uri vault, Func<string, TokenCredential> credentialOf, AzureKeyVaultOptions? options = null)
        : this(
            vault,
            name => new KeyClient(vault, credentialOf(name), (options ?? new AzureKeyVaultOptions()).ToKeyOptions()),
            id => new CryptographyClient(id.Uri, credentialOf(id.Name), (options ?? new AzureKeyVaultOptions()).ToCryptographyOptions())) =>
        ContractCheck.Require(typeof(KeyClient));

    /// <summary>Uses clients.</summary>
    /// <param name="vault">The vault's address.</param>
    /// <param name="keysOf">Makes the client that reads, makes and rotates a key, by the key's name.</param>
    /// <param name="cryptographyOf">Makes the client that uses one version.</param>
    public AzureKeyVault(Uri vault, Func<string, KeyClient> keysOf, Func<VaultKeyId, CryptographyClient> cryptographyOf)
    {
        _vault = vault;
        _versions = new VaultVersions(vault, keysOf);
        _cryptographyOf = cryptographyOf;
    }

    /// <inheritdoc/>
    public async Task<KeyVersion> EnsureAsync(string name, KeyKind kind, CancellationToken cancellation)
    {
        Identifier.Require(name, "key name");
        await _making.WaitAsync(cancellation);
        try
        {
            KeyVersion? version = await NewestAsync(name, cancellation);
            if (version is null)
            {
                KeyVersion made = await MakeAsync(name, kind, cancellation);
                version = await NewestAsync(name, cancellation) ?? made;
            }

            return version.Kind == kind ? version : throw new FedCloudException(ErrorCodes.KeyUnusable, $"{version.Kid}: expected a key of kind {kind}, found {version.Kind}");
        }
        finally
        {
            _making.Release();
        }
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<KeyVersion>> ListVersionsAsync(string name, CancellationToken cancellation)
    {
        Identifier.Require(name, "key name");
        return _versions.ListAsync(name, cancellation);
    }

    /// <inheritdoc/>
    public async Task<KeyVersion> RotateAsync(string name, CancellationToken cancellation)
    {
        Identifier.Require(name, "key name");
        return _versions.Describe(await CallAsync(() => _versions.ClientOf(name).RotateKeyAsync(name, cancellation), "rotate", name, cancellation));
    }

    /// <inheritdoc/>
    public async Task DisableAsync(string kid, CancellationToken cancellation)
    {
        VaultKeyId id = VaultKeyId.Find(_vault, kid) ?? throw Missing();
        await CallAsync(() => _versions.ClientOf(id.Name).UpdateKeyPropertiesAsync(new KeyProperties(id.Uri) { Enabled = false }, cancellationToken: cancellation), "update", id.Name, cancellation);
    }

    /// <inheritdoc/>
    public async Task<byte[]> SignAsync(string kid, byte[] digest, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(digest);
        ArgumentOutOfRangeException.ThrowIfNotEqual(digest.Length, SHA256.HashSizeInBytes, nameof(digest));
        VaultKeyId id = VaultKeyId.Find(_vault, kid) ?? throw Missing();
        if (await _versions.KindAsync(id, cancellation) is KeyKind.Rsa3072)
        {
            throw new FedCloudException(ErrorCodes.KeyMissing, "the key version does not sign");
        }

        try
        {
            SignResult signed = await UserOf(id).SignAsync(SignatureAlgorithm.ES256, digest, cancellation);
            RequireVersion(signed.KeyId, id);
            return signed.Signature is { Length: SignatureBytes } signature
                ? signature
                : throw new FedCloudException(ErrorCodes.VaultFailed, $"key {id.Name}: expected a signature of {SignatureBytes} bytes, found {signed.Signature?.Length ?? 0}");
        }
        catch (RequestFailedException error) when (error.Status == 404)
        {
            throw Missing();
        }
        catch (RequestFailedException error) when (AzureVaultErrors.IsRetired(error))
        {
            throw Disabled(error);
        }
        catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
        {
            throw AzureVaultErrors.Of(error, "sign", id.Name);
        }
    }

    /// <inheritdoc/>
    public async Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(wrapped);
        VaultKeyId id = VaultKeyId.Find(_vault, kid) ?? throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names a key version that this vault does not have");
        if (await _versions.KindAsync(id, cancellation) is KeyKind.EcP256)
        {
            throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names a key that does not unwrap");
        }

        if (wrapped.Length != RsaBits / 8)
        {
            throw Tampered(cause: null);
        }

        try
        {
            UnwrapResult unwrapped = await UserOf(id).UnwrapKeyAsync(KeyWrapAlgorithm.RsaOaep256, wrapped, cancellation);
            RequireVersion(unwrapped.KeyId, id);
            return unwrapped.Key;
        }
        catch (RequestFailedException error) when (error.Status == 404)
        {
            throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names a key version that this vault does not have", cause: error);
        }
        catch (RequestFailedException error) when (error.Status == 400)
        {
            throw Tampered(error);
        }
        catch (RequestFailedException error) when (AzureVaultErrors.IsRetired(error))
        {
            throw Disabled(error);
        }
        catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
        {
            throw AzureVaultErrors.Of(error, "unwrap", id.Name);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _making.Dispose();

    private static FedCloudException Missing() => new(ErrorCodes.KeyMissing, "there is no such key version");

    private static FedCloudException Disabled(Exception error) => new(ErrorCodes.KeyRetired, "the key version is disabled", cause: error);

    private static FedCloudException Tampered(Exception? cause) => new(ErrorCodes.EnvelopeTampered, "the data key does not unwrap", cause: cause);

    // A result of another version would verify nowhere, or hide that the vault chose for us.
    private static void RequireVersion(string? used, VaultKeyId id)
    {
        if (used is not null && !string.Equals(used, id.ToString(), StringComparison.Ordinal))
        {
            throw new FedCloudException(ErrorCodes.VaultFailed, $"key {id.Name}: expected the use of version {id.Version}, found another");
        }
    }

    private static async Task<KeyVaultKey> CallAsync(Func<Task<Response<KeyVaultKey>>> call, string right, string name, CancellationToken cancellation)
    {
        try
        {
            return (await call()).Value;
        }
        catch (RequestFailedException error) when (error.Status == 404)
        {
            throw new FedCloudException(ErrorCodes.KeyMissing, $"there is no key {name}, or no such version", cause: error);
        }
        catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
        {
            throw AzureVaultErrors.Of(error, right, name);
        }
    }

    private async Task<KeyVersion?> NewestAsync(string name, CancellationToken cancellation) => (await ListVersionsAsync(name, cancellation)).LastOrDefault(version => version.Enabled);

    private async Task<KeyVersion> MakeAsync(string name, KeyKind kind, CancellationToken cancellation)
    {
        try
        {
            if (kind == KeyKind.EcP256)
            {
                CreateEcKeyOptions signing = new(name) { CurveName = KeyCurveName.P256 };
                signing.KeyOperations.Add(KeyOperation.Sign);
                signing.KeyOperations.Add(KeyOperation.Verify);
                return _versions.Describe((await _versions.ClientOf(name).CreateEcKeyAsync(signing, cancellation)).Value);
            }

            CreateRsaKeyOptions wrapping = new(name) { KeySize = RsaBits };
            wrapping.KeyOperations.Add(KeyOperation.UnwrapKey);
            return _versions.Describe((await _versions.ClientOf(name).CreateRsaKeyAsync(wrapping, cancellation)).Value);
        }
        catch (RequestFailedException error) when (error.Status == 403)
        {
            string wanted = kind == KeyKind.EcP256 ? "EC on P-256 for sign and verify" : "RSA of 3,072 bits for unwrapKey";
            throw new FedCloudException(
                ErrorCodes.KeyMissing, $"there is no usable key {name}, and this identity may not make it", $"let the deployment make the key '{name}': {wanted} only", error);
        }
        catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
        {
            throw AzureVaultErrors.Of(error, "create", name);
        }
    }

    private CryptographyClient UserOf(VaultKeyId id) => _users.GetOrAdd(id.ToString(), _ => _cryptographyOf(id));
}
