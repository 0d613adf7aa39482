// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// Checked against the public API listing of Azure.Security.KeyVault.Keys 4.10.0 (net10.0).

using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using Azure.Security.KeyVault.Keys.Cryptography;

namespace Azure.Security.KeyVault.Keys;

public class CreateKeyOptions
{
    public IList<KeyOperation> KeyOperations { get; } = [];
}

public class CreateEcKeyOptions : CreateKeyOptions
{
    public CreateEcKeyOptions(string name, bool hardwareProtected = false)
    {
        Name = name;
        HardwareProtected = hardwareProtected;
    }

    public KeyCurveName? CurveName { get; set; }

    public bool HardwareProtected { get; }

    public string Name { get; }
}

public class CreateRsaKeyOptions : CreateKeyOptions
{
    public CreateRsaKeyOptions(string name, bool hardwareProtected = false)
    {
        Name = name;
        HardwareProtected = hardwareProtected;
    }

    public bool HardwareProtected { get; }

    public int? KeySize { get; set; }

    public string Name { get; }
}

public class KeyProperties
{
    public KeyProperties(Uri id)
    {
        Id = id;
        string[] parts = id.AbsolutePath.Trim('/').Split('/');
        Name = parts.ElementAtOrDefault(1);
        Version = parts.ElementAtOrDefault(2);
        VaultUri = new Uri(id.GetLeftPart(UriPartial.Authority));
    }

    internal KeyProperties()
    {
    }

    public DateTimeOffset? CreatedOn { get; internal init; }

    public bool? Enabled { get; set; }

    public DateTimeOffset? ExpiresOn { get; set; }

    public Uri Id { get; internal init; }

    public string Name { get; internal init; }

    public Uri VaultUri { get; internal init; }

    public string Version { get; internal init; }
}

public class KeyVaultKey
{
    internal KeyVaultKey(KeyProperties properties, JsonWebKey key)
    {
        Properties = properties;
        Key = key;
    }

    public Uri Id => Properties.Id;

    public JsonWebKey Key { get; }

    public string Name => Properties.Name;

    public KeyProperties Properties { get; }
}

public class JsonWebKey
{
    public JsonWebKey(ECDsa ecdsa, bool includePrivateParameters = false, IEnumerable<KeyOperation> keyOps = null)
    {
        ECParameters parameters = ecdsa.ExportParameters(includePrivateParameters);
        KeyType = KeyType.Ec;
        CurveName = parameters.Curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value ? KeyCurveName.P256 : new KeyCurveName(parameters.Curve.Oid.FriendlyName);
        X = parameters.Q.X;
        Y = parameters.Q.Y;
    }

    public JsonWebKey(RSA rsaProvider, bool includePrivateParameters = false, IEnumerable<KeyOperation> keyOps = null)
    {
        RSAParameters parameters = rsaProvider.ExportParameters(includePrivateParameters);
        KeyType = KeyType.Rsa;
        E = parameters.Exponent;
        N = parameters.Modulus;
    }

    public KeyCurveName? CurveName { get; set; }

    public byte[] E { get; set; }

    public KeyType KeyType { get; set; }

    public byte[] N { get; set; }

    public byte[] X { get; set; }

    public byte[] Y { get; set; }
}

public readonly struct KeyCurveName(string value) : IEquatable<KeyCurveName>
{
    private readonly string _value = value;

    public static KeyCurveName P256 { get; } = new("P-256");

    public static bool operator ==(KeyCurveName left, KeyCurveName right) => left.Equals(right);

    public static bool operator !=(KeyCurveName left, KeyCurveName right) => !left.Equals(right);

    public bool Equals(KeyCurveName other) => string.Equals(_value, other._value, StringComparison.Ordinal);

    public override bool Equals(object obj) => obj is KeyCurveName other && Equals(other);

    public override int GetHashCode() => _value?.GetHashCode(StringComparison.Ordinal) ?? 0;

    public override string ToString() => _value;
}

public readonly struct KeyOperation(string value) : IEquatable<KeyOperation>
{
    private readonly string _value = value;

    public static KeyOperation Sign { get; } = new("sign");

    public static KeyOperation UnwrapKey { get; } = new("unwrapKey");

    public static KeyOperation Verify { get; } = new("verify");

    public static bool operator ==(KeyOperation left, KeyOperation right) => left.Equals(right);

    public static bool operator !=(KeyOperation left, KeyOperation right) => !left.Equals(right);

    public bool Equals(KeyOperation other) => string.Equals(_value, other._value, StringComparison.Ordinal);

    public override bool Equals(object obj) => obj is KeyOperation other && Equals(other);

    public override int GetHashCode() => _value?.GetHashCode(StringComparison.Ordinal) ?? 0;

    public override string ToString() => _value;
}

public readonly struct KeyType(string value) : IEquatable<KeyType>
{
    private readonly string _value = value;

    public static KeyType Ec { get; } = new("EC");

    public static KeyType EcHsm { get; } = new("EC-HSM");

    public static KeyType Rsa { get; } = new("RSA");

    public static KeyType RsaHsm { get; } = new("RSA-HSM");

    public static bool operator ==(KeyType left, KeyType right) => left.Equals(right);

    public static bool operator !=(KeyType left, KeyType right) => !left.Equals(right);

    public bool Equals(KeyType other) => string.Equals(_value, other._value, StringComparison.Ordinal);

    public override bool Equals(object obj) => obj is KeyType other && Equals(other);

    public override int GetHashCode() => _value?.GetHashCode(StringComparison.Ordinal) ?? 0;

    public override string ToString() => _value;
}

public static class KeyModelFactory
{
    public static KeyProperties KeyProperties(
        Uri id = null, Uri vaultUri = null, string name = null, string version = null, bool managed = false, DateTimeOffset? createdOn = null, DateTimeOffset? updatedOn = null, string recoveryLevel = null, int? recoverableDays = null) =>
        new() { Id = id, VaultUri = vaultUri, Name = name, Version = version, CreatedOn = createdOn };

    public static KeyVaultKey KeyVaultKey(KeyProperties properties, JsonWebKey key) => new(properties, key);
}

public static class CryptographyModelFactory
{
    public static SignResult SignResult(string keyId = null, byte[] signature = null, SignatureAlgorithm algorithm = default) =>
        new() { KeyId = keyId, Signature = signature, Algorithm = algorithm };

    public static UnwrapResult UnwrapResult(string keyId = null, byte[] key = null, KeyWrapAlgorithm algorithm = default) =>
        new() { KeyId = keyId, Key = key, Algorithm = algorithm };
}
