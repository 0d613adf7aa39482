// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using Azure;
using Azure.Security.KeyVault.Keys;

namespace FedCloud.Cloud.Keys;

/// <summary>The versions of a vault's keys and their public keys, which never change and are read once.</summary>
/// <param name="vault">The vault's address.</param>
/// <param name="keysOf">Makes the client for a key, by the key's name.</param>
internal sealed class VaultVersions(Uri vault, Func<string, KeyClient> keysOf)
{
    private readonly ConcurrentDictionary<string, KeyClient> _clients = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, (KeyKind Kind, byte[] Spki)> _publicKeys = new(StringComparer.Ordinal);

    /// <summary>The client for a key.</summary>
    public KeyClient ClientOf(string name) => _clients.GetOrAdd(name, keysOf);

    /// <summary>All versions, oldest first.</summary>
    public async Task<IReadOnlyList<KeyVersion>> ListAsync(string name, CancellationToken cancellation)
    {
        List<KeyProperties> found = [];
        try
        {
            await foreach (KeyProperties properties in ClientOf(name).GetPropertiesOfKeyVersionsAsync(name, cancellation))
            {
                found.Add(properties);
            }
        }
        catch (RequestFailedException error) when (error.Status == 404)
        {
            return [];
        }
        catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
        {
            throw AzureVaultErrors.Of(error, "list versions", name);
        }

        string? current = found.GroupBy(properties => properties.CreatedOn).Any(second => second.Count() > 1) ? await CurrentAsync(name, cancellation) : null;
        List<KeyVersion> versions = [];
        foreach (KeyProperties properties in found
            .OrderBy(properties => properties.CreatedOn)
            .ThenBy(properties => string.Equals(properties.Version, current, StringComparison.Ordinal))
            .ThenBy(properties => properties.Version, StringComparer.Ordinal))
        {
            if (await DescribeAsync(properties, cancellation) is { } version)
            {
                versions.Add(version);
            }
        }

        return versions;
    }

    /// <summary>What a version is for; null when this identity may use the key but not read it, and then the vault alone decides.</summary>
    public async Task<KeyKind?> KindAsync(VaultKeyId id, CancellationToken cancellation)
    {
        if (_publicKeys.TryGetValue(id.ToString(), out (KeyKind Kind, byte[] Spki) known))
        {
            return known.Kind;
        }

        try
        {
            KeyVaultKey key = (await ClientOf(id.Name).GetKeyAsync(id.Name, id.Version, cancellation)).Value;
            return _publicKeys.GetOrAdd(id.ToString(), VaultKeyReader.Read(key.Key, id.ToString())).Kind;
        }
        catch (RequestFailedException error) when (error.Status is 403 or 404)
        {
            return null;
        }
        catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
        {
            throw AzureVaultErrors.Of(error, "read", id.Name);
        }
    }

    /// <summary>A key version as the vault has just given it.</summary>
    public KeyVersion Describe(KeyVaultKey key)
    {
        string kid = VaultKeyId.Of(vault, key.Properties.Name, key.Properties.Version).ToString();
        (KeyKind kind, byte[] spki) = _publicKeys.GetOrAdd(kid, VaultKeyReader.Read(key.Key, kid));
        return new KeyVersion(kid, key.Properties.Name, kind, spki, key.Properties.Enabled ?? true, key.Properties.ExpiresOn);
    }

    private async Task<string?> CurrentAsync(string name, CancellationToken cancellation)
    {
        try
        {
            return (await ClientOf(name).GetKeyAsync(name, cancellationToken: cancellation)).Value.Properties.Version;
        }
        catch (RequestFailedException error) when (error.Status is 403 or 404)
        {
            return null;
        }
        catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
        {
            throw AzureVaultErrors.Of(error, "read", name);
        }
    }

    private async Task<KeyVersion?> DescribeAsync(KeyProperties properties, CancellationToken cancellation)
    {
        string kid = VaultKeyId.Of(vault, properties.Name, properties.Version).ToString();
        if (!_publicKeys.TryGetValue(kid, out (KeyKind Kind, byte[] Spki) known))
        {
            try
            {
                KeyVaultKey key = (await ClientOf(properties.Name).GetKeyAsync(properties.Name, properties.Version, cancellation)).Value;
                known = _publicKeys.GetOrAdd(kid, VaultKeyReader.Read(key.Key, kid));
            }
            catch (RequestFailedException error) when (error.Status == 403 && properties.Enabled == false)
            {
                return null;
            }
            catch (Exception error) when (AzureVaultErrors.IsTrouble(error, cancellation))
            {
                throw AzureVaultErrors.Of(error, "read", properties.Name);
            }
        }

        return new KeyVersion(kid, properties.Name, known.Kind, known.Spki, properties.Enabled ?? true, properties.ExpiresOn);
    }
}
