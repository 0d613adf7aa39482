// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Cloud.Keys;

/// <summary>A key vault in files: PKCS#8 of mode 0600 in a folder of mode 0700, with versions and rotation as in the cloud.</summary>
/// <remarks>
/// A version is <c>{name}/{number}.p8</c>; <c>{number}.disabled</c> beside it disables it. The kid is <c>file:{name}/{number}-{fingerprint}</c>,
/// with 8 hexadecimal digits of SHA-256(SPKI): when a file is lost and its number is used again, the kid means another key.
/// Several processes may open one vault. On Windows the folder's own access rules protect the files; modes are not checked there.
/// </remarks>
public sealed class FileKeyVault : IKeyVault
{
    private const string Scheme = "file:";
    private const int RsaBits = 3072;
    private const int NumberLength = 4;
    private const int MarkLength = 8;

    private readonly string _folder;

    /// <summary>Opens a vault, making its folder when it does not exist.</summary>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c>.</exception>
    public FileKeyVault(string folder)
    {
        _folder = folder;
        PrivateFolder.Make(folder);
    }

    /// <inheritdoc/>
    public async Task<KeyVersion> EnsureAsync(string name, KeyKind kind, CancellationToken cancellation)
    {
        KeyVersion? version = null;
        while (version is null)
        {
            // The number before the list: a version that another process makes in between takes the number, and we look again.
            int number = NextNumber(name);
            version = (await ListVersionsAsync(name, cancellation)).LastOrDefault(known => known.Enabled) ?? TryCreate(name, number, kind);
        }

        return version.Kind == kind ? version : throw new FedCloudException(ErrorCodes.KeyUnusable, $"{version.Kid}: expected a key of kind {kind}, found {version.Kind}");
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<KeyVersion>> ListVersionsAsync(string name, CancellationToken cancellation)
    {
        string folder = Path.Combine(_folder, Identifier.Require(name, "key name"));
        IReadOnlyList<KeyVersion> versions = Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, "*.p8").Order(StringComparer.Ordinal).Select(path => Describe(name, path))]
            : [];
        return Task.FromResult(versions);
    }

    /// <inheritdoc/>
    public async Task<KeyVersion> RotateAsync(string name, CancellationToken cancellation)
    {
        IReadOnlyList<KeyVersion> versions = await ListVersionsAsync(name, cancellation);
        if (versions.Count == 0)
        {
            throw new FedCloudException(ErrorCodes.KeyMissing, $"there is no key {name}");
        }

        KeyVersion? version = null;
        while (version is null)
        {
            version = TryCreate(name, NextNumber(name), versions[^1].Kind);
        }

        return version;
    }

    /// <inheritdoc/>
    public Task DisableAsync(string kid, CancellationToken cancellation)
    {
        (string path, AsymmetricAlgorithm key) = Find(kid) ?? throw new FedCloudException(ErrorCodes.KeyMissing, "there is no such key version");
        key.Dispose();
        WholeFile.Write(Path.ChangeExtension(path, ".disabled"), ReadOnlyMemory<byte>.Empty);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<byte[]> SignAsync(string kid, byte[] digest, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(digest);
        ArgumentOutOfRangeException.ThrowIfNotEqual(digest.Length, SHA256.HashSizeInBytes, nameof(digest));
        (string path, AsymmetricAlgorithm found) = Find(kid) ?? throw new FedCloudException(ErrorCodes.KeyMissing, "there is no such key version");
        using AsymmetricAlgorithm key = found;
        RequireEnabled(path);
        ECDsa signer = key as ECDsa ?? throw new FedCloudException(ErrorCodes.KeyMissing, "the key version does not sign");
        byte[] signature = signer.SignHash(digest, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        return Task.FromResult(signature);
    }

    /// <inheritdoc/>
    public Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation)
    {
        (string path, AsymmetricAlgorithm found) = Find(kid) ?? throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names a key version that this vault does not have");
        using AsymmetricAlgorithm key = found;
        RequireEnabled(path);
        RSA unwrapper = key as RSA ?? throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names a key that does not unwrap");
        byte[] dataKey;
        try
        {
            dataKey = unwrapper.Decrypt(wrapped, RSAEncryptionPadding.OaepSHA256);
        }
        catch (CryptographicException error)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeTampered, "the data key does not unwrap", cause: error);
        }

        return Task.FromResult(dataKey);
    }

    private static void RequireEnabled(string path)
    {
        if (File.Exists(Path.ChangeExtension(path, ".disabled")))
        {
            throw new FedCloudException(ErrorCodes.KeyRetired, "the key version is disabled");
        }
    }

    // Null when another process took the number in between.
    private KeyVersion? TryCreate(string name, int number, KeyKind kind)
    {
        string folder = Path.Combine(_folder, name);
        PrivateFolder.Make(folder);
        string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{number:D4}.p8"));
        using AsymmetricAlgorithm key = kind == KeyKind.EcP256 ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(RsaBits);
        byte[] secret = key.ExportPkcs8PrivateKey();
        try
        {
            return PrivateFile.WriteIfAbsent(path, secret) ? Describe(name, path) : null;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    // A disabled version leaves its mark, so that its number is not used again even when its key is deleted.
    private int NextNumber(string name)
    {
        string folder = Path.Combine(_folder, Identifier.Require(name, "key name"));
        return 1 + (!Directory.Exists(folder) ? 0 : Directory.GetFiles(folder, "*.p8").Concat(Directory.GetFiles(folder, "*.disabled"))
            .Select(path => int.TryParse(Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out int number) ? number : 0)
            .Append(0)
            .Max());
    }

    private static KeyVersion Describe(string name, string path)
    {
        using AsymmetricAlgorithm key = Load(path);
        byte[] spki = key.ExportSubjectPublicKeyInfo();
        string kid = $"{Scheme}{name}/{Path.GetFileNameWithoutExtension(path)}-{Mark(spki)}";
        return new KeyVersion(kid, name, key is ECDsa ? KeyKind.EcP256 : KeyKind.Rsa3072, spki, !File.Exists(Path.ChangeExtension(path, ".disabled")));
    }

    private static AsymmetricAlgorithm Load(string path)
    {
        byte[] secret = PrivateFile.Read(path);
        try
        {
            // PKCS#8 names its algorithm (RFC 5208, section 5), and each class refuses the other's.
            return Import(ECDsa.Create(), secret, key => key.KeySize == 256 && ECDsaIsP256(key))
                ?? (AsymmetricAlgorithm?)Import(RSA.Create(), secret, key => key.KeySize == RsaBits)
                ?? throw new FedCloudException(ErrorCodes.KeyUnusable, $"{Path.GetFileName(path)}: expected a P-256 or RSA-3072 key in PKCS#8, found other bytes");
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private static T? Import<T>(T key, byte[] secret, Func<T, bool> isOurs)
        where T : AsymmetricAlgorithm
    {
        try
        {
            key.ImportPkcs8PrivateKey(secret, out int read);
            if (read == secret.Length && isOurs(key))
            {
                return key;
            }
        }
        catch (CryptographicException)
        {
            // Not this kind of key.
        }

        key.Dispose();
        return null;
    }

    private static bool ECDsaIsP256(ECDsa key) =>
        string.Equals(key.ExportParameters(includePrivateParameters: false).Curve.Oid.Value, ECCurve.NamedCurves.nistP256.Oid.Value, StringComparison.Ordinal);

    private static string Mark(byte[] spki) => Sha256Digest.Of(spki).ToString()[..MarkLength];

    // Null when the vault has no such version, or another key under its number.
    private (string Path, AsymmetricAlgorithm Key)? Find(string kid)
    {
        string[] parts = kid.StartsWith(Scheme, StringComparison.Ordinal) ? kid[Scheme.Length..].Split('/') : [];
        if (parts is not [string name, { Length: NumberLength + 1 + MarkLength } version] || !Identifier.IsValid(name) || !version[..NumberLength].All(char.IsAsciiDigit))
        {
            return null;
        }

        string path = Path.Combine(_folder, name, version[..NumberLength] + ".p8");
        AsymmetricAlgorithm? key = File.Exists(path) ? Load(path) : null;
        if (key is not null && string.Equals(version[NumberLength..], $"-{Mark(key.ExportSubjectPublicKeyInfo())}", StringComparison.Ordinal))
        {
            return (path, key);
        }

        key?.Dispose();
        return null;
    }
}
