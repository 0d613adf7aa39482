// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>The public keys of the evidence. A key is known by its hash, so where it came from does not matter; its role is the roster's to say.</summary>
internal sealed class KeyRing
{
    private readonly Dictionary<Sha256Digest, VerificationKey> _keys = [];

    public IReadOnlyDictionary<Sha256Digest, VerificationKey> Keys => _keys;

    public void Add(VerificationKey key) => _keys[key.Fingerprint] = key;

    public VerificationKey? Find(Sha256Digest fingerprint) => _keys.GetValueOrDefault(fingerprint);
}
