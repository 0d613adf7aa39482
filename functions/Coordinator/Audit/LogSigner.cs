// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Audit;

/// <summary>Signs checkpoints with exactly the key versions that the log's own entries ask for.</summary>
/// <param name="vault">The vault that holds LK.</param>
public sealed class LogSigner(IKeyVault vault)
{
    // Listed once, not for each checkpoint. A signature that fails, or a key that is not among them, makes the vault be asked again.
    private Dictionary<Sha256Digest, string>? _kids;

    /// <summary>Whether the vault has all of these keys.</summary>
    public async Task<bool> HasAsync(IEnumerable<NoteKey> keys, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(keys);
        if (_kids is null || !Has(_kids))
        {
            _kids = await KidsAsync(cancellation);
        }

        return Has(_kids);

        bool Has(Dictionary<Sha256Digest, string> kids) => keys.All(key => kids.ContainsKey(FingerprintOf(key)));
    }

    /// <summary>Signs the digest of a checkpoint's text.</summary>
    /// <param name="digest">32 bytes.</param>
    /// <param name="keys">The keys that must all sign.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>Keys with r‖s, 64 bytes each.</returns>
    /// <exception cref="FedCloudException"><c>key_missing</c>: the vault has not a key that the log asks for.</exception>
    public async Task<IReadOnlyList<(NoteKey Key, byte[] Signature)>> SignAsync(byte[] digest, IEnumerable<NoteKey> keys, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(keys);
        Dictionary<Sha256Digest, string> kids = _kids ??= await KidsAsync(cancellation);
        List<(NoteKey, byte[])> signatures = [];
        try
        {
            foreach (NoteKey key in keys)
            {
                string kid = kids.GetValueOrDefault(FingerprintOf(key)) ?? throw Missing(key);
                signatures.Add((key, await vault.SignAsync(kid, digest, cancellation)));
            }
        }
        catch (FedCloudException)
        {
            _kids = null;
            throw;
        }

        return signatures;
    }

    /// <summary>What to say when a key is not there.</summary>
    public static FedCloudException Missing(NoteKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return new FedCloudException(ErrorCodes.KeyMissing, $"expected the log key {key.Name}+{key.Id:x8} in the vault, found none", "restore the key, or replace it with 'fedcloud keys rotate log --lost'");
    }

    // A disabled version signs nothing.
    private async Task<Dictionary<Sha256Digest, string>> KidsAsync(CancellationToken cancellation) =>
        (await vault.ListVersionsAsync(CoordinatorService.LogKey, cancellation)).Where(version => version.Enabled).ToDictionary(version => VerificationKey.FromSpki(version.Spki).Fingerprint, version => version.Kid);

    private static Sha256Digest FingerprintOf(NoteKey key) => (key.P256 ?? throw new ArgumentException("the log signs with P-256", nameof(key))).Fingerprint;
}
