// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Identity;

namespace FedCloud.Cloud.Keys;

/// <summary>The id of one version of a key in Azure Key Vault: <c>https://{vault}/keys/{name}/{version}</c>.</summary>
/// <param name="Uri">The whole id.</param>
/// <param name="Name">The key's name.</param>
/// <param name="Version">32 lower-case hexadecimal digits.</param>
public sealed record VaultKeyId(Uri Uri, string Name, string Version)
{
    private const int VersionLength = 32;

    /// <summary>Reads an id exactly as the vault writes it.</summary>
    /// <param name="vault">The vault's address.</param>
    /// <param name="kid">The id.</param>
    /// <returns>Null for another vault, a key without a version, or any other form.</returns>
    public static VaultKeyId? Find(Uri vault, string? kid)
    {
        string prefix = PrefixOf(vault);
        return kid is not null && kid.StartsWith(prefix, StringComparison.Ordinal)
            && kid[prefix.Length..].Split('/') is [string name, { Length: VersionLength } version]
            && Identifier.IsValid(name) && version.All(char.IsAsciiHexDigitLower)
                ? new VaultKeyId(new Uri(kid), name, version)
                : null;
    }

    /// <summary>The id of a version.</summary>
    public static VaultKeyId Of(Uri vault, string name, string version) => new(new Uri($"{PrefixOf(vault)}{name}/{version}"), name, version);

    /// <inheritdoc/>
    public override string ToString() => Uri.AbsoluteUri;

    private static string PrefixOf(Uri vault)
    {
        ArgumentNullException.ThrowIfNull(vault);
        return vault.GetLeftPart(UriPartial.Authority) + "/keys/";
    }
}
