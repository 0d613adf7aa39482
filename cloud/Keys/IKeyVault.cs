// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Keys;

/// <summary>What a key is for.</summary>
public enum KeyKind
{
    /// <summary>ECDSA on P-256, signing only.</summary>
    EcP256,

    /// <summary>RSA-3072, unwrapping only (RSA-OAEP with SHA-256).</summary>
    Rsa3072,
}

/// <summary>One version of a key.</summary>
/// <param name="Kid">The full identifier with version.</param>
/// <param name="Name">The key's name.</param>
/// <param name="Kind">What it is for.</param>
/// <param name="Spki">The public key, DER SubjectPublicKeyInfo.</param>
/// <param name="Enabled">Whether it may be used.</param>
/// <param name="Expires">When it ends; null for never.</param>
public sealed record KeyVersion(string Kid, string Name, KeyKind Kind, byte[] Spki, bool Enabled, DateTimeOffset? Expires = null);

/// <summary>Unwraps data keys.</summary>
public interface IKeyUnwrapper
{
    /// <summary>Unwraps a data key with exactly this version (RSA-OAEP-256). The caller zeroes the result.</summary>
    /// <exception cref="FedCloudException"><c>key_retired</c>, also for versions that never existed; <c>envelope_tampered</c>.</exception>
    Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation);
}

/// <summary>Keys that never leave: signing, unwrapping, versions, rotation.</summary>
/// <remarks>A vault over the network may also fail with <c>vault_unreachable</c>, <c>vault_denied</c>, <c>vault_failed</c> or <c>sign_in_failed</c>.</remarks>
public interface IKeyVault : IKeyUnwrapper
{
    /// <summary>The newest version of a key; makes the key when it does not exist.</summary>
    Task<KeyVersion> EnsureAsync(string name, KeyKind kind, CancellationToken cancellation);

    /// <summary>All versions, oldest first; empty when the key does not exist.</summary>
    Task<IReadOnlyList<KeyVersion>> ListVersionsAsync(string name, CancellationToken cancellation);

    /// <summary>Makes a new version, which becomes the newest.</summary>
    /// <exception cref="FedCloudException"><c>key_missing</c>.</exception>
    Task<KeyVersion> RotateAsync(string name, CancellationToken cancellation);

    /// <summary>Disables a version; it neither signs nor unwraps any more.</summary>
    /// <exception cref="FedCloudException"><c>key_missing</c>.</exception>
    Task DisableAsync(string kid, CancellationToken cancellation);

    /// <summary>Signs a SHA-256 digest with exactly this version (ES256).</summary>
    /// <returns>r‖s, 64 bytes.</returns>
    /// <exception cref="FedCloudException"><c>key_missing</c> or <c>key_retired</c>.</exception>
    Task<byte[]> SignAsync(string kid, byte[] digest, CancellationToken cancellation);
}
