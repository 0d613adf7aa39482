// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>Signs checkpoints with exactly the key versions that the roster names.</summary>
/// <param name="vault">The vault that holds LK.</param>
public sealed class LogSigner(IKeyVault vault)
{
    /// <summary>Signs the digest of a checkpoint's text.</summary>
    /// <param name="digest">32 bytes.</param>
    /// <param name="roster">The roster in force at the checkpoint.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Keys with r‖s, 64 bytes each.</returns>
    /// <exception cref="FedCloudException"><c>key_missing</c>: the vault has not the key that the roster names.</exception>
    public async Task<IReadOnlyList<(NoteKey Key, byte[] Signature)>> SignAsync(byte[] digest, Roster? roster, CancellationToken cancellation)
    {
        NoteKey key = NoteKey.Parse((roster ?? throw new FedCloudException(ErrorCodes.RosterMissing, "a log begins with its first roster")).LogVkey);
        foreach (KeyVersion version in await vault.ListVersionsAsync(CoordinatorService.LogKey, cancellation))
        {
            if (string.Equals(VerificationKey.FromSpki(version.Spki).VKey(key.Name), key.VKey, StringComparison.Ordinal))
            {
                return [(key, await vault.SignAsync(version.Kid, digest, cancellation))];
            }
        }

        throw new FedCloudException(ErrorCodes.KeyMissing, "the vault has not the log key that the roster names", "restore the key, or replace it by a new roster version");
    }
}
