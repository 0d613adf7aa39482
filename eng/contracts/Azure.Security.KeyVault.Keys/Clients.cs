// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// Checked against the public API listing of Azure.Security.KeyVault.Keys 4.10.0 (net10.0).

using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using Azure.Core;
using FedCloud.Contracts;

namespace Azure.Security.KeyVault.Keys
{
    public class KeyClient
    {
        protected KeyClient()
        {
        }

        public KeyClient(Uri vaultUri, TokenCredential credential, KeyClientOptions options) => throw Missing.Package();

        public virtual Task<Response<KeyVaultKey>> CreateEcKeyAsync(CreateEcKeyOptions ecKeyOptions, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<KeyVaultKey>> CreateRsaKeyAsync(CreateRsaKeyOptions rsaKeyOptions, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<KeyVaultKey>> GetKeyAsync(string name, string version = null, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual AsyncPageable<KeyProperties> GetPropertiesOfKeyVersionsAsync(string name, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<KeyVaultKey>> RotateKeyAsync(string name, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<Response<KeyVaultKey>> UpdateKeyPropertiesAsync(KeyProperties properties, IEnumerable<KeyOperation> keyOperations = null, CancellationToken cancellationToken = default) => throw Missing.Package();
    }

    public class KeyClientOptions : ClientOptions
    {
        public KeyClientOptions(ServiceVersion version = ServiceVersion.V2025_07_01)
        {
        }

        public enum ServiceVersion
        {
            V7_0 = 0,
            V7_1 = 1,
            V7_2 = 2,
            V7_3 = 3,
            V7_4 = 4,
            V7_5 = 5,
            V7_6 = 6,
            V2025_07_01 = 7,
        }
    }

    internal static class Missing
    {
        public static Exception Package() => PackageNotRestoredException.Of("Azure.Security.KeyVault.Keys");
    }
}

namespace Azure.Security.KeyVault.Keys.Cryptography
{
    // The package's class is also an IKeyEncryptionKey of Azure.Core; we call its own members only.
    public class CryptographyClient
    {
        protected CryptographyClient()
        {
        }

        public CryptographyClient(Uri keyId, TokenCredential credential, CryptographyClientOptions options) => throw Missing.Package();

        public virtual Task<SignResult> SignAsync(SignatureAlgorithm algorithm, byte[] digest, CancellationToken cancellationToken = default) => throw Missing.Package();

        public virtual Task<UnwrapResult> UnwrapKeyAsync(KeyWrapAlgorithm algorithm, byte[] encryptedKey, CancellationToken cancellationToken = default) => throw Missing.Package();
    }

    public class CryptographyClientOptions : ClientOptions
    {
        public CryptographyClientOptions(ServiceVersion version = ServiceVersion.V2025_07_01)
        {
        }

        public enum ServiceVersion
        {
            V7_0 = 0,
            V7_1 = 1,
            V7_2 = 2,
            V7_3 = 3,
            V7_4 = 4,
            V7_5 = 5,
            V7_6 = 6,
            V2025_07_01 = 7,
        }
    }

    public class SignResult
    {
        internal SignResult()
        {
        }

        public SignatureAlgorithm Algorithm { get; internal init; }

        public string KeyId { get; internal init; }

        public byte[] Signature { get; internal init; }
    }

    public class UnwrapResult
    {
        internal UnwrapResult()
        {
        }

        public KeyWrapAlgorithm Algorithm { get; internal init; }

        public byte[] Key { get; internal init; }

        public string KeyId { get; internal init; }
    }

    public readonly struct SignatureAlgorithm(string value) : IEquatable<SignatureAlgorithm>
    {
        private readonly string _value = value;

        public static SignatureAlgorithm ES256 { get; } = new("ES256");

        public static bool operator ==(SignatureAlgorithm left, SignatureAlgorithm right) => left.Equals(right);

        public static bool operator !=(SignatureAlgorithm left, SignatureAlgorithm right) => !left.Equals(right);

        public bool Equals(SignatureAlgorithm other) => string.Equals(_value, other._value, StringComparison.Ordinal);

        public override bool Equals(object obj) => obj is SignatureAlgorithm other && Equals(other);

        public override int GetHashCode() => _value?.GetHashCode(StringComparison.Ordinal) ?? 0;

        public override string ToString() => _value;
    }

    public readonly struct KeyWrapAlgorithm(string value) : IEquatable<KeyWrapAlgorithm>
    {
        private readonly string _value = value;

        public static KeyWrapAlgorithm RsaOaep256 { get; } = new("RSA-OAEP-256");

        public static bool operator ==(KeyWrapAlgorithm left, KeyWrapAlgorithm right) => left.Equals(right);

        public static bool operator !=(KeyWrapAlgorithm left, KeyWrapAlgorithm right) => !left.Equals(right);

        public bool Equals(KeyWrapAlgorithm other) => string.Equals(_value, other._value, StringComparison.Ordinal);

        public override bool Equals(object obj) => obj is KeyWrapAlgorithm other && Equals(other);

        public override int GetHashCode() => _value?.GetHashCode(StringComparison.Ordinal) ?? 0;

        public override string ToString() => _value;
    }
}
