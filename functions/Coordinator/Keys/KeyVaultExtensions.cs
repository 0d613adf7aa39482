// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;

namespace FedCloud.Coordinator.Keys;

/// <summary>What a coordinator asks of a vault in which it may not do everything: in the cloud it uses keys, and the vault's administrator makes and disables them.</summary>
public static class KeyVaultExtensions
{
    /// <summary>Disables a version that has ended, where the coordinator may; else it says whose task that is. Nothing depends on it: what has ended is refused here all the same.</summary>
    /// <param name="vault">The vault.</param>
    /// <param name="kid">The version.</param>
    /// <param name="events">Hears when somebody else has to.</param>
    /// <param name="cancellation">Stops it.</param>
    public static async Task TryDisableAsync(this IKeyVault vault, string kid, ICoordinatorEvents events, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(vault);
        ArgumentNullException.ThrowIfNull(events);
        try
        {
            await vault.DisableAsync(kid, cancellation);
        }
        catch (FedCloudException denied) when (denied.Code == ErrorCodes.VaultDenied)
        {
            events.KeyFailed(new FedCloudException(denied.Code, denied.Found, $"let an administrator of the vault disable {kid}: az keyvault key set-attributes --id {kid} --enabled false", denied));
        }
        catch (FedCloudException gone) when (gone.Code == ErrorCodes.KeyMissing)
        {
            // Deleted, or lost: it cannot be used.
        }
    }

    /// <summary>Makes a new version of a key; where the coordinator may not, takes the one that the vault's administrator has made.</summary>
    /// <param name="vault">The vault.</param>
    /// <param name="name">The key.</param>
    /// <param name="isNew">Whether a version was made since.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>vault_denied</c>: nobody has made one yet; it says how.</exception>
    public static async Task<KeyVersion> RotateOrFindAsync(this IKeyVault vault, string name, Func<KeyVersion, bool> isNew, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(vault);
        ArgumentNullException.ThrowIfNull(isNew);
        try
        {
            return await vault.RotateAsync(name, cancellation);
        }
        catch (FedCloudException denied) when (denied.Code == ErrorCodes.VaultDenied)
        {
            return (await vault.ListVersionsAsync(name, cancellation)).LastOrDefault(version => version.Enabled) is { } newest && isNew(newest)
                ? newest
                : throw new FedCloudException(denied.Code, denied.Found, $"let an administrator of the vault make the version: az keyvault key rotate --vault-name VAULT --name {name}; then repeat the command", denied);
        }
    }
}
