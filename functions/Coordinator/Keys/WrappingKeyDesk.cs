// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Federations;
using FedCloud.Coordinator.Messaging;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Keys;

/// <summary>The wrapping key KEK: takes new versions into use, lets the one before unwrap during its grace, and retires it (keys and identity, section 5). Which version may do what the federation decides, not the vault.</summary>
/// <param name="vault">The vault that holds KEK.</param>
/// <param name="post">Signs the statement.</param>
/// <param name="time">The clock.</param>
/// <param name="options">The settings.</param>
/// <param name="members">The federation's desk, once it is taken up.</param>
/// <param name="federation">The federation as it stands.</param>
/// <param name="events">Hears of what an administrator has to do.</param>
public sealed class WrappingKeyDesk(
    IKeyVault vault, SiloPost post, TimeProvider time, CoordinatorOptions options, Func<FederationDesk> members, Func<CancellationToken, Task<FederationState>> federation, ICoordinatorEvents events) : IWrappingKeys
{
    /// <inheritdoc/>
    public async Task<DsseEnvelope> StatementAsync(CancellationToken cancellation)
    {
        WrappingKey? current = WrappingKeys.Current((await federation(cancellation)).WrappingKeys);
        if (current is null)
        {
            // The look at the start came to nothing.
            await TakeUpAsync(isReplacement: false, cancellation);
            current = WrappingKeys.Current((await federation(cancellation)).WrappingKeys)
                ?? throw new FedCloudException(ErrorCodes.KeyMissing, "no version of the wrapping key is in use yet");
        }

        return await post.WrappingKeyAsync(current.Kid, cancellation);
    }

    /// <inheritdoc/>
    public async Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation) =>
        WrappingKeys.Unwraps((await federation(cancellation)).WrappingKeys, kid, time.GetUtcNow(), options.WrappingKeyGrace)
            ? await vault.UnwrapAsync(kid, wrapped, cancellation)
            : throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names another key, or a version whose time of grace is over");

    /// <summary>Takes a new version of the vault into use, makes one where it is time, and retires the one before when its grace is over. What needs the vault's administrator is reported, and stops nothing else.</summary>
    public async Task CheckAsync(CancellationToken cancellation)
    {
        try
        {
            await TakeUpAsync(isReplacement: false, cancellation);
            FederationState state = await federation(cancellation);
            if (options.WrappingKeyLife is { } life && WrappingKeys.Current(state.WrappingKeys)?.Since + life <= time.GetUtcNow())
            {
                await vault.RotateAsync(SiloPost.WrappingKey, cancellation);
                await TakeUpAsync(isReplacement: false, cancellation);
                state = await federation(cancellation);
            }

            if (WrappingKeys.GraceEnds(state.WrappingKeys, options.WrappingKeyGrace) <= time.GetUtcNow())
            {
                await members().ApplyAsync(new WrappingKeyChecked(time.GetUtcNow(), options.WrappingKeyGrace), cancellation);
            }
        }
        catch (FedCloudException error)
        {
            events.KeyFailed(error);
        }
    }

    /// <summary>Rotates the key at once.</summary>
    /// <param name="isReplacement">Whether the version in use was lost or stolen: then it has no time of grace, and silos encrypt again what they uploaded under it.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException"><c>vault_denied</c>: the vault's administrator has to make the version; it says how.</exception>
    public async Task RotateAsync(bool isReplacement, CancellationToken cancellation)
    {
        FederationState state = await federation(cancellation);
        bool mayEndGrace = isReplacement && WrappingKeys.Retiring(state.WrappingKeys) is not null;
        string? current = WrappingKeys.Current(state.WrappingKeys)?.Kid;
        await vault.RotateOrFindAsync(SiloPost.WrappingKey, newest => mayEndGrace || !string.Equals(newest.Kid, current, StringComparison.Ordinal), cancellation);
        await TakeUpAsync(isReplacement, cancellation);
    }

    private async Task TakeUpAsync(bool isReplacement, CancellationToken cancellation)
    {
        KeyVersion newest = (await vault.ListVersionsAsync(SiloPost.WrappingKey, cancellation)).LastOrDefault(version => version.Enabled)
            ?? throw new FedCloudException(ErrorCodes.KeyMissing, $"expected a usable version of {SiloPost.WrappingKey} in the vault, found none");
        if (!isReplacement && string.Equals(WrappingKeys.Current((await federation(cancellation)).WrappingKeys)?.Kid, newest.Kid, StringComparison.Ordinal))
        {
            return;
        }

        if (await members().ApplyAsync(new WrappingKeyFound(time.GetUtcNow(), newest.Kid, Sha256Digest.Of(newest.Spki), isReplacement), cancellation) is { } refused)
        {
            throw new FedCloudException(refused, $"expected the vault's newest version of {SiloPost.WrappingKey} to be the one in use or a new one, found one that has ended", "make a new version: 'fedcloud keys rotate wrapping'");
        }
    }
}
