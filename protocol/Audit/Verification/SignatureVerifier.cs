// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Verifies many signatures of few keys: each key is imported once a thread, which costs twice as much as verifying.</summary>
/// <param name="keys">The keys by fingerprint.</param>
internal sealed class SignatureVerifier(IReadOnlyDictionary<Sha256Digest, VerificationKey> keys) : IDisposable
{
    private readonly ThreadLocal<Dictionary<Sha256Digest, ECDsa?>> _imported = new(() => [], trackAllValues: true);

    /// <summary>Whether the key is known and signed.</summary>
    /// <param name="signer">The key's fingerprint.</param>
    /// <param name="digest">The 32-byte digest.</param>
    /// <param name="signature">r‖s, 64 bytes.</param>
    public bool Verify(Sha256Digest signer, ReadOnlySpan<byte> digest, ReadOnlySpan<byte> signature) =>
        Imported(signer) is { } key && key.VerifyHash(digest, signature, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    public void Dispose()
    {
        foreach (ECDsa? key in _imported.Values.SelectMany(keys => keys.Values))
        {
            key?.Dispose();
        }

        _imported.Dispose();
    }

    private ECDsa? Imported(Sha256Digest signer)
    {
        Dictionary<Sha256Digest, ECDsa?> imported = _imported.Value ?? throw new ObjectDisposedException(nameof(SignatureVerifier));
        if (!imported.TryGetValue(signer, out ECDsa? key))
        {
            if (keys.TryGetValue(signer, out VerificationKey? known))
            {
                key = ECDsa.Create();
                key.ImportSubjectPublicKeyInfo(known.Spki, out _);
            }

            imported.Add(signer, key);
        }

        return key;
    }
}
